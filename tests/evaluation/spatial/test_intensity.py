"""Ranges against NumPy."""

import numpy as np
import pytest
from support.array_plane import ArrayPlane

from hrpn_tf.evaluation.spatial.intensity import PERCENTILES, Extremes, Histogram, extremes


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_percentiles_are_those_of_numpy(dtype: str) -> None:
    random = np.random.default_rng(0)
    scale = {"uint8": 6, "uint16": 4000, "float32": 6}[dtype]
    image = np.minimum(random.gamma(1, scale, (301, 199)), 255 * scale / 6).astype(dtype)
    range_ = Extremes(0.0, float(np.ceil(image.max())))
    parts = [Histogram(range_), Histogram(range_)]
    parts[0].add(image[:100])
    parts[1].add(image[100:])
    parts[0].merge(parts[1])
    found = parts[0].to_json()
    expected = np.percentile(image.astype(float), PERCENTILES, method="inverted_cdf")
    exact = 0 if dtype.startswith("u") else range_.high / 2**15
    np.testing.assert_allclose(list(found["percentiles"].values()), expected, atol=exact + 1e-9)
    assert found["mean"] == pytest.approx(image.mean(dtype=float))
    assert found["sd"] == pytest.approx(image.std(dtype=float))
    assert (found["min"], found["max"]) == (image.min(), image.max())
    assert found["pixels"] == image.size


def test_a_wide_range_of_whole_numbers_takes_no_more_memory() -> None:
    wide = Histogram(Extremes(0.0, 2e9))
    assert len(wide.counts) == 2**16
    wide.add(np.array([0.0, 1e9, 2e9]))
    assert wide.to_json()["percentiles"]["50"] == pytest.approx(1e9, rel=1e-4)


def test_nothing_has_no_range() -> None:
    empty = Histogram(Extremes(0.0, 1.0))
    empty.add(np.zeros(0))
    assert empty.to_json() == {}


def test_extremes_of_a_plane() -> None:
    image = np.array([[1.5, -2.0], [7.0, 3.0]])
    assert extremes(ArrayPlane(image)) == Extremes(-2.0, 7.0)
