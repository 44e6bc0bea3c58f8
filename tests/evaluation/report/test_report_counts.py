"""Counts over pixels against numpy on the whole images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpn_tf.evaluation.density import Density, shared_edges
from hrpn_tf.evaluation.report.coverage import ReportCoverage


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_density_is_the_histogram_of_both(seed: int, integers: bool) -> None:
    random = np.random.default_rng(seed)
    measured = random.gamma(1, 20, 500)
    measured = measured.astype(np.uint8) if integers else measured.astype(np.float32)
    predicted = (measured * random.normal(1, 0.2, 500)).astype(np.float32)
    low = min(float(measured.min()), float(predicted.min()))
    high = max(float(measured.max()), float(predicted.max()))
    density = Density(shared_edges(low, high, integers))
    for part in np.split(np.arange(500), [100, 350]):
        density.add(measured[part], predicted[part])
    assert density.edges[0] <= low
    assert density.edges[-1] >= high
    assert density.counts.sum() == 500
    # a value on an edge may fall on either side of it
    expected = np.histogram2d(measured, predicted, bins=(density.edges, density.edges))[0]
    assert np.abs(density.counts - expected).sum() <= (0 if integers else 4)


def test_bins_of_an_integer_target_hold_whole_grey_levels() -> None:
    edges = shared_edges(0, 1000, True)
    steps = np.diff(edges)
    assert np.all(steps == steps[0])
    assert steps[0] == 8
    assert np.all(edges % 1 == 0.5)


def test_reliability_is_mean_and_spread_by_predicted_value() -> None:
    random = np.random.default_rng(1)
    predicted = random.integers(0, 5, 4000)
    measured = random.poisson(predicted + 1)
    density = Density(shared_edges(0, 30, True))
    density.add(measured, predicted)
    mean, spread, pixels = density.reliability()
    for value in range(5):
        those = measured[predicted == value]
        assert pixels[value] == len(those)
        assert mean[value] == pytest.approx(those.mean())
        assert spread[value] == pytest.approx(those.std())
    assert np.isnan(mean[10])


def test_coverage_counts_what_lies_within() -> None:
    random = np.random.default_rng(2)
    measured, predicted = random.normal(10, 3, (2, 60, 50))
    lower, upper = predicted - 2, predicted + random.uniform(1, 3, (60, 50))
    edges = np.linspace(0, 20, 11)
    coverage, other = ReportCoverage(edges), ReportCoverage(edges)
    coverage.add(*(image[:20] for image in (measured, predicted, lower, upper)))
    other.add(*(image[20:] for image in (measured, predicted, lower, upper)))
    coverage.merge(other)
    within = (measured >= lower) & (measured <= upper)
    assert coverage.share == pytest.approx(within.mean())
    assert coverage.mean_width == pytest.approx((upper - lower).mean())
    third = (predicted >= 4) & (predicted < 6)
    assert coverage.pixels[2] == third.sum()
    assert coverage.below[2] + coverage.above[2] == (third & ~within).sum()


def test_a_value_on_a_bound_lies_within_and_nothing_has_no_share() -> None:
    coverage = ReportCoverage(np.linspace(0, 4, 5))
    assert coverage.share is None
    assert coverage.mean_width is None
    coverage.add(*np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 1.0], [3.0, 3.0]]))
    assert coverage.share == 1.0
