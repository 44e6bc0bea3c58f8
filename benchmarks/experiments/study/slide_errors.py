"""The errors of a predicted slide, as small sums from which the report makes its figures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import convolve, gaussian_filter

from hrpn_tf.evaluation.axis_excess import axis_excess
from hrpn_tf.evaluation.eight_bits import squared_error_8bit
from hrpn_tf.evaluation.moments import Moments, column_r2, moments

SMOOTH_PX = 2.0
_RANGE = (0, 0.1, 50, 99.9, 100)  # percentiles of predicted grey levels


@dataclass(frozen=True)
class Sums:
    """Sums over the pixels of a slide; they add up.

    Attributes:
        pixels: how many.
        mean_true, mean_pred: grey levels.
        var_true, var_pred, cov: (co)variances, grey levels squared.
        mse: mean squared error, grey levels squared.
    """

    pixels: int
    mean_true: float
    mean_pred: float
    var_true: float
    var_pred: float
    cov: float
    mse: float

    @classmethod
    def of(cls, true: np.ndarray, pred: np.ndarray) -> "Sums":
        """The sums of two images of one shape."""
        found = moments(true, pred)
        return cls(
            pixels=found.count,
            mean_true=float(found.mean_true),
            mean_pred=float(found.mean_pred),
            var_true=float(found.square_true) / found.count,
            var_pred=float(found.square_pred) / found.count,
            cov=float(found.cross) / found.count,
            mse=float(found.squared_error) / found.count,
        )

    @property
    def moments(self) -> Moments:
        """The same, in the form that adds up."""
        count = self.pixels
        return Moments(count, self.mean_true, self.mean_pred, count * self.var_true,
                       count * self.var_pred, count * self.cov, count * self.mse,
                       *(float("nan"),) * 5)  # fmt: skip

    @property
    def r2(self) -> float:
        """1 - MSE / variance."""
        return 1 - self.mse / self.var_true if self.var_true else float("nan")

    @property
    def r(self) -> float:
        """Pearson's correlation."""
        both = (self.var_true * self.var_pred) ** 0.5
        return self.cov / both if both else float("nan")

    @property
    def bias(self) -> float:
        """Mean of prediction minus truth, grey levels."""
        return self.mean_pred - self.mean_true


def pooled(sums: list[Sums]) -> Sums:
    """All slides as one image."""
    total = sums[0].moments
    for each in sums[1:]:
        total = total + each.moments
    n = total.count
    return Sums(n, float(total.mean_true), float(total.mean_pred), float(total.square_true) / n,
                float(total.square_pred) / n, float(total.cross) / n,
                float(total.squared_error) / n)  # fmt: skip


def slide_errors(true: np.ndarray, pred: np.ndarray, floor: float | None) -> dict[str, Any]:
    """Everything that a record holds of one slide.

    Args:
        true: measured target (H, W), grey levels as stored.
        pred: prediction (H, W), float32 grey levels.
        floor: least mean squared error that the inputs allow, grey levels squared, or None.
    """
    measured, predicted = true.astype(np.float32), pred.astype(np.float32)
    smooth = [gaussian_filter(each, SMOOTH_PX) for each in (measured, predicted)]
    excess = axis_excess(predicted - measured), axis_excess(measured)
    return {
        "raw": vars(Sums.of(measured, predicted)),
        "smoothed": vars(Sums.of(*smooth)),
        "error_floor": floor,
        "noise": noise(measured),
        "axis_excess": {"error": excess[0], "truth": excess[1]},
        "published": published(true, pred),
        "predicted": {f"{q:g}": float(np.percentile(predicted, q)) for q in _RANGE},
        "measured": {f"{q:g}": float(np.percentile(measured, q)) for q in _RANGE},
    }


_LAPLACIANS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])  # difference of two of them


def noise(image: np.ndarray) -> float:
    """Standard deviation of the noise of an image (H, W), grey levels, from its finest structure.

    Fine structure counts as noise; noise that neighbouring pixels share is not seen.

    Source: Immerkaer (1996), "Fast Noise Variance Estimation", Comput. Vis. Image Underst. 64:300.

    Example:
        >>> float(round(noise(np.random.default_rng(0).normal(9, 2, (200, 200))), 1))
        2.0
    """
    found = convolve(image.astype(np.float64), _LAPLACIANS)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) * np.abs(found).mean() / 6)


def published(true: np.ndarray, pred: np.ndarray) -> dict[str, float]:
    """The published metrics on 8-bit grey levels, whose decimals are dropped, in both readings.

    ``mse_wrapped`` subtracts and squares arrays of 8 bits, modulo 256, as the published script
    does; ``mse`` computes in floating point. ``r2_per_column`` is the mean over image columns; a
    constant column counts 1 where it is predicted without error, else 0.

    Example:
        >>> two = published(np.array([[0, 20]]), np.array([[0.0, 0.0]]))
        >>> two["mse"], two["mse_wrapped"]  # 400 modulo 256 is 144
        (200.0, 72.0)
    """
    shown = np.trunc(np.clip(pred, 0, 255))
    each = moments(true, shown, axis=0)
    return {
        "mse": float(each.squared_error.sum()) / true.size,
        "mse_wrapped": squared_error_8bit(true, shown) / true.size,
        "r2_per_column": float(column_r2(each).mean()),
    }
