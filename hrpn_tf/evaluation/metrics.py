"""The figures of an evaluation, their definitions and units."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.evaluation.moments import NO_PIXELS, Moments

# name: (unit, definition)
DEFINITIONS = {
    "r2": ("1", "1 - sum of squared errors / sum of squared deviations of the true values from "
           "their mean, over all pixels together"),
    "r2_per_column": ("1", "published definition: mean over the slide's image columns of the R2 of "
                      "each column, background included; a constant column counts 1 if predicted "
                      "without error, else 0 (as scikit-learn's r2_score does)"),
    "pearson": ("1", "Pearson correlation of predicted and true values"),
    "mse": ("grey level^2", "mean squared error"),
    "rmse": ("grey level", "root of the mean squared error"),
    "mae": ("grey level", "mean absolute error"),
    "bias": ("grey level", "mean of predicted minus true"),
    "psnr": ("dB", "10 log10(peak^2 / MSE), in floating point"),
    "ssim": ("1", "structural similarity (Wang et al. 2004), 7 x 7 px uniform window, data range "
             "= peak, without the 3 px border; mean over pixels"),
}  # fmt: skip


@dataclass(frozen=True)
class Sums:
    """What adds up over windows and slides to give the figures of one view and region.

    Attributes:
        moments: over the pixels.
        ssim_total, ssim_count: sum of the SSIM map, and the pixels it is defined for.
        column_r2: (columns,) R2 of each image column; empty if not asked for.
        columns_constant: how many of these columns have a constant true value.
    """

    moments: Moments
    ssim_total: float
    ssim_count: int
    column_r2: np.ndarray
    columns_constant: int

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.moments + other.moments,
            self.ssim_total + other.ssim_total,
            self.ssim_count + other.ssim_count,
            np.concatenate([self.column_r2, other.column_r2]),
            self.columns_constant + other.columns_constant,
        )


NOTHING = Sums(NO_PIXELS, 0.0, 0, np.zeros(0), 0)


@dataclass(frozen=True)
class Metrics:
    """The figures of one view and region.

    Attributes:
        values: name (see ``DEFINITIONS``): value, or None where it is undefined.
        undefined: name: why it has no value.
        pixels: pixels they rest on.
        columns_constant: image columns without variation, of those in ``r2_per_column``.
        true, predicted: mean, standard deviation, minimum and maximum, grey levels.
    """

    values: dict[str, float | None]
    undefined: dict[str, str]
    pixels: int
    columns_constant: int
    true: dict[str, float]
    predicted: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """As plain values; undefined figures are null, with the reason beside them."""
        return {
            "pixels": self.pixels,
            **self.values,
            "undefined": self.undefined,
            "columns_constant": self.columns_constant,
            "true": self.true,
            "predicted": self.predicted,
        }


def figures(sums: Sums, peak: float | None) -> Metrics:
    """The figures that follow from the sums.

    Args:
        sums: over the pixels of one view and region.
        peak: grey level that counts as the signal's peak in PSNR; None leaves PSNR undefined.
    """
    m = sums.moments
    if m.count == 0:
        return Metrics(
            dict.fromkeys(DEFINITIONS), dict.fromkeys(DEFINITIONS, "no pixels"), 0, 0, {}, {}
        )
    mse = float(m.squared_error) / m.count
    values: dict[str, float | None] = {
        "mse": mse,
        "rmse": math.sqrt(mse),
        "mae": float(m.absolute_error) / m.count,
        "bias": float(m.mean_pred - m.mean_true),
    }
    undefined: dict[str, str] = {}
    for name, (value, reason) in {
        "r2": _r2(m),
        "r2_per_column": _per_column(sums),
        "pearson": _pearson(m),
        "psnr": _psnr(mse, peak),
        "ssim": _ssim(sums, peak),
    }.items():
        values[name] = value
        if value is None:
            undefined[name] = reason
    return Metrics(
        {name: values[name] for name in DEFINITIONS},
        undefined,
        m.count,
        sums.columns_constant,
        _range(m.mean_true, m.square_true / m.count, m.min_true, m.max_true),
        _range(m.mean_pred, m.square_pred / m.count, m.min_pred, m.max_pred),
    )


def _r2(m: Moments) -> tuple[float | None, str]:
    if m.min_true == m.max_true:
        return None, "the true values are constant"
    return 1.0 - float(m.squared_error / m.square_true), ""


def _pearson(m: Moments) -> tuple[float | None, str]:
    if m.min_true == m.max_true:
        return None, "the true values are constant"
    if m.min_pred == m.max_pred:
        return None, "the predicted values are constant"
    return float(m.cross / math.sqrt(m.square_true * m.square_pred)), ""


def _per_column(sums: Sums) -> tuple[float | None, str]:
    if sums.column_r2.size == 0:
        return None, "defined for whole slides only"
    return float(sums.column_r2.mean()), ""


def _psnr(mse: float, peak: float | None) -> tuple[float | None, str]:
    if peak is None:
        return None, "no peak: the target is not of an integer type, and none was given"
    if mse == 0:
        return None, "infinite: there is no error"
    return 10 * math.log10(peak**2 / mse), ""


def _ssim(sums: Sums, peak: float | None) -> tuple[float | None, str]:
    if sums.ssim_count == 0:
        return None, "no peak" if peak is None else "not computed here, or no 7 x 7 px window fits"
    return sums.ssim_total / sums.ssim_count, ""


def _range(mean: float, variance: float, low: float, high: float) -> dict[str, float]:
    return {
        "mean": float(mean), "sd": math.sqrt(variance), "min": float(low), "max": float(high)
    }  # fmt: skip
