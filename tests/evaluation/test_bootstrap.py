"""The bootstrap against SciPy's and against values known in closed form."""

import numpy as np
import pytest
from scipy import stats

from hrpn_tf.evaluation import bootstrap
from hrpn_tf.evaluation.bootstrap import (
    Groups,
    SlideSums,
    difference,
    interval,
    percentile_bounds,
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
    got = difference(one, other, Groups.single(12)).mse_ratio
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
    got = difference(b, a, Groups.single(15)).mse
    assert got.low == pytest.approx(expected.low, rel=0.02)
    assert got.high == pytest.approx(expected.high, rel=0.02)


def test_the_mean_of_many_slides_has_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(10, 1, 400)
    got = interval(lambda counts: counts @ values / 400, Groups.single(400))
    half = 1.96 * values.std() / 20
    assert got.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert got.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_a_shift_common_to_all_slides_is_a_value_without_an_interval() -> None:
    """However much the slides differ among themselves: that is what pairing is for."""
    one = slide_sums(8, 1)
    other = SlideSums(one.pixels, one.squared_error + 2 * one.pixels, one.true_mean, one.true_sd)
    got = difference(other, one, Groups.single(8)).mse
    assert got.estimate == pytest.approx(2)
    assert (got.low, got.high) == (None, None)
    assert got.unresolved == "all resamples give the same value"


@pytest.mark.parametrize("slides", [2, 3, 4, 5])
def test_few_slides_are_enumerated(slides: int) -> None:
    counts = resample_counts(slides)
    assert counts.shape == (slides**slides, slides)
    assert (counts.sum(axis=1) == slides).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1)
    assert f"{len(np.unique(counts, axis=0))} distinct" in Groups.single(slides).describe()
    values = np.arange(slides, dtype=float)
    got = interval(lambda c: c @ values / slides, Groups.single(slides))
    spread = (counts @ values / slides).var()
    assert spread == pytest.approx(values.var() / slides), "the exact variance of the mean"
    if slides < 4:
        assert (got.low, got.high) == (None, None)
        assert got.unresolved == f"{slides} slides, and an interval takes at least 4"
        assert "too few for a 95 % interval" in Groups.single(slides).describe()
        return
    assert "enumerated" in Groups.single(slides).describe()
    assert got.low is not None
    assert got.high is not None
    assert got.low + got.high == pytest.approx(slides - 1), "symmetric"


def test_the_least_number_of_slides_is_the_first_whose_interval_is_no_range() -> None:
    """With fewer, the outermost resample alone is more than 2.5 % of all."""
    assert (bootstrap.FEWEST - 1.0) ** -(bootstrap.FEWEST - 1) > 0.025 > bootstrap.FEWEST**-4.0
    values = np.array([1.0, 2.0, 4.0, 9.0])
    got = interval(lambda c: c @ values / 4, Groups.single(4))
    assert got.low is not None
    assert got.high is not None
    assert 1 < got.low < got.estimate < got.high < 9


def test_a_metric_that_few_resamples_define_has_no_interval() -> None:
    present = np.array([1.0, 0, 0, 0, 0, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        got = interval(lambda c: (c @ present) / (c @ present), Groups.single(6))
    assert got.estimate == 1
    assert (got.low, got.high) == (None, None)
    assert "undefined in" in got.unresolved


def test_values_out_of_reach_count_and_missing_ones_do_not() -> None:
    values = np.arange(1000.0)
    values[:4] = np.nan
    values[-30:] = np.inf
    (low, high), _ = percentile_bounds(values, 9)  # type: ignore[misc]
    assert (low, high) == (28.0, np.inf)
    both = np.where(np.arange(1000) < 100, -np.inf, values)
    bounds, reason = percentile_bounds(both, 9)
    assert bounds is None
    assert reason == "out of reach in 130 of 1000 resamples"
    bounds, reason = percentile_bounds(np.full(9, np.nan), 9)
    assert (bounds, reason) == (None, "undefined in 9 of 9 resamples")
    between, _ = percentile_bounds(np.arange(1000.0), 9, most=np.arange(1000.0) + 5)
    assert between == (25.0, 979.0)


def test_a_division_by_zero_is_no_value_out_of_reach() -> None:
    """The reference of one slide has no error at all: a ratio to it means nothing."""
    one = slide_sums(4, 1)
    perfect = SlideSums(one.pixels, one.squared_error * [0, 1, 1, 1], one.true_mean, one.true_sd)
    got = difference(one, perfect, Groups.single(4)).mse_ratio
    assert got.high is not None
    assert np.isfinite(got.high)


def test_one_slide_has_no_interval() -> None:
    got = difference(slide_sums(1, 1), slide_sums(1, 2), Groups.single(1))
    assert got.mse.low is None
    assert got.to_json()["r2"]["high"] is None
    assert "no interval" in Groups.single(1).describe()


def test_many_slides_are_resampled_the_same_way_each_time() -> None:
    counts = resample_counts(9)
    assert counts.shape == (bootstrap.RESAMPLES, 9)
    np.testing.assert_array_equal(counts, resample_counts(9))
    assert "too narrow" in Groups.single(9).describe()
    assert "too narrow" not in Groups.single(10).describe()


def test_a_constant_target_has_no_r2_and_does_not_fail() -> None:
    flat = SlideSums(np.ones(6), np.ones(6), np.ones(6), np.zeros(6))
    got = difference(flat, flat, Groups.single(6))
    assert np.isnan(got.r2.estimate)
    assert got.r2.low is None
    assert got.mse_ratio.estimate == 1


# One animal's slides share what makes it hard: four slides of each of twelve animals.
ANIMALS, EACH = 12, 4
OF_ANIMALS = [f"m{i}" for i in range(ANIMALS) for _ in range(EACH)]


def test_intervals_hold_the_truth_when_animals_have_several_slides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Errors are 10 + an animal's own N(0, 1) + a slide's N(0, 0.3^2); the truth is 10."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 400)
    random = np.random.default_rng(1)
    within = {"animals": 0, "slides": 0}
    for _ in range(200):
        errors = 10 + np.repeat(random.standard_normal(ANIMALS), EACH)
        errors += 0.3 * random.standard_normal(ANIMALS * EACH)
        ones = np.ones(len(errors))
        sums = SlideSums(ones, errors, ones, ones)
        for groups in (Groups.of(OF_ANIMALS), Groups.single(len(errors))):
            got = interval(sums.mse, groups)
            assert got.low is not None
            assert got.high is not None
            within[groups.what] += got.low <= 10 <= got.high
    assert within["animals"] >= 0.88 * 200
    assert within["slides"] <= 0.75 * 200, "which is why animals are drawn"


def test_slides_that_repeat_their_animal_tell_no_more_than_one_of_it() -> None:
    one, two = slide_sums(6, 1), slide_sums(6, 2, shift=1.0)
    thrice = [SlideSums(*(np.repeat(each, 3) for each in vars(s).values())) for s in (one, two)]
    groups = Groups.of([f"m{i}" for i in range(6) for _ in range(3)])
    single, several = difference(one, two, Groups.single(6)), difference(*thrice, groups)
    for name in ("mse", "mse_ratio", "r2"):
        expected, got = getattr(single, name), getattr(several, name)
        assert (got.estimate, got.low, got.high) == pytest.approx(
            (expected.estimate, expected.low, expected.high)
        )


def test_animals_of_one_slide_each_are_the_slides() -> None:
    sums = slide_sums(9, 1)
    named = Groups.of(list("abcdefghi"))
    assert named.what == "slides"
    assert named.describe() == Groups.single(9).describe()
    np.testing.assert_array_equal(named.counts(), resample_counts(9))
    assert interval(sums.mse, named) == interval(sums.mse, Groups.single(9))


def test_the_least_number_is_that_of_animals_and_the_text_says_so() -> None:
    three = Groups.of(["m1"] * 5 + ["m2"] * 4 + ["m3"])
    got = interval(lambda c: c @ np.arange(10.0), three)
    assert (got.low, got.high) == (None, None)
    assert got.unresolved == "3 animals, and an interval takes at least 4"
    assert three.describe() == (
        "3 test animals (10 slides) have 10 distinct resamples: too few for a 95 % interval, "
        "which takes 4 animals"
    )
    assert Groups.of(["m1", "m1"]).describe() == (
        "one test animal (2 slides): no interval can be given"
    )
    twelve = Groups.of(OF_ANIMALS).describe()
    assert twelve.startswith("12 test animals (48 slides) have 1352078 distinct resamples")
