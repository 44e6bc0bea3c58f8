"""Scaling a prediction with its interval, without TensorFlow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.grid_network import ArraySlide, GridNetwork

from hrpn_tf.config import PredictionConfig
from hrpn_tf.errors import AnchorError
from hrpn_tf.prediction import predict_slide
from hrpn_tf.prediction.anchor import AnchorSums, AnchorTask, BlockMask
from hrpn_tf.slides import open_slide, read_provenance


class WithBounds(GridNetwork):
    """The mean of both inputs, half of it and twice it."""

    def __init__(self, sign: float = 1.0) -> None:
        super().__init__(4)
        self.sign = sign
        self.contract = replace(self.contract, outputs=("qd", "lower", "upper"), coverage=0.9)

    def _one(self, image: np.ndarray) -> np.ndarray:
        mean = self.sign * image.mean(axis=-1, keepdims=True)
        return np.concatenate([mean, mean / 2, mean * 2], axis=-1).astype(np.float32)


IMAGE = np.random.default_rng(0).integers(1, 100, (70, 90, 2)).astype(np.uint8)
MASK = np.zeros((7, 9), bool)
MASK[2:, 3:] = True
ANCHOR = AnchorTask(33.0, find_tissue=lambda: BlockMask(MASK, 10))


@pytest.mark.parametrize("format", ["ome-tiff", "ome-zarr-0.5", "ome-zarr-0.4"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_bounds_are_scaled_alike(tmp_path: Path, format: str, dtype: str) -> None:
    out = tmp_path / ("out.ome.tif" if format == "ome-tiff" else "out.ome.zarr")
    config = PredictionConfig.model_validate({"tile": 48, "format": format, "dtype": dtype})
    predict_slide(WithBounds(), ArraySlide(IMAGE), [0, 1], out, config=config, anchor=ANCHOR)
    with open_slide(out) as slide:
        got = slide.read(0, 0, 70, 90, [0, 1, 2]).astype(np.float64)
        assert slide.info.dtype == dtype
    found = read_provenance(out)["anchored"]
    plain = IMAGE.mean(axis=-1)
    factor = 33 / plain[20:, 30:].mean()
    assert found["factor"] == pytest.approx(factor, rel=1e-6)
    wanted = plain[..., None] * factor * np.array([1, 0.5, 2])
    if dtype == "uint8":
        wanted = np.clip(wanted, 0, 255)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=0.501 if dtype == "uint8" else 1e-4)
    largest = found["of_this_slide"]["largest"]
    assert largest == pytest.approx(2 * plain.max()), "of the upper bound, which may be clipped"


def test_a_prediction_that_is_not_positive_cannot_be_scaled(tmp_path: Path) -> None:
    out = tmp_path / "out.ome.tif"
    with pytest.raises(AnchorError, match=r"out\.ome\.tif: cannot be anchored: the mean predic"):
        predict_slide(WithBounds(-1.0), ArraySlide(IMAGE), [0, 1], out, anchor=ANCHOR)
    assert not out.exists()


def test_sums_of_several_slides_do_not_depend_on_their_order() -> None:
    parts = [AnchorSums(10 + i, 0.1 * 3**i, None, float(i)) for i in range(9)]
    total = AnchorSums.total(parts)
    assert AnchorSums.total(parts[::-1]) == total
    assert total.factor(2.0) == 2.0 * total.pixels / total.predicted
    measured = AnchorSums.total([AnchorSums(2, 4.0, 6.0, 1.0), AnchorSums(2, 4.0, 10.0, 1.0)])
    assert measured.factor(None) == 2.0
    with pytest.raises(AnchorError, match="measured target over its 2 px is 0"):
        AnchorSums(2, 4.0, 0.0, 1.0).factor(None)


@pytest.mark.parametrize("mean", [1e300, 1e39, 1e-60])
def test_a_mean_outside_of_float32_is_refused(mean: float) -> None:
    """The result would be infinite or 0 everywhere."""
    with pytest.raises(AnchorError, match="leaves the range of float32; state the measured mean"):
        AnchorSums(2, 4.0, None, 3.0).factor(mean)
