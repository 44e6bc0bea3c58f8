"""The bootstrap against SciPy's and against values known in closed form."""

import numpy as np
import pytest
from scipy import stats

from hrpn_tf.evaluation import bootstrap
from hrpn_tf.evaluation.bootstrap import (
    SlideSums,
    describe_resamples,
    difference,
    interval,
    resample_counts,
)


def slide_sums(slides: int, seed: int, shift: float = 0.0) -> SlideSums:
    random = np.random.default_rng(seed)
    pixels = np.random.default_rng(99).integers(100, 1000, slides).astype(float)
    mse = random.gamma(4, 1, slides) + shift
    return SlideSums(
        pixels, mse * pixels, random.uniform(3, 6, slides), random.uniform(3, 5, slides)
    )


def test_the_pooled_figures_are_those_of_all_pixels_together() -> None:
    random = np.random.default_rng(0)
    true = [random.gamma(1, 5, size) for size in (50, 200, 120)]
    pred = [t + random.normal(0, 1, t.size) for t in true]
    sums = SlideSums(
        np.array([t.size for t in true], float),
        np.array([((p - t) ** 2).sum() for t, p in zip(true, pred, strict=True)]),
        np.array([t.mean() for t in true]),
        np.array([t.std() for t in true]),
    )
    once, twice = np.ones((1, 3)), np.array([[2.0, 0.0, 1.0]])
    for counts, chosen in ((once, [0, 1, 2]), (twice, [0, 0, 2])):
        t = np.concatenate([true[i] for i in chosen])
        p = np.concatenate([pred[i] for i in chosen])
        assert sums.mse(counts)[0] == pytest.approx(np.mean((p - t) ** 2))
        assert sums.variance(counts)[0] == pytest.approx(t.var())
        assert sums.r2(counts)[0] == pytest.approx(1 - np.mean((p - t) ** 2) / t.var())


def test_intervals_are_those_of_scipy() -> None:
    one, other = slide_sums(12, 1), slide_sums(12, 2, shift=1.0)

    def ratio(index: np.ndarray, axis: int = -1) -> np.ndarray:
        return one.squared_error[index].sum(axis) / other.squared_error[index].sum(axis)

    expected = stats.bootstrap(
        (np.arange(12),),
        ratio,
        n_resamples=10_000,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(5),
    ).confidence_interval
    got = difference(one, other).mse_ratio
    assert got.low == pytest.approx(expected.low, rel=0.02)
    assert got.high == pytest.approx(expected.high, rel=0.02)
    assert got.estimate == pytest.approx(one.squared_error.sum() / other.squared_error.sum())


def test_paired_differences_are_those_of_scipy() -> None:
    """Of slides of one size, where the pooled MSE is the mean of the slides'."""
    random = np.random.default_rng(3)
    first = random.gamma(4, 1, 15)
    second = first + random.normal(0.5, 0.2, 15)
    same = np.full(15, 100.0)
    a, b = (SlideSums(same, m * same, same * 0, same) for m in (first, second))
    expected = stats.bootstrap(
        (second, first),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        paired=True,
        n_resamples=10_000,
        method="percentile",
        rng=np.random.default_rng(5),
    ).confidence_interval
    got = difference(b, a).mse
    assert got.low == pytest.approx(expected.low, rel=0.02)
    assert got.high == pytest.approx(expected.high, rel=0.02)


def test_the_mean_of_many_slides_has_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(10, 1, 400)
    got = interval(lambda counts: counts @ values / 400, 400)
    half = 1.96 * values.std() / 20
    assert got.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert got.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_a_shift_common_to_all_slides_is_a_value_without_an_interval() -> None:
    """However much the slides differ among themselves: that is what pairing is for."""
    one = slide_sums(8, 1)
    other = SlideSums(one.pixels, one.squared_error + 2 * one.pixels, one.true_mean, one.true_sd)
    got = difference(other, one).mse
    assert got.estimate == pytest.approx(2)
    assert (got.low, got.high) == (None, None)
    assert got.unresolved == "all resamples give the same value"


@pytest.mark.parametrize("slides", [2, 3, 4, 5])
def test_few_slides_are_enumerated(slides: int) -> None:
    counts = resample_counts(slides)
    assert counts.shape == (slides**slides, slides)
    assert (counts.sum(axis=1) == slides).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1)
    assert f"{len(np.unique(counts, axis=0))} distinct" in describe_resamples(slides)
    values = np.arange(slides, dtype=float)
    got = interval(lambda c: c @ values / slides, slides)
    spread = (counts @ values / slides).var()
    assert spread == pytest.approx(values.var() / slides), "the exact variance of the mean"
    if slides < 4:
        assert (got.low, got.high) == (None, None)
        assert got.unresolved == f"{slides} slides, and an interval takes at least 4"
        assert "too few for a 95 % interval" in describe_resamples(slides)
        return
    assert "enumerated" in describe_resamples(slides)
    assert got.low is not None
    assert got.high is not None
    assert got.low + got.high == pytest.approx(slides - 1), "symmetric"


def test_the_least_number_of_slides_is_the_first_whose_interval_is_no_range() -> None:
    """With fewer, the outermost resample alone is more than 2.5 % of all."""
    assert (bootstrap.FEWEST - 1.0) ** -(bootstrap.FEWEST - 1) > 0.025 > bootstrap.FEWEST**-4.0
    values = np.array([1.0, 2.0, 4.0, 9.0])
    got = interval(lambda c: c @ values / 4, 4)
    assert got.low is not None
    assert got.high is not None
    assert 1 < got.low < got.estimate < got.high < 9


def test_a_metric_that_few_resamples_define_has_no_interval() -> None:
    present = np.array([1.0, 0, 0, 0, 0, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        got = interval(lambda c: (c @ present) / (c @ present), 6)
    assert got.estimate == 1
    assert (got.low, got.high) == (None, None)
    assert "undefined in" in got.unresolved


def test_one_slide_has_no_interval() -> None:
    got = difference(slide_sums(1, 1), slide_sums(1, 2))
    assert got.mse.low is None
    assert got.to_json()["r2"]["high"] is None
    assert "no interval" in describe_resamples(1)


def test_many_slides_are_resampled_the_same_way_each_time() -> None:
    counts = resample_counts(9)
    assert counts.shape == (bootstrap.RESAMPLES, 9)
    np.testing.assert_array_equal(counts, resample_counts(9))
    assert "too narrow" in describe_resamples(9)
    assert "too narrow" not in describe_resamples(10)


def test_a_constant_target_has_no_r2_and_does_not_fail() -> None:
    flat = SlideSums(np.ones(6), np.ones(6), np.ones(6), np.zeros(6))
    got = difference(flat, flat)
    assert np.isnan(got.r2.estimate)
    assert got.r2.low is None
    assert got.mse_ratio.estimate == 1
