"""The bootstrap over animals: how much a metric depends on the choice of animals.

It resamples groups (animals), each with all of its slides, because neither pixels of one slide nor
slides of one animal are independent. Where each slide is a group of its own, it resamples slides.
Runs are paired: each resample takes the same slides of every run.

Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile
intervals).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import comb
from typing import Any

import numpy as np

from hrpn_tf.text import counted

RESAMPLES = 10_000
EXACT = 5  # up to so many units all resamples are enumerated, n^n of them
LEVEL = 0.95
LOWER, UPPER = 50 * (1 - LEVEL), 50 * (1 + LEVEL)  # per cent
SEED = 0
# With n clusters the outermost resample, one cluster n times, has the probability n^-n. The end of
# a 95 % interval lies within the resamples only if that is below 2.5 %: not with 2 or 3 clusters,
# whose intervals would be their least and largest values.
FEWEST = 4
NOT_RESOLVED = "not resolved"
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Groups:
    """What the bootstrap over slides draws: groups, each with all of its slides.

    Attributes:
        of_slide: (slides,) number of the group of each slide, from 0, every number in use.

    Example:
        >>> groups = Groups.of(["m1", "m2", "m1"])
        >>> groups.of_slide.tolist(), len(groups), groups.what
        ([0, 1, 0], 2, 'animals')
    """

    of_slide: np.ndarray

    @classmethod
    def of(cls, names: Sequence[str]) -> "Groups":
        """Of the group's name of each slide; numbered as they come."""
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        return cls(np.array([numbers[name] for name in names], np.intp))

    @classmethod
    def single(cls, slides: int) -> "Groups":
        """Each slide a group of its own."""
        return cls(np.arange(slides))

    def __len__(self) -> int:
        return int(self.of_slide.max()) + 1

    @property
    def what(self) -> str:
        """They are, in the plural: slides, where each is a group of its own."""
        return "slides" if len(self) == len(self.of_slide) else "animals"

    def counts(self) -> np.ndarray:
        """How often each slide occurs in each resample of the groups; (resamples, slides)."""
        return np.take(resample_counts(len(self)), self.of_slide, axis=1)

    def describe(self) -> str:
        """A sentence that says how many resamples the intervals are computed from."""
        count, one = len(self), self.what.removesuffix("s")
        many = "" if one == "slide" else f" ({counted(len(self.of_slide), 'slide')})"
        if count == 1:
            return f"one test {one}{many}: no interval can be given"
        distinct = comb(2 * count - 1, count)
        have = f"{count} test {self.what}{many} have {distinct} distinct resamples"
        if count < FEWEST:
            return f"{have}: too few for a 95 % interval, which takes {FEWEST} {self.what}"
        how = "all resamples enumerated" if count <= EXACT else f"{RESAMPLES} random resamples"
        few = f"; so few {self.what} give intervals that are too narrow" if count < 10 else ""
        return f"{have} ({how}){few}"


@dataclass(frozen=True)
class SlideSums:
    """Sums over each slide, from which the pooled metrics of one prediction follow.

    Attributes:
        pixels: (slides,) pixels.
        squared_error: (slides,) sums over pixels of (predicted - true)^2, grey levels^2. Of
            several runs: their mean.
        true_mean: (slides,) mean of the true values, grey levels.
        true_sd: (slides,) their standard deviation, grey levels.
    """

    pixels: np.ndarray
    squared_error: np.ndarray
    true_mean: np.ndarray
    true_sd: np.ndarray

    def mse(self, counts: np.ndarray) -> np.ndarray:
        """Pooled mean squared error of each resample, see ``Groups.counts``; (resamples,)."""
        return (counts @ self.squared_error) / (counts @ self.pixels)

    def variance(self, counts: np.ndarray) -> np.ndarray:
        """Variance of the true values of each resample's pixels; (resamples,)."""
        pixels = counts @ self.pixels
        mean = counts @ (self.pixels * self.true_mean) / pixels
        off = self.true_mean - mean[:, None]
        within = counts @ (self.pixels * self.true_sd**2)
        return (within + (counts * off**2) @ self.pixels) / pixels

    def r2(self, counts: np.ndarray) -> np.ndarray:
        """Pooled R2 of each resample; NaN where the true values are constant; (resamples,)."""
        variance = self.variance(counts)
        safe = np.where(variance > 0, variance, np.nan)
        return 1.0 - self.mse(counts) / safe


@dataclass(frozen=True)
class Interval:
    """An estimate and its percentile interval.

    Attributes:
        estimate: the value on the slides themselves, without resampling.
        low, high: bounds of the interval; None where the groups cannot resolve one.
        unresolved: why there are no bounds, or "".
    """

    estimate: float
    low: float | None
    high: float | None
    unresolved: str = ""

    def to_json(self) -> dict[str, float | str | None]:
        """As plain values."""
        return {
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
            "unresolved": self.unresolved,
        }


def resample_counts(units: int) -> np.ndarray:
    """How often each unit (group or slide) occurs in each resample, drawn with replacement.

    Up to ``EXACT`` units, all possible resamples are listed; otherwise ``RESAMPLES`` random ones,
    the same in every call.

    Args:
        units: how many there are, 1 or more.

    Returns:
        (resamples, units) float64; each row adds up to ``units``.

    Example:
        >>> resample_counts(2).tolist()
        [[2.0, 0.0], [1.0, 1.0], [1.0, 1.0], [0.0, 2.0]]
    """
    if units <= EXACT:
        drawn = np.array(list(product(range(units), repeat=units)))
    else:
        drawn = np.random.default_rng(SEED).integers(units, size=(RESAMPLES, units))
    counts = np.zeros((len(drawn), units))
    np.add.at(counts, (np.arange(len(drawn))[:, None], drawn), 1.0)
    return counts


def interval(metric: Callable[[np.ndarray], np.ndarray], groups: Groups) -> Interval:
    """A metric with its 95 % percentile interval over resamples of the groups.

    Args:
        metric: takes counts (resamples, slides) and gives one value per resample, (resamples,).
        groups: of the slides.
    """
    estimate = float(metric(np.ones((1, len(groups.of_slide))))[0])
    values = defined(metric(groups.counts()))
    bounds, unresolved = percentile_bounds(values, len(groups), groups.what)
    low, high = bounds or (None, None)
    return Interval(estimate, low, high, unresolved)


def defined(values: np.ndarray) -> np.ndarray:
    """The same with NaN for what is infinite because it was divided by zero."""
    return np.where(np.isfinite(values), values, np.nan)


def percentile(values: np.ndarray, share: float) -> float:
    """The percentile of the values that are not NaN; one of them, which may be infinite.

    Args:
        values: (resamples,).
        share: per cent.
    """
    return float(np.percentile(values[~np.isnan(values)], share, method="inverted_cdf"))


def percentile_bounds(
    values: np.ndarray, clusters: int, what: str = "slides", most: np.ndarray | None = None
) -> tuple[tuple[float, float] | None, str]:
    """The 95 % percentile interval of resampled values, or None and why there is none.

    A value that is out of reach is no missing one: without it an end would be too near. So infinite
    values count, and an end may be infinite. Of values that are known only between two bounds,
    the lower end is a percentile of the lower bounds, and the upper one of the upper bounds.

    Args:
        values: (resamples,), NaN where undefined, infinite where out of reach; see ``defined``.
        clusters: how many differ, of those that were drawn.
        what: they are, for the reason.
        most: (resamples,) upper bounds, where ``values`` are the lower ones; None if both are the
            same.

    Example:
        >>> percentile_bounds(np.array([1.0, 2.0, 2.0, 3.0]), 2)
        (None, '2 slides, and an interval takes at least 4')
        >>> percentile_bounds(np.ones(4), 1, "animals")
        (None, '1 animal, and an interval takes at least 4')
        >>> percentile_bounds(np.array([1.0, 2.0, 3.0, np.inf]), 4)
        ((1.0, inf), '')
    """
    if clusters < FEWEST:
        return (
            None,
            f"{counted(clusters, what.removesuffix('s'))}, and an interval takes at least {FEWEST}",
        )
    most = values if most is None else most
    missing = int(np.isnan(values).sum())
    if missing == values.size or missing > (1 - LEVEL) * values.size:
        return None, f"undefined in {missing} of {values.size} resamples"
    low, high = percentile(values, LOWER), percentile(most, UPPER)
    if np.isinf(low) and np.isinf(high):
        beyond = int((np.isinf(values) | np.isinf(most)).sum())
        return None, f"out of reach in {beyond} of {values.size} resamples"
    if np.isfinite(high - low) and high - low <= _ROUNDING * max(abs(low), abs(high)):
        return None, "all resamples give the same value"
    return (low, high), ""


@dataclass(frozen=True)
class Difference:
    """The difference between two predictions of the same slides.

    Attributes:
        mse: difference of the pooled MSE, grey levels^2; negative values are better than the
            reference.
        mse_ratio: ratio of the pooled MSE; values below 1 are better.
        r2: difference of the pooled R2; positive values are better.
    """

    mse: Interval
    mse_ratio: Interval
    r2: Interval

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {name: getattr(self, name).to_json() for name in ("mse", "mse_ratio", "r2")}


def difference(one: SlideSums, reference: SlideSums, groups: Groups) -> Difference:
    """Paired differences of one prediction from a reference, with intervals over the groups."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return Difference(
            mse=interval(lambda c: one.mse(c) - reference.mse(c), groups),
            mse_ratio=interval(lambda c: one.mse(c) / reference.mse(c), groups),
            r2=interval(lambda c: one.r2(c) - reference.r2(c), groups),
        )
