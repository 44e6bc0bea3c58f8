"""What environments for prediction alone compute without OpenCV is what OpenCV gives."""

import sys

import cv2
import numpy as np
import pytest
from support.grid_network import ArraySlide

from hrpn_tf.evaluation.baselines.vessel_distance import distance_to_vessels
from hrpn_tf.prediction import find_tissue
from hrpn_tf.slides.resample import area_means


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("side", [1, 2, 3, 5, 8])
def test_tissue_maps_to_the_last_bit(
    dtype: str, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrpn_tf.prediction.tissue_map.MAP_SIDE", 30)
    random = np.random.default_rng(side)
    image = random.integers(0, np.iinfo(dtype).max + 1, (30 * side, 23 * side, 1)).astype(dtype)
    seen: list[np.ndarray] = []

    def classify(means: np.ndarray, _: float) -> np.ndarray:
        seen.append(means[..., 0])
        return means[..., 0] > np.quantile(means, 0.9)

    found = find_tissue(ArraySlide(image), [0], image.shape[:2], classify)
    plane = image[..., 0].astype(np.float32)
    expected = cv2.resize(plane, (23, 30), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(seen[0], expected)
    tissue = (expected > np.quantile(expected, 0.9)).astype(np.uint8)
    np.testing.assert_array_equal(found.mask, cv2.dilate(tissue, np.ones((3, 3), np.uint8)) > 0)


@pytest.mark.parametrize("shape", [(90, 41), (17, 230), (512, 300)])
@pytest.mark.parametrize("size", [(1, 1), (7, 11), (17, 41)])
def test_means_over_areas_to_rounding(shape: tuple[int, int], size: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).random(shape).astype(np.float32) * 1000
    expected = cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(area_means(plane, *size), expected, rtol=1e-5)


@pytest.mark.parametrize("share", [0.0, 1e-4, 0.01, 0.2])
def test_distances_to_the_last_bit(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    background = np.random.default_rng(1).random((300, 410)) >= share
    by_opencv = distance_to_vessels(background)
    monkeypatch.setitem(sys.modules, "cv2", None)
    without = distance_to_vessels(background)
    np.testing.assert_array_equal(without, by_opencv, strict=True)
    assert np.isinf(without).all() == background.all()
