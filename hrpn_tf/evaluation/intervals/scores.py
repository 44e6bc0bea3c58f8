"""Conformal scores: distances of the target from the interval, in units of it, as histograms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Bins are so fine that a factor is at most 0.45 % too large, never too small.
_LOWEST, _HIGHEST, _BINS_PER_DECADE = 1e-4, 1e6, 512
_DECADES = 10
# of each bin the upper end; the first holds all below, the last what no factor reaches
UPPER = np.append(np.geomspace(_LOWEST, _HIGHEST, _DECADES * _BINS_PER_DECADE + 1), np.inf)


@dataclass(frozen=True)
class SlideScores:
    """Scores of one slide.

    Attributes:
        name, group: of the slide.
        counts: (bands, bins) pixels, by band of the predicted intensity and bin of the score.
    """

    name: str
    group: str
    counts: np.ndarray

    @property
    def pixels(self) -> int:
        """How many were scored."""
        return int(self.counts.sum())


def scores(
    mean: np.ndarray, below: np.ndarray, above: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """The least factor by which an interval must be widened to hold the target.

    The interval is from ``mean - factor * below``, cut off at 0, to ``mean + factor * above``.
    Source: scaled residuals of Lei et al. (2018), "Distribution-Free Predictive Inference for
    Regression", JASA 113:1094, of both sides as one.

    Args:
        mean: predicted, grey levels, any shape.
        below, above: positive spreads, grey levels.
        target: measured, grey levels.

    Returns:
        Scores, float64, of the same shape; negative ones do not occur; infinite where no factor
        helps, since the bound is cut off.
    """
    mean, target = mean.astype(np.float64), target.astype(np.float64)
    found = np.maximum((mean - target) / below, (target - mean) / above)
    return np.where(target < np.minimum(mean, 0.0), np.inf, np.maximum(found, 0.0))


def no_scores(bands: int) -> np.ndarray:
    """Counts without any pixel."""
    return np.zeros((bands, len(UPPER)), np.int64)


def add_scores(
    counts: np.ndarray, mean: np.ndarray, score: np.ndarray, edges: Sequence[float]
) -> None:
    """Count pixels in place.

    Args:
        counts: (bands, bins).
        mean: (pixels,) predicted, grey levels.
        score: (pixels,).
        edges: between bands, grey levels; see ``IntervalBounds``.
    """
    band = np.digitize(mean, edges)
    place = np.searchsorted(UPPER, score, side="left")
    counts += np.bincount(band * len(UPPER) + place, minlength=counts.size).reshape(counts.shape)
