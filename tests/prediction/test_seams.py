"""The error of a halo that is too small, against the untiled prediction."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.grid_network import ArraySlide, GridNetwork, untiled
from support.run_folder import pixels

from hrpn_tf.config import PredictionConfig
from hrpn_tf.prediction import predict_slide
from hrpn_tf.prediction.seams import _shares
from hrpn_tf.slides import read_provenance


@pytest.mark.parametrize(
    ("tile", "halo", "shape"),
    [(64, 0, (300, 260)), (64, 4, (300, 260)), (400, 0, (900, 830)), (96, 8, (100, 97))],
)
def test_what_is_reported_is_near_the_true_error(
    tmp_path: Path, tile: int, halo: int, shape: tuple[int, int]
) -> None:
    session = GridNetwork(4)
    image = np.random.default_rng(0).integers(0, 256, (*shape, 2), np.uint8)
    out = tmp_path / "out.ome.tif"
    config = PredictionConfig(tile=tile, halo=halo)
    summary = predict_slide(session, ArraySlide(image), [0, 1], out, config=config)
    error = np.abs(pixels(out) - untiled(session, image)[..., 0])
    assert error.max() > 1, "it can be seen"
    assert summary.seams is not None
    assert summary.seams["mean"] == pytest.approx(error.mean(), rel=0.25)
    # of a part of the slide: never more than the true one, and not much less
    assert 0.6 * error.max() < summary.seams["largest"] <= error.max() + 1e-3
    assert read_provenance(out)["tiling"]["seam_error"] == summary.seams
    assert read_provenance(out)["tiling"]["exact"] is False


@pytest.mark.parametrize("halo", [None, 16, 40])
def test_a_full_halo_has_no_error_to_report(tmp_path: Path, halo: int | None) -> None:
    session = GridNetwork(4)  # reads 14 px to each side
    image = np.random.default_rng(0).integers(0, 256, (130, 140, 2), np.uint8)
    out = tmp_path / "out.ome.tif"
    config = PredictionConfig(tile=64, halo=halo)
    summary = predict_slide(session, ArraySlide(image), [0, 1], out, config=config)
    assert summary.seams is None
    assert "seam_error" not in read_provenance(out)["tiling"]
    np.testing.assert_allclose(pixels(out), untiled(session, image)[..., 0], rtol=0, atol=1e-4)


@given(st.tuples(*[st.integers(1, 60)] * 2), st.tuples(*[st.integers(0, 90)] * 2))
def test_the_shares_of_a_window_stand_for_a_whole_block(
    window: tuple[int, int], more: tuple[int, int]
) -> None:
    block = (window[0] + more[0], window[1] + more[1])
    shares = _shares(block, window)
    assert shares.shape == window
    assert shares.sum() == pytest.approx(1)
    if not any(more):
        np.testing.assert_allclose(shares, 1 / shares.size)
    # an error at the four corners counts as often as it occurs in the block
    if min(window) > 2:
        assert shares[0, 0] == pytest.approx(1 / (block[0] * block[1]))
