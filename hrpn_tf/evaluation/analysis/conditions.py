"""Conditions compared by animal: effects with intervals, and tests corrected for their number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from scipy import special, stats

from hrpn_tf.errors import UsageError
from hrpn_tf.text import printable

LEVEL = 0.95
RESAMPLES = 9999  # of a permutation test that has more arrangements than these
FEWEST = 2  # animals of a condition


@dataclass(frozen=True)
class Observation:
    """The measures of one slide.

    Attributes:
        group: the animal.
        condition: what is compared.
        values: by name of a measure; None where undefined.
    """

    group: str
    condition: str
    values: Mapping[str, float | None]


@dataclass(frozen=True)
class Contrast:
    """One measure in two conditions.

    Attributes:
        measure: name.
        one, other: conditions; differences are other minus one.
        animals: number in each; of pairs, the same twice.
        means: over animals.
        difference, low, high: of the means, with a 95 % interval (Welch's or the paired t
            interval); None where a condition has too few animals.
        g: Hedges' g; None likewise, or without spread.
        g_low, g_high: a 95 % interval of what g estimates; g is not in its middle.
        p: two-sided, by permutation of animals.
        p_rank: two-sided, by Mann and Whitney's or Wilcoxon's signed-rank test.
        q: ``p`` corrected for the number of contrasts (Benjamini and Hochberg).
        untested: why there is no test, or "".
    """

    measure: str
    one: str
    other: str
    animals: tuple[int, int]
    means: tuple[float | None, float | None]
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    g: float | None = None
    g_low: float | None = None
    g_high: float | None = None
    p: float | None = None
    p_rank: float | None = None
    q: float | None = None
    untested: str = ""


def check_conditions(rows: Sequence[tuple[str, str]], paired: bool) -> str:
    """What cannot be compared, in one line; "" if all can.

    Args:
        rows: (group, condition) of each slide.
        paired: whether animals are compared with themselves.

    Raises:
        UsageError: some slides have no condition, or ``paired`` and no animal is in two.
    """
    named = sorted({condition for _, condition in rows if condition})
    if named and len(without := [g for g, condition in rows if not condition]):
        raise UsageError(
            f"no condition for {len(without)} of {len(rows)} slides (the first is of "
            f"{printable(without[0], 60)}); fill the column 'condition' in every row, or leave it "
            "out"
        )
    animals = {name: {g for g, condition in rows if condition == name} for name in named}
    shared = {g for a, b in combinations(named, 2) for g in animals[a] & animals[b]}
    if paired:
        if len(named) < 2:
            raise UsageError("--paired compares conditions; name them in a column 'condition'")
        if not shared:
            raise UsageError(
                "--paired: no animal has slides of two conditions; leave the option out, or give "
                "the slides of one animal the same group"
            )
        return _alone({g for g, _ in rows} - shared)
    single = [name for name in named if len(animals[name]) < FEWEST]
    if len(named) > 1 and single:
        return (
            f"condition {printable(single[0], 60)} has one animal: it is shown, and not tested, "
            f"which takes {FEWEST} animals of each condition"
        )
    if shared:
        return (
            f"animal {printable(min(shared), 60)} has slides of two conditions, which the test "
            "takes for independent; give --paired if every animal has"
        )
    return ""


def _alone(animals: set[str]) -> str:
    """That animals of one condition have no partner, in one line; "" without any."""
    if not animals:
        return ""
    first, more = printable(min(animals), 60), len(animals) - 1
    return (
        f"animal {first}{f' and {more} more' if more else ''} "
        f"{'have' if more else 'has'} slides of one condition alone; --paired leaves them out of "
        "the comparison"
    )


def animal_means(observations: Sequence[Observation], measure: str) -> dict[str, dict[str, float]]:
    """Condition: animal: mean over its slides; animals without a value are left out."""
    found: dict[str, dict[str, list[float]]] = {}
    for each in observations:
        value = each.values[measure]
        if value is not None and np.isfinite(value):
            found.setdefault(each.condition, {}).setdefault(each.group, []).append(value)
    return {
        condition: {group: float(np.mean(values)) for group, values in animals.items()}
        for condition, animals in sorted(found.items())
    }


def compare_conditions(
    observations: Sequence[Observation], measures: Sequence[str], paired: bool
) -> list[Contrast]:
    """Every pair of conditions in every measure; the animal is the unit.

    Args:
        observations: one per slide.
        measures: names.
        paired: compare each animal with itself; animals of one condition alone are left out.
    """
    names = sorted({each.condition for each in observations if each.condition})
    contrasts = []
    for measure in measures:
        means = animal_means(observations, measure)
        for one, other in combinations(names, 2):
            contrasts.append(
                _contrast(measure, one, other, means.get(one, {}), means.get(other, {}), paired)
            )
    return _corrected(contrasts)


def _contrast(
    measure: str,
    one: str,
    other: str,
    first: Mapping[str, float],
    second: Mapping[str, float],
    paired: bool,
) -> Contrast:
    if paired:
        shared = sorted(set(first) & set(second))
        first, second = ({g: part[g] for g in shared} for part in (first, second))
    a, b = np.array(list(first.values())), np.array(list(second.values()))
    means = tuple(float(part.mean()) if part.size else None for part in (a, b))
    plain: dict[str, Any] = {
        "measure": measure, "one": one, "other": other, "animals": (len(a), len(b)), "means": means
    }  # fmt: skip
    if min(len(a), len(b)) < FEWEST:
        where = "both" if paired else one if len(a) < FEWEST else other
        count = min(len(a), len(b))
        animals = "animal" if count == 1 else "animals"
        what = f"{animals} in both" if paired else f"{animals} with a value in {where}"
        return Contrast(**plain, untested=f"{count} {what}, and a test takes {FEWEST}")
    found = (_paired if paired else _independent)(a, b)
    if found["p"] is None:
        return Contrast(**plain, **found, untested="the animals do not differ")
    return Contrast(**plain, **found)


def _independent(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    difference = float(b.mean() - a.mean())
    if np.ptp(np.concatenate([a, b])) == 0:
        return {"difference": difference, "p": None, "p_rank": None}
    interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval(LEVEL)
    pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (len(a) + len(b) - 2)
    found = _effect(
        difference,
        interval,
        float(np.sqrt(pooled)),
        len(a) + len(b) - 2,
        lambda d: 1 / len(a) + 1 / len(b) + d**2 / (2 * (len(a) + len(b) - 2)),
    )
    test = stats.permutation_test(
        (a, b),
        lambda x, y, axis: y.mean(axis=axis) - x.mean(axis=axis),
        vectorized=True,
        n_resamples=_exact(comb(len(a) + len(b), len(a))),
        rng=np.random.default_rng(0),
    )
    return {**found, "p": float(test.pvalue), "p_rank": _rank_test(a, b)}


def _rank_test(a: np.ndarray, b: np.ndarray) -> float:
    """p of Mann and Whitney's test; of few animals of which some are equal, by all arrangements.

    SciPy knows the exact distribution without ties alone, and its approximation of few values
    falls below the least p that they can have.
    """
    few = comb(len(a) + len(b), len(a)) <= RESAMPLES
    tied = len(np.unique(np.concatenate([a, b]))) < len(a) + len(b)
    method = stats.PermutationMethod(n_resamples=RESAMPLES) if few and tied else "auto"
    return float(stats.mannwhitneyu(a, b, alternative="two-sided", method=method).pvalue)


def _paired(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    difference = float((b - a).mean())
    if np.ptp(b - a) == 0:
        return {"difference": difference, "p": None, "p_rank": None}
    interval = stats.ttest_rel(b, a).confidence_interval(LEVEL)
    # by the spread of animals, not of differences, so that it compares with unpaired ones
    variances, freedom = np.array([a.var(ddof=1), b.var(ddof=1)]), len(a) - 1
    spread, apart = float(np.sqrt(variances.mean())), (b - a).var(ddof=1)
    shared = variances.mean() - apart / 2  # covariance of the animals
    with np.errstate(divide="ignore", invalid="ignore"):
        fourth = ((variances**2).sum() + 2 * shared**2) / (8 * freedom * spread**4)
        noise = apart / (freedom * spread**2)
    found = _effect(difference, interval, spread, freedom, lambda d: float(d**2 * fourth + noise))
    test = stats.permutation_test(
        (b - a,),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_exact(2 ** len(a)),
        rng=np.random.default_rng(0),
    )
    return {**found, "p": float(test.pvalue), "p_rank": float(stats.wilcoxon(b - a).pvalue)}


def _exact(arrangements: int) -> float:
    """All arrangements where they are few."""
    return np.inf if arrangements <= RESAMPLES else RESAMPLES


def _effect(
    difference: float,
    interval: Any,
    spread: float,
    freedom: int,
    variance_of: Callable[[float], float],
) -> dict[str, Any]:
    """The difference, and Hedges' g with an interval.

    The interval is that of the effect without the correction of g, by its large-sample variance
    over degrees of freedom. It covers the true effect in simulated studies of few animals, as the
    tests show. An interval around g with the variance of pairs of Borenstein et al. (2009) does
    not: with two pairs it has no width, since two points always lie on a line.

    Sources: g of Hedges (1981), Journal of Educational Statistics 6:107; variance of independent
    animals of Hedges and Olkin (1985), Statistical Methods for Meta-Analysis; of
    paired ones of Bonett (2008), Psychological Methods 13:99.
    """
    found: dict[str, Any] = {"difference": difference, "low": None, "high": None}
    if np.isfinite([interval.low, interval.high]).all():
        found |= {"low": float(interval.low), "high": float(interval.high)}
    if not spread > 0:
        return found
    correction = 1.0
    if freedom > 1:
        half = freedom / 2
        log = special.gammaln(half) - special.gammaln(half - 0.5)
        correction = float(np.exp(log) / np.sqrt(half))
    d = difference / spread
    wide = float(stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance_of(d)))
    return {**found, "g": correction * d, "g_low": d - wide, "g_high": d + wide}


def _corrected(contrasts: list[Contrast]) -> list[Contrast]:
    tested = [i for i, each in enumerate(contrasts) if each.p is not None]
    if not tested:
        return contrasts
    q = stats.false_discovery_control([contrasts[i].p for i in tested])
    corrected = list(contrasts)
    for i, value in zip(tested, q, strict=True):
        corrected[i] = replace(contrasts[i], q=float(value))
    return corrected
