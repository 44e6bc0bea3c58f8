"""How often each grey level occurs, for percentiles over slides of any size."""

from dataclasses import dataclass
from typing import Self

import numpy as np

# The lowest bits of a float32 that are rounded away: 9 significant bits remain, so that whole
# numbers up to 511 are exact, and others to 0.1 %.
_DROPPED = 15
_SMALLEST = 1e-3  # grey levels; smaller ones count as 0


@dataclass(frozen=True)
class Histogram:
    """Numbers of pixels by grey level; adds up over windows and slides.

    Attributes:
        codes: (n,) int64, rising: the grey levels, as :meth:`levels` decodes them.
        counts: (n,) int64, pixels of each.

    Example:
        >>> halves = Histogram.of(np.arange(100)) + Histogram.of(np.arange(100, 200))
        >>> halves.percentile(0.5), halves.percentile(99.9)
        (0.0, 199.0)
    """

    codes: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        """Of some pixels, grey levels of any type."""
        counts = np.bincount(level_codes(values))
        codes = np.flatnonzero(counts)
        return cls(codes, counts[codes])

    def __add__(self, other: "Histogram") -> "Histogram":
        codes, place = np.unique(np.concatenate([self.codes, other.codes]), return_inverse=True)
        counts = np.zeros(len(codes), np.int64)
        np.add.at(counts, place, np.concatenate([self.counts, other.counts]))
        return Histogram(codes, counts)

    @property
    def levels(self) -> np.ndarray:
        """(n,) float32, the grey levels."""
        return levels_of(self.codes)

    def percentile(self, share: float) -> float:
        """The least grey level that ``share`` % of the pixels do not exceed, to 0.1 %.

        Args:
            share: from 0 to 100.
        """
        order = np.argsort(self.levels)
        below = np.cumsum(self.counts[order])
        place = np.searchsorted(below, share / 100 * below[-1])
        return float(self.levels[order][min(place, len(order) - 1)])


def level_codes(values: np.ndarray) -> np.ndarray:
    """(n,) int64: a whole number for each grey level, which is kept to 0.1 %.

    Example:
        >>> levels_of(level_codes(np.array([0, 7, 300.2])))
        array([  0.,   7., 300.], dtype=float32)
    """
    # + 0: no negative zero
    rounded = np.where(np.abs(values) < _SMALLEST, 0, values).astype(np.float32).ravel() + 0
    bits = rounded.view(np.uint32) + np.uint32(1 << (_DROPPED - 1))
    return (bits >> _DROPPED).astype(np.int64)


def levels_of(codes: np.ndarray) -> np.ndarray:
    """(n,) float32: the grey levels of codes."""
    return (codes.astype(np.uint32) << _DROPPED).view(np.float32)
