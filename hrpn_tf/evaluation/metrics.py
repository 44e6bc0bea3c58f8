"""The metrics of an evaluation: one row of a table each.

All tables, JSON and CSV files, reports, comparisons of runs and cross-validations read ``METRICS``.
To add a metric, write its function and its row; ``docs/developer/add-a-metric.md`` shows the steps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hrpn_tf.evaluation.sums import Sums
from hrpn_tf.text import decimals_for

Better = Literal["lower", "higher", "zero"]
Table = Literal["comparison", "folds", "slides"]


class UndefinedMetricError(Exception):
    """The metric has no value for these pixels; the message is the reason that tables show."""


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: key in JSON files and column in CSV files.
        title: heading in tables and pictures.
        function: takes the sums over at least one pixel and the peak intensity (grey levels, or
            None), and returns the value. It raises :class:`UndefinedMetricError` where the metric
            has no value.
        unit: unit of the value; "1" for a plain number.
        better: whether lower values, higher values or values near zero are better.
        formula: the definition in words, as files and tables state it.
        source: publication of the formula; empty for textbook statistics.
        digits: number of decimals in tables.
        shown_in: short tables that show the metric: "comparison" of runs, "folds" of a
            cross-validation, "slides" on the first page of a report. The tables of an evaluation
            show every metric.
    """

    name: str
    title: str
    function: Callable[[Sums, float | None], float]
    unit: str
    better: Better
    formula: str
    source: str = ""
    digits: int = 3
    shown_in: tuple[Table, ...] = ("comparison", "folds", "slides")

    @property
    def heading(self) -> str:
        """The title of its column."""
        return f"{self.title} dB" if self.unit == "dB" else self.title

    @property
    def label(self) -> str:
        """Title and unit, for axes."""
        unit = self.unit.replace("grey level", "grey levels").replace("^2", "²")
        return self.title if unit == "1" else f"{self.title}, {unit}"

    def text(self, value: float | None) -> str:
        """A value as tables show it; "-" if it is undefined."""
        return "-" if value is None else f"{value:.{self.decimals(value)}f}"

    def decimals(self, value: float | None) -> int:
        """Of a value in tables; a small number of grey levels has more, so that it is not 0."""
        if value is None or not self.unit.startswith("grey level"):
            return self.digits
        return decimals_for(value, self.digits)


def _mse(sums: Sums, peak: float | None = None) -> float:
    return float(sums.moments.squared_error) / sums.moments.count


def _rmse(sums: Sums, peak: float | None) -> float:
    return math.sqrt(_mse(sums))


def _mse_8bit(sums: Sums, peak: float | None = None) -> float:
    if sums.squared_error_8bit is None:
        raise UndefinedMetricError("defined for 8-bit targets only, not smoothed")
    return sums.squared_error_8bit / sums.moments.count


def _rmse_8bit(sums: Sums, peak: float | None) -> float:
    return math.sqrt(_mse_8bit(sums))


def _mae(sums: Sums, peak: float | None) -> float:
    return float(sums.moments.absolute_error) / sums.moments.count


def _bias(sums: Sums, peak: float | None) -> float:
    return float(sums.moments.mean_pred - sums.moments.mean_true)


def _r2(sums: Sums, peak: float | None) -> float:
    m = sums.moments
    if m.min_true == m.max_true:
        raise UndefinedMetricError("the true values are constant")
    return 1.0 - float(m.squared_error / m.square_true)


def _r2_per_column(sums: Sums, peak: float | None) -> float:
    if sums.column_r2.size == 0:
        raise UndefinedMetricError("defined for whole slides only")
    return float(sums.column_r2.mean())


def _pearson(sums: Sums, peak: float | None) -> float:
    m = sums.moments
    if m.min_true == m.max_true:
        raise UndefinedMetricError("the true values are constant")
    if m.min_pred == m.max_pred:
        raise UndefinedMetricError("the predicted values are constant")
    return float(m.cross / math.sqrt(m.square_true * m.square_pred))


def _psnr(sums: Sums, peak: float | None) -> float:
    mse = _mse(sums)
    if peak is None:
        raise UndefinedMetricError(
            "no peak: the target is not of an integer type, and none was given"
        )
    if mse == 0:
        raise UndefinedMetricError("undefined: the error is zero")
    return 10 * math.log10(peak**2 / mse)


def _ssim(sums: Sums, peak: float | None) -> float:
    if sums.ssim_count == 0:
        raise UndefinedMetricError(
            "no peak" if peak is None else "not computed here, or no 7 x 7 px window fits"
        )
    return sums.ssim_total / sums.ssim_count


_ROWS = (
    Metric(
        name="r2",
        title="R²",
        function=_r2,
        unit="1",
        better="higher",
        formula="1 - sum of squared errors / sum of squared deviations of the true values from "
        "their mean, over all pixels together",
    ),
    Metric(
        name="r2_per_column",
        title="R² per column",
        function=_r2_per_column,
        unit="1",
        better="higher",
        formula="published definition: mean over the slide's image columns of the R2 of each "
        "column, background included; a constant column counts 1 if predicted without error, else "
        "0 (as scikit-learn's r2_score does)",
        source="the evaluation of the published HRPN",
        shown_in=(),
    ),
    Metric(
        name="pearson",
        title="r",
        function=_pearson,
        unit="1",
        better="higher",
        formula="Pearson correlation of predicted and true values",
        shown_in=("folds", "slides"),
    ),
    Metric(
        name="mse",
        title="MSE",
        function=_mse,
        unit="grey level^2",
        better="lower",
        formula="mean squared error",
    ),
    Metric(
        name="rmse",
        title="RMSE",
        function=_rmse,
        unit="grey level",
        better="lower",
        formula="root of the mean squared error",
        shown_in=("comparison", "folds"),
    ),
    Metric(
        name="mae",
        title="MAE",
        function=_mae,
        unit="grey level",
        better="lower",
        formula="mean absolute error",
    ),
    Metric(
        name="bias",
        title="bias",
        function=_bias,
        unit="grey level",
        better="zero",
        formula="mean of predicted minus true",
        shown_in=("folds", "slides"),
    ),
    Metric(
        name="psnr",
        title="PSNR",
        function=_psnr,
        unit="dB",
        better="higher",
        formula="10 log10(peak^2 / MSE), in floating point",
        digits=2,
        shown_in=("comparison", "folds"),
    ),
    Metric(
        name="ssim",
        title="SSIM",
        function=_ssim,
        unit="1",
        better="higher",
        formula="structural similarity (Wang et al. 2004), 7 x 7 px uniform window, data range = "
        "peak, without the 3 px border; mean over pixels",
        source="Wang et al. (2004), IEEE Transactions on Image Processing 13:600; the variant of "
        "scikit-image",
    ),
    Metric(
        name="mse_8bit",
        title="MSE, 8 bits",
        function=_mse_8bit,
        unit="grey level^2",
        better="lower",
        formula="published definition: mean of the squared difference of the target and the "
        "prediction cut to 8 bits, both taken modulo 256; too small where they differ by 16 grey "
        "levels or more, and the mean squared error of the cut prediction elsewhere",
        source="the evaluation of the published HRPN",
        shown_in=(),
    ),
    Metric(
        name="rmse_8bit",
        title="RMSE, 8 bits",
        function=_rmse_8bit,
        unit="grey level",
        better="lower",
        formula="root of the MSE in 8 bits",
        source="the evaluation of the published HRPN",
        shown_in=(),
    ),
)

# By name, in the order of the files.
METRICS = {metric.name: metric for metric in _ROWS}


def metrics_shown_in(table: Table) -> dict[str, Metric]:
    """The metrics that a table shows, by name, in the order of its columns.

    The comparison of runs begins with the errors (lower is better); the others keep the order of
    ``METRICS``.
    """
    shown = [metric for metric in METRICS.values() if table in metric.shown_in]
    if table == "comparison":
        shown.sort(key=lambda metric: metric.better != "lower")  # stable
    return {metric.name: metric for metric in shown}


def definitions() -> dict[str, tuple[str, str]]:
    """Name: unit and formula of every metric, as the files state them."""
    return {name: (metric.unit, metric.formula) for name, metric in METRICS.items()}
