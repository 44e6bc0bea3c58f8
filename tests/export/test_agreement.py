import math

import numpy as np
import pytest
from hrpn_export.agreement import Sums
from hrpn_export.errors import ContractError
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio
from sklearn.metrics import r2_score


def images(seed=0, grey_max=255.0, shape=(40, 30, 2)):
    random = np.random.default_rng(seed)
    truth = random.uniform(0, grey_max, shape)
    reference = truth + random.normal(0, grey_max / 20, shape)
    candidate = reference + random.normal(0, grey_max / 500, shape)
    return reference, candidate, truth


@given(st.integers(0, 1000), st.sampled_from([1.0, 255.0, 65535.0]), st.integers(1, 39))
def test_figures_are_those_of_scikit_in_any_pieces(seed, grey_max, cut):
    arrays = images(seed, grey_max)
    sums = Sums(grey_max)
    sums.add(*(a[:cut] for a in arrays))
    sums.add(*(a[cut:] for a in arrays))
    reference, candidate, truth = arrays
    for place, image in enumerate((reference, candidate)):
        assert sums.mse[place] == pytest.approx(mean_squared_error(truth, image))
        assert sums.r2[place] == pytest.approx(r2_score(truth.ravel(), image.ravel()))
        expected = peak_signal_noise_ratio(truth, image, data_range=grey_max)
        assert sums.psnr[place] == pytest.approx(expected)
    assert sums.pixels == truth.size
    assert sums.largest == np.abs(candidate - reference).max()
    assert sums.mean == pytest.approx(np.abs(candidate - reference).mean())
    close = np.isclose(candidate, reference, rtol=0.005, atol=0.05 * grey_max / 255)
    assert sums.mismatching == pytest.approx(1 - close.mean())
    assert sums.mse_change == pytest.approx(sums.mse[1] / sums.mse[0] - 1)


def test_a_small_contrast_on_a_bright_ground_keeps_its_r2():
    random = np.random.default_rng(0)
    truth = 60_000 + random.normal(0, 0.01, 10_000)
    image = truth + random.normal(0, 0.001, 10_000)
    sums = Sums(65535.0)
    sums.add(image, image, truth)
    assert sums.r2[0] == pytest.approx(r2_score(truth, image), rel=1e-6)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 65535.0])
def test_a_constant_truth_has_no_r2(value):
    sums = Sums(255.0)
    truth = np.full(1000, value)
    sums.add(truth + 1, truth + 1, truth)
    assert math.isnan(sums.r2[0])


def test_equal_images_are_perfect():
    truth = np.arange(6.0)
    sums = Sums(255.0)
    sums.add(truth, truth, truth)
    assert (sums.largest, sums.mse_change, sums.psnr[1]) == (0.0, 0.0, math.inf)
    assert sums.r2 == (1.0, 1.0)


def test_a_perfect_reference_makes_any_error_infinitely_worse():
    truth = np.arange(6.0)
    sums = Sums(255.0)
    sums.add(truth, truth + 1, truth)
    assert sums.mse_change == math.inf


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_the_worst_there_is(bad):
    reference, candidate, truth = images()
    candidate[3, 4, 1] = bad
    sums = Sums(255.0)
    sums.add(reference, candidate, truth)
    assert sums.largest == math.inf
    assert sums.mismatches >= 1
    assert not sums.psnr[1] > 0
    assert not math.isfinite(sums.mse[1])
    assert not abs(sums.mse_change) < 1e9


@pytest.mark.parametrize("shape", [(4, 4, 1), (1, 4, 2), (4, 4)])
def test_shapes_are_never_broadcast(shape):
    full = np.zeros((4, 4, 2))
    with pytest.raises(ContractError, match="cannot be compared"):
        Sums(255.0).add(full, full, np.zeros(shape))
