"""How far slides differ in brightness."""

import numpy as np
import pytest
from support.slides import noise

from hrpn_tf.cli.prepare import summary
from hrpn_tf.data.brightness import are_alike, brightness_ranges
from hrpn_tf.data.building import build_store


@pytest.mark.parametrize(
    ("gains", "expected", "advice"),
    [((3, 4, 5), (0.75, 1.25), "gain_jitter=0.25"), ((1, 2, 7), (0.5, 3.5), "normalisation=slide")],
)
def test_ranges_are_those_of_the_slides(tmp_path, make_list, config, gains, expected, advice):
    images = [noise(0, 64, 64) // 8 * gain for gain in gains]
    images = [np.stack([noise(9, 64, 64)[..., 0], i[..., 1], i[..., 2]], axis=-1) for i in images]
    store = build_store(make_list(*images), config, tmp_path / "store", progress=False)
    found = brightness_ranges(store.manifest.slides, store.roles[:-1])
    vessels, nuclei = (found[role] for role in store.roles[:-1])
    assert vessels == (1, 1)
    assert nuclei == (pytest.approx(expected[0]), pytest.approx(expected[1]))
    said = summary(store).splitlines()[-1]
    assert f"nuclei {expected[0]} to {expected[1]}; to even it out, prepare again" in said
    assert said.endswith(advice)


def test_slides_that_are_alike_need_none(tmp_path, make_list, config):
    images = [noise(i, 64, 64) for i in range(3)]
    store = build_store(make_list(*images), config, tmp_path / "store", progress=False)
    assert "gain_jitter" not in summary(store)
    assert are_alike({})
