"""A network that is cropped where branches meet gives the same pixels, with less to compute."""

import numpy as np
import pytest
from experiments.trimmed_halo import bound, trimmed


@pytest.mark.nightly
def test_a_trimmed_network_keeps_its_pixels() -> None:
    from hrpn_tf.models.build import build_model

    model, halo, kept = build_model("hrpn-s", inputs=2), 144, 48
    tile = np.random.default_rng(0).integers(0, 256, (1, *[kept + 2 * halo] * 2, 2)).astype("f4")
    network, left = trimmed(model, halo)
    assert left < 16
    inner, whole = slice(left, left + kept), slice(halo, halo + kept)
    expected = model(tile, training=False).numpy()[0, whole, whole]
    got = network(tile, training=False).numpy()[0, inner, inner]
    assert expected.std() > 0
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)
    read, cut, least = bound(model, 2048, 2048)
    assert read == pytest.approx((2336 / 2048) ** 2)
    assert 1 < least < cut < read
