"""The error by measured grey level, and what it is on the brightest pixels."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from hrpn_tf.evaluation.histogram import level_codes, levels_of

SHARE = 0.01  # of the pixels: the brightest ones


@dataclass(frozen=True)
class Brightest:
    """How the brightest pixels of the measured target are predicted.

    Attributes:
        share: of all pixels. With few grey levels, it may be far from the share that was asked for.
        above: the least measured grey level among them.
        true, predicted: means over these pixels, grey levels.
        error_share: their share of the sum of squared errors; 0 where there is no error.
    """

    share: float
    above: float
    true: float
    predicted: float
    error_share: float


@dataclass(frozen=True)
class ErrorsByLevel:
    """Sums over the pixels of each measured grey level; add up over windows and slides.

    Attributes:
        codes: (n,) int64, rising: the grey levels, as ``levels_of`` decodes them.
        counts: (n,) float64, pixels of each.
        true, predicted, squared_error: (n,) float64, sums over them.

    Example:
        >>> true = np.arange(200)
        >>> errors = ErrorsByLevel.of(true, np.minimum(true, 150))
        >>> found = errors.brightest()
        >>> found.share, found.above, found.true, found.predicted
        (0.01, 198.0, 198.5, 150.0)
    """

    codes: np.ndarray
    counts: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    squared_error: np.ndarray

    @classmethod
    def of(cls, true: np.ndarray, predicted: np.ndarray) -> Self:
        """Of pairs of pixels, grey levels, arrays of the same shape."""
        codes = level_codes(true)
        true = true.ravel().astype(np.float64)
        predicted = predicted.ravel().astype(np.float64)
        counts = np.bincount(codes).astype(np.float64)
        kept = np.flatnonzero(counts)
        sums = (
            np.bincount(codes, each)[kept] for each in (true, predicted, (predicted - true) ** 2)
        )
        return cls(kept, counts[kept], *sums)

    def __add__(self, other: "ErrorsByLevel") -> "ErrorsByLevel":
        codes, place = np.unique(np.concatenate([self.codes, other.codes]), return_inverse=True)
        pairs = (
            (self.counts, other.counts),
            (self.true, other.true),
            (self.predicted, other.predicted),
            (self.squared_error, other.squared_error),
        )
        sums = (np.bincount(place, np.concatenate(pair), len(codes)) for pair in pairs)
        return ErrorsByLevel(codes, *sums)

    def brightest(self, share: float = SHARE) -> Brightest | None:
        """The pixels above a measured grey level, as near to a share of all pixels as there is.

        Args:
            share: more than 0, less than 1.

        Returns:
            None where all pixels have one grey level, or there are none.
        """
        if len(self.codes) < 2:
            return None
        order = np.argsort(levels_of(self.codes))[::-1]
        shares = np.cumsum(self.counts[order]) / self.counts.sum()
        # the last level would be all pixels
        last = int(np.argmin(np.abs(np.log(shares[:-1] / share))))
        part = order[: last + 1]
        count, whole = self.counts[part].sum(), self.squared_error.sum()
        return Brightest(
            float(shares[last]),
            float(levels_of(self.codes[order[last : last + 1]])[0]),
            float(self.true[part].sum() / count),
            float(self.predicted[part].sum() / count),
            float(self.squared_error[part].sum() / whole) if whole > 0 else 0.0,
        )
