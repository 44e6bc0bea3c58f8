"""Conditions by animal, against pingouin, SciPy and statsmodels."""

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.analysis.conditions import (
    Contrast,
    Observation,
    check_conditions,
    compare_conditions,
)


def cohort(paired: bool, animals: int = 6) -> tuple[list[Observation], pd.DataFrame]:
    """Two slides per animal and condition; three measures, one of them without an effect."""
    random, observations, rows = np.random.default_rng(3), [], []
    for i in range(animals):
        of_animal = random.normal(0, 1, 3)
        for shift, condition in enumerate(("control", "treated")):
            name = f"m{i}" if paired else f"{condition}{i}"
            base = of_animal if paired else random.normal(0, 1, 3)
            slides = base + shift * np.array([2.0, 1.0, 0.0]) + random.normal(0, 0.5, (2, 3))
            for values in slides:
                observations.append(
                    Observation(name, condition, dict(zip("abc", map(float, values), strict=True)))
                )
            rows.append({"animal": name, "condition": condition,
                         **dict(zip("abc", slides.mean(axis=0), strict=True))})  # fmt: skip
    return observations, pd.DataFrame(rows)


@pytest.mark.parametrize("paired", [False, True])
def test_effects_and_tests_are_those_of_other_libraries(paired: bool) -> None:
    observations, table = cohort(paired)
    found = compare_conditions(observations, ["a", "b", "c"], paired)
    for each in found:
        one, other = (
            table[table.condition == name].sort_values("animal")[each.measure].to_numpy()
            for name in ("control", "treated")
        )
        assert each.animals == (6, 6)
        test = pingouin.ttest(other, one, paired=paired, correction=True).iloc[0]
        assert each.difference == pytest.approx(other.mean() - one.mean())
        bounds = (stats.ttest_rel(other, one) if paired else
                  stats.ttest_ind(other, one, equal_var=False)).confidence_interval()  # fmt: skip
        assert (each.low, each.high) == pytest.approx((bounds.low, bounds.high))
        assert test["T"] * each.difference > 0
        assert each.g_low < each.g < each.g_high
        if not paired:
            g = pingouin.compute_effsize(other, one, eftype="hedges")
            assert each.g == pytest.approx(g, rel=2e-3)  # pingouin approximates the correction
        rank = stats.wilcoxon(other - one) if paired else stats.mannwhitneyu(one, other)
        assert each.p_rank == pytest.approx(rank.pvalue)
    expected = multipletests([each.p for each in found], method="fdr_bh")[1]
    assert [each.q for each in found] == pytest.approx(expected)
    assert found[0].p < 0.05 < found[2].p


def test_the_permutation_of_three_against_three_animals_cannot_fall_below_a_tenth() -> None:
    observations = [
        Observation(f"{c}{i}", c, {"a": 10.0 * (c == "y") + i}) for c in "xy" for i in range(3)
    ]
    (found,) = compare_conditions(observations, ["a"], paired=False)
    assert found.p == pytest.approx(2 / 20)


def contrast(a: np.ndarray, b: np.ndarray, paired: bool) -> Contrast:
    """One measure of animals in two conditions."""
    observations = [
        Observation(f"m{i}" if paired else f"{name}{i}", name, {"a": float(value)})
        for name, values in (("x", a), ("y", b))
        for i, value in enumerate(values)
    ]
    (found,) = compare_conditions(observations, ["a"], paired)
    return found


@pytest.mark.parametrize(("paired", "animals"), [(True, 2), (True, 3), (True, 5), (False, 3)])
def test_the_interval_of_the_effect_covers_it_with_few_animals(paired: bool, animals: int) -> None:
    random, shift, studies = np.random.default_rng(5), 1.5, 150
    covered = 0
    for _ in range(studies):
        common, own = random.normal(size=animals), random.normal(size=(2, animals))
        one, other = 0.8 * paired * common + np.sqrt(1 - 0.64 * paired) * own  # variance 1
        found = contrast(one, other + shift, paired)
        assert found.g_low < found.g < found.g_high
        covered += found.g_low <= shift <= found.g_high
    assert covered >= 0.9 * studies


def test_the_interval_of_paired_effects_is_that_of_bonett() -> None:
    random = np.random.default_rng(1)
    a = random.normal(size=8)
    b = a + random.normal(1, 0.5, 8)
    found = contrast(a, b, paired=True)
    # Bonett (2008), by the correlation
    (va, vb), r, n = (a.var(ddof=1), b.var(ddof=1)), np.corrcoef(a, b)[0, 1], len(a) - 1
    square = (va + vb) / 2
    d = (b - a).mean() / np.sqrt(square)
    variance = d**2 * (va**2 + vb**2 + 2 * r**2 * va * vb) / (8 * n * square**2)
    variance += (va + vb - 2 * r * np.sqrt(va * vb)) / (n * square)
    ends = d + np.array([-1, 1]) * stats.norm.ppf(0.975) * np.sqrt(variance)
    assert (found.g_low, found.g_high) == pytest.approx(tuple(ends))


def test_ranks_of_few_animals_with_ties_are_tested_by_all_arrangements() -> None:
    found = contrast(np.zeros(3), np.array([0.1, 0.2, 0.3]), paired=False)
    assert (found.p, found.p_rank) == (pytest.approx(0.1), pytest.approx(0.1))


def test_slides_of_one_animal_are_one_observation() -> None:
    observations = [Observation("x0", "x", {"a": float(i)}) for i in range(50)]
    observations += [Observation(f"y{i}", "y", {"a": 100.0 + i}) for i in range(3)]
    (found,) = compare_conditions(observations, ["a"], paired=False)
    assert (found.animals, found.p) == ((1, 3), None)
    assert found.means == (24.5, 101.0)
    assert "1 animal with a value in x" in found.untested


def test_animals_without_spread_and_values_that_are_missing() -> None:
    observations = [Observation(f"{c}{i}", c, {"a": 4.0, "b": None}) for c in "xy" for i in "12"]
    same, missing = compare_conditions(observations, ["a", "b"], paired=False)
    assert (same.p, same.untested) == (None, "the animals do not differ")
    assert missing.means == (None, None)
    assert missing.untested


@pytest.mark.parametrize(
    ("rows", "paired", "message"),
    [
        ([("m1", "x"), ("m2", "")], False, "no condition for 1 of 2 slides .*m2"),
        ([("m1", "x"), ("m2", "x")], True, "--paired compares conditions"),
        ([("m1", "x"), ("m2", "y")], True, "no animal has slides of two conditions"),
    ],
)
def test_bad_conditions_are_errors(rows: list[tuple[str, str]], paired: bool, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_conditions(rows, paired)


def test_what_cannot_be_compared_is_one_line() -> None:
    lonely = [("m1", "x"), ("m2", "y"), ("m3", "y")]
    assert check_conditions(lonely, False).startswith("condition x has one animal")
    both = [("m1", "x"), ("m1", "y"), ("m2", "x"), ("m2", "y")]
    assert "give --paired" in check_conditions(both, False)
    assert check_conditions(both, True) == ""
    of_the_last_pair = [(g, c) for c, gs in (("a", "12"), ("b", "34"), ("c", "45")) for g in gs]
    assert check_conditions(of_the_last_pair, False).startswith("animal 4 has slides of two")
    alone = [*both, ("m3", "x"), ("m4", "y")]
    assert check_conditions(alone, True).startswith("animal m3 and 1 more have slides of one cond")
    assert check_conditions([("m1", ""), ("m2", "")], False) == ""
