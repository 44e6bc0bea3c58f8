"""The sums that metrics are computed from; they add up over windows and slides."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.evaluation.brightest import ErrorsByLevel
from hrpn_tf.evaluation.histogram import Histogram
from hrpn_tf.evaluation.moments import Moments


@dataclass(frozen=True)
class Sums:
    """Sums over the pixels of one view and region.

    The sums of two sets of pixels add up to those of both, so that memory depends neither on the
    size of a slide nor on the number of slides.

    Attributes:
        moments: moments of all pixels, grey levels.
        ssim_total, ssim_count: sum of the SSIM map, and the number of pixels where it is defined.
        column_r2: (columns,) float64, R2 of each image column; empty for a part of a slide.
        columns_constant: how many of these columns have a constant true value.
        squared_error_8bit: see :func:`hrpn_tf.evaluation.eight_bits.squared_error_8bit`; None
            where the true values are not 8-bit numbers.
        levels: (true, predicted) histograms of grey levels; None where they are not counted.
        by_level: errors by true grey level; None where they are not counted.

    Example:
        >>> import numpy as np
        >>> from hrpn_tf.evaluation.moments import moments
        >>> left = Sums(moments(np.array([1, 2]), np.array([1, 3])), 0.0, 0, np.zeros(0), 0)
        >>> right = Sums(moments(np.array([4]), np.array([2])), 0.0, 0, np.zeros(0), 0)
        >>> (left + right).moments.count, float((left + right).moments.squared_error)
        (3, 5.0)
    """

    moments: Moments
    ssim_total: float
    ssim_count: int
    column_r2: np.ndarray
    columns_constant: int
    squared_error_8bit: int | None = None
    levels: tuple[Histogram, Histogram] | None = None
    by_level: ErrorsByLevel | None = None

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.moments + other.moments,
            self.ssim_total + other.ssim_total,
            self.ssim_count + other.ssim_count,
            np.concatenate([self.column_r2, other.column_r2]),
            self.columns_constant + other.columns_constant,
            _both(self.squared_error_8bit, other.squared_error_8bit),
            self._levels_with(other),
            self._by_level_with(other),
        )

    def _levels_with(self, other: "Sums") -> tuple[Histogram, Histogram] | None:
        if self.levels is None or other.levels is None:
            return None
        (true, pred), (more_true, more_pred) = self.levels, other.levels
        return true + more_true, pred + more_pred

    def _by_level_with(self, other: "Sums") -> ErrorsByLevel | None:
        if self.by_level is None or other.by_level is None:
            return None
        return self.by_level + other.by_level


def _both(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
