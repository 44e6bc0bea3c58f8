"""The filters in NumPy give what SciPy and scikit-image give."""

import numpy as np
import pytest
from scipy.ndimage import correlate1d, gaussian_filter, uniform_filter
from skimage.filters import threshold_otsu

from hrpn_tf import filters

SHAPES = [(1024, 1024), (128, 130), (37, 5), (1, 9), (700, 3), (1, 1)]


def image_of(shape: tuple[int, int], dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, 30.0, shape).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gaussian_is_that_of_scipy(shape: tuple[int, int], dtype: str) -> None:
    image = np.log1p(image_of(shape, dtype))
    found, expected = filters.gaussian(image, 2.0), gaussian_filter(image, 2.0)
    assert found.dtype == expected.dtype
    # to the last bit but for processors that multiply and add in one step
    np.testing.assert_array_max_ulp(found, expected, 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_symmetric_kernel_and_a_local_mean_are_those_of_scipy(shape: tuple[int, int]) -> None:
    image, kernel = image_of(shape), np.array([1.0, -4.0, 6.0, -4.0, 1.0])
    expected = correlate1d(correlate1d(image, kernel, axis=0), kernel, axis=1)
    np.testing.assert_allclose(filters.symmetric(image, kernel), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(filters.local_mean(image, 5), uniform_filter(image, 5), rtol=1e-12)


@pytest.mark.parametrize("bytes_at_once", [1, 2**12, 2**30])
def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch, bytes_at_once: int) -> None:
    image = image_of((70, 90))
    expected = filters.gaussian(image, 1.5)
    monkeypatch.setattr(filters, "_AT_ONCE", bytes_at_once)
    assert np.array_equal(filters.gaussian(image, 1.5), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_otsus_threshold_is_that_of_scikit_image(dtype: str) -> None:
    for shape in SHAPES[:-1]:
        image = np.log1p(image_of(shape, dtype))
        assert filters.otsu(image) == threshold_otsu(image)
