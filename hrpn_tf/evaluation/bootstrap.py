"""The bootstrap over slides: how much a metric depends on the choice of slides.

It resamples slides rather than pixels, because pixels of one slide are not independent. Runs are
paired: each resample takes the same slides of every run.

Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile
intervals).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import comb
from typing import Any

import numpy as np

from hrpn_tf.text import counted

RESAMPLES = 10_000
EXACT = 5  # up to so many slides all resamples are enumerated, n^n of them
LEVEL = 0.95
SEED = 0
# With n clusters the outermost resample, one cluster n times, has the probability n^-n. The end of
# a 95 % interval lies within the resamples only if that is below 2.5 %: not with 2 or 3 clusters,
# whose intervals would be their least and largest values.
FEWEST = 4
NOT_RESOLVED = "not resolved"
_ROUNDING = 1e-9


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
        """Pooled mean squared error of each resample, see ``resample_counts``; (resamples,)."""
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
        low, high: bounds of the interval; None where the slides cannot resolve one.
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


def resample_counts(slides: int) -> np.ndarray:
    """How often each slide occurs in each resample, drawn with replacement.

    Up to ``EXACT`` slides, all possible resamples are listed; otherwise ``RESAMPLES`` random ones,
    the same in every call.

    Args:
        slides: number of slides, 1 or more.

    Returns:
        (resamples, slides) float64; each row adds up to ``slides``.

    Example:
        >>> resample_counts(2).tolist()
        [[2.0, 0.0], [1.0, 1.0], [1.0, 1.0], [0.0, 2.0]]
    """
    if slides <= EXACT:
        drawn = np.array(list(product(range(slides), repeat=slides)))
    else:
        drawn = np.random.default_rng(SEED).integers(slides, size=(RESAMPLES, slides))
    counts = np.zeros((len(drawn), slides))
    np.add.at(counts, (np.arange(len(drawn))[:, None], drawn), 1.0)
    return counts


def describe_resamples(slides: int) -> str:
    """A sentence that says how many resamples the intervals are computed from."""
    if slides == 1:
        return "one test slide: no interval can be given"
    distinct = comb(2 * slides - 1, slides)
    if slides < FEWEST:
        return (
            f"{slides} test slides have {distinct} distinct resamples: too few for a 95 % "
            f"interval, which takes {FEWEST} slides"
        )
    how = "all resamples enumerated" if slides <= EXACT else f"{RESAMPLES} random resamples"
    few = "; so few slides give intervals that are too narrow" if slides < 10 else ""
    return f"{slides} test slides have {distinct} distinct resamples ({how}){few}"


def interval(metric: Callable[[np.ndarray], np.ndarray], slides: int) -> Interval:
    """A metric with its 95 % percentile interval over resamples of the slides.

    Args:
        metric: takes counts (resamples, slides) and gives one value per resample, (resamples,).
        slides: number of slides.
    """
    estimate = float(metric(np.ones((1, slides)))[0])
    bounds, unresolved = percentile_bounds(metric(resample_counts(slides)), slides)
    low, high = bounds or (None, None)
    return Interval(estimate, low, high, unresolved)


def percentile_bounds(
    values: np.ndarray, clusters: int, what: str = "slides"
) -> tuple[tuple[float, float] | None, str]:
    """The 95 % percentile interval of resampled values, or None and why there is none.

    Args:
        values: (resamples,), NaN where undefined.
        clusters: how many differ, of those that were drawn.
        what: they are, for the reason.

    Example:
        >>> percentile_bounds(np.array([1.0, 2.0, 2.0, 3.0]), 2)
        (None, '2 slides, and an interval takes at least 4')
        >>> percentile_bounds(np.ones(4), 1, "animals")
        (None, '1 animal, and an interval takes at least 4')
    """
    if clusters < FEWEST:
        return (
            None,
            f"{counted(clusters, what.removesuffix('s'))}, and an interval takes at least {FEWEST}",
        )
    known = values[np.isfinite(values)]
    if not known.size or known.size < LEVEL * values.size:
        missing = values.size - known.size
        return None, f"undefined in {missing} of {values.size} resamples"
    ends = [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
    low, high = np.percentile(known, ends, method="inverted_cdf")  # values that do occur
    if high - low <= _ROUNDING * max(abs(low), abs(high)):
        return None, "all resamples give the same value"
    return (float(low), float(high)), ""


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


def difference(one: SlideSums, reference: SlideSums) -> Difference:
    """Paired differences of one prediction from a reference, with intervals over slides."""
    slides = len(one.pixels)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Difference(
            mse=interval(lambda c: one.mse(c) - reference.mse(c), slides),
            mse_ratio=interval(lambda c: one.mse(c) / reference.mse(c), slides),
            r2=interval(lambda c: one.r2(c) - reference.r2(c), slides),
        )
