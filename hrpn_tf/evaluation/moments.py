"""Moments of pairs of pixels, which add up over windows and slides."""

from dataclasses import dataclass
from typing import Any

import numpy as np

# A float for the moments of an image, an array with one value per column for those of columns.
Number = Any


@dataclass(frozen=True)
class Moments:
    """Means, squared deviations and errors of pairs of pixels, in float64.

    The moments of two sets of pixels add up without cancellation.

    Source: Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance", The
    American Statistician 37:242.

    Attributes:
        count: number of pixels.
        mean_true, mean_pred: means, grey levels.
        square_true, square_pred: sums of squared deviations from the mean.
        cross: sum of the products of both deviations.
        squared_error, absolute_error: sums over pixels of the error, predicted minus true.
        min_true, max_true, min_pred, max_pred: extremes, grey levels.
    """

    count: int
    mean_true: Number
    mean_pred: Number
    square_true: Number
    square_pred: Number
    cross: Number
    squared_error: Number
    absolute_error: Number
    min_true: Number
    max_true: Number
    min_pred: Number
    max_pred: Number

    def __add__(self, other: "Moments") -> "Moments":
        if self.count == 0 or other.count == 0:
            return self if other.count == 0 else other
        count = self.count + other.count
        share, both = other.count / count, self.count * other.count / count
        step_true = other.mean_true - self.mean_true
        step_pred = other.mean_pred - self.mean_pred
        return Moments(
            count=count,
            mean_true=self.mean_true + step_true * share,
            mean_pred=self.mean_pred + step_pred * share,
            square_true=self.square_true + other.square_true + step_true**2 * both,
            square_pred=self.square_pred + other.square_pred + step_pred**2 * both,
            cross=self.cross + other.cross + step_true * step_pred * both,
            squared_error=self.squared_error + other.squared_error,
            absolute_error=self.absolute_error + other.absolute_error,
            min_true=np.minimum(self.min_true, other.min_true),
            max_true=np.maximum(self.max_true, other.max_true),
            min_pred=np.minimum(self.min_pred, other.min_pred),
            max_pred=np.maximum(self.max_pred, other.max_pred),
        )


NO_PIXELS = Moments(0, *(0.0,) * 7, *(np.inf, -np.inf) * 2)


def moments(true: np.ndarray, pred: np.ndarray, axis: int | None = None) -> Moments:
    """The moments of pairs of pixels.

    Args:
        true, pred: grey levels, arrays of the same shape and any real type.
        axis: None for all pixels together; 0 for each column of an image (H, W) separately.

    Example:
        >>> found = moments(np.array([1, 2, 3]), np.array([1, 2, 6]))
        >>> found.count, float(found.mean_pred), float(found.squared_error)
        (3, 3.0, 9.0)
    """
    if true.size == 0:
        return NO_PIXELS
    true, pred = true.astype(np.float64), pred.astype(np.float64)
    error = pred - true
    mean_true, mean_pred = true.mean(axis=axis), pred.mean(axis=axis)
    from_true, from_pred = true - mean_true, pred - mean_pred
    return Moments(
        count=true.size if axis is None else true.shape[axis],
        mean_true=mean_true,
        mean_pred=mean_pred,
        square_true=(from_true**2).sum(axis=axis),
        square_pred=(from_pred**2).sum(axis=axis),
        cross=(from_true * from_pred).sum(axis=axis),
        squared_error=(error**2).sum(axis=axis),
        absolute_error=np.abs(error).sum(axis=axis),
        min_true=true.min(axis=axis),
        max_true=true.max(axis=axis),
        min_pred=pred.min(axis=axis),
        max_pred=pred.max(axis=axis),
    )


def column_r2(columns: Moments) -> np.ndarray:
    """R2 of each image column, shape (W,).

    R2 is undefined for a constant column. As in scikit-learn's ``r2_score``, such a column counts 1
    if it is predicted without error and 0 otherwise.
    """
    constant = columns.max_true == columns.min_true
    spread = np.where(constant, 1.0, columns.square_true)
    flat = np.where(columns.squared_error == 0, 1.0, 0.0)
    return np.where(constant, flat, 1.0 - columns.squared_error / spread)
