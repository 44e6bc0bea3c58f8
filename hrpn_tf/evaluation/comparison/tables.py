"""Writes a comparison of runs as Markdown, CSV and JSON."""

import json
from collections.abc import Callable

from hrpn_tf.evaluation.bootstrap import NOT_RESOLVED, Interval
from hrpn_tf.evaluation.comparison.comparison import COST_DEFINITIONS, Comparison, Entry
from hrpn_tf.evaluation.metric_values import PERCENTILES
from hrpn_tf.evaluation.metrics import METRICS, Metric, definitions, metrics_shown_in
from hrpn_tf.evaluation.tables import RANGE_HEADS, RANGE_MEANING, aligned, range_cells
from hrpn_tf.text import csv_text, markdown, with_decimals

EXPLAINED = (
    "1",
    "(variance - MSE) / (variance - floor), where the floor is the least MSE that any function of "
    "the inputs can reach; on simulated slides only",
)
RANGE = ("grey level", "least and largest predicted value")
# name: (heading, format)
COSTS = {
    "parameters": ("parameters", ",.0f"),
    "gmac": ("GMAC", ".2f"),
    "steps_per_second": ("steps/s", ".2f"),
    "training_memory_mb": ("training MB", ",.0f"),
    "latency_ms": ("ms/tile", ".1f"),
    "latency_ratio": ("× first", ".2f"),
}
# The metrics of the published evaluation, each in floating point and then in 8 bits.
PUBLISHED = ("mse", "mse_8bit", "rmse", "rmse_8bit", "psnr", "r2", "r2_per_column")
PSNR_IN_FLOAT = (
    "- The published PSNR and R² are computed in floating point; the published R² is that per "
    "column. MSE and RMSE in 8 bits are what the authors' script gives."
)
_APART = ("r2", "mse_ratio", "mse")


def main_table(comparison: Comparison) -> str:
    """A table with one line per entry: metrics and cost."""
    shown = metrics_shown_in("comparison").values()
    share = comparison.slides.floor is not None
    head = ["", "seed", *(metric.heading for metric in shown)]
    head += [*(["explained"] if share else []), "predicted range"]
    head += [title for title, _ in COSTS.values()]
    lines = [head]
    for entry in comparison.entries:
        cells = [_name(entry), "" if entry.seed is None else str(entry.seed)]
        cells += [_with_spread(entry, metric) for metric in shown]
        if share:
            cells.append(_number(comparison.explained_share(entry), ".3f"))
        cells.append(_range(entry.predicted["min"], entry.predicted["max"]))
        cells += [_number(getattr(entry.cost, name), form) for name, (_, form) in COSTS.items()]
        lines.append(cells)
    return aligned(lines, left=1)


def difference_table(comparison: Comparison) -> str:
    """A table of the differences between each entry and the reference, with intervals."""
    head = ["", "MSE", "MSE: ratio", "MSE: difference", "R²: difference"]
    lines = [head]
    for entry in comparison.entries:
        cells = [_name(entry), _interval(comparison.mse[entry.label], METRICS["mse"].text)]
        apart = comparison.differences.get(entry.label)
        if apart is None:
            cells += ["reference", "", ""]
        else:
            mse = _interval(apart.mse, METRICS["mse"].text)
            cells += [_interval(apart.mse_ratio), mse, _interval(apart.r2)]
        lines.append(cells)
    return aligned(lines, left=1)


def to_markdown(comparison: Comparison) -> str:
    """The comparison as Markdown: metrics, differences, definitions."""
    slides = comparison.slides
    peak = "not defined" if comparison.peak is None else f"{comparison.peak:g} grey levels"
    true = _range(slides.true_low, slides.true_high)
    meaning = {
        each.heading: (each.unit, each.formula) for each in metrics_shown_in("comparison").values()
    }
    if slides.floor is not None:
        meaning["explained"] = EXPLAINED
    meaning["predicted range"] = RANGE
    meaning |= {COSTS[name][0]: COST_DEFINITIONS[name] for name in COSTS}
    parts = [
        "# Comparison\n",
        f"On {', '.join(map(markdown, slides.names))}: {int(slides.pixels.sum()):,} px, all "
        f"pixels of all slides as one image. Measured {markdown(slides.target)}: {true} grey "
        "levels.\n",
        main_table(comparison),
        f"## Against {markdown(comparison.reference)}\n",
        difference_table(comparison),
        _intervals(comparison),
        *_published(comparison),
        *_ranges(comparison),
        "## Definitions\n",
        *(f"- {title} ({unit}): {text}." for title, (unit, text) in meaning.items()),
        f"- Peak: {peak}.",
        *(f"- {remark}" for remark in comparison.remarks),
    ]
    if any(entry.kind == "group" for entry in comparison.entries):
        parts.append("- Mean of n: runs that differ by their seed alone; mean ± their standard "
                     "deviation (n - 1).")  # fmt: skip
    return "\n".join(parts) + "\n"


def _intervals(comparison: Comparison) -> str:
    """What the brackets hold."""
    groups = comparison.slides.groups
    whole = "" if groups.what == "slides" else " The slides of one animal are drawn together."
    return (
        f"In brackets: 95 % percentile intervals of a bootstrap over {groups.what}, in pairs: a "
        f"resample takes the same {groups.what} of both.{whole} They say how much the choice of "
        f"{groups.what} matters, not how much the seed does. {groups.describe().capitalize()}.\n"
    )


def _published(comparison: Comparison) -> list[str]:
    """The published metrics in floating point and in 8 bits, side by side, if they are known."""
    shown = [METRICS[name] for name in PUBLISHED if name in METRICS]
    if not any(entry.pooled.get("mse_8bit") is not None for entry in comparison.entries):
        return []
    lines = [["", *(metric.heading for metric in shown)]]
    lines += [
        [_name(entry), *(_with_spread(entry, metric) for metric in shown)]
        for entry in comparison.entries
    ]
    meaning = [
        f"- {metric.heading} ({metric.unit}): {metric.formula}."
        for metric in shown
        if "comparison" not in metric.shown_in
    ]
    return ["## Published definitions\n", aligned(lines, left=1), *meaning, PSNR_IN_FLOAT + "\n"]


def _ranges(comparison: Comparison) -> list[str]:
    """Measured and predicted grey levels, and calibrated intervals, if they are known."""
    if not set(PERCENTILES) <= set(comparison.slides.true):
        return []
    intervals = any(entry.intervals for entry in comparison.entries)
    more = ["intervals", "coverage", "mean width"] if intervals else []
    lines = [["", *RANGE_HEADS, *more]]
    lines.append(["measured", *range_cells(comparison.slides.true), *("" for _ in more)])
    for entry in comparison.entries:
        cells = [_name(entry), *range_cells(entry.predicted)]
        if intervals:
            found = entry.intervals
            cells += (
                ["-", "-", "-"]
                if found is None
                else [f"{found.stated:.0%}", f"{found.coverage:.1%}", f"{found.mean_width:.2f}"]
            )
        lines.append(cells)
    parts = ["## Range of the predictions\n", aligned(lines, left=1), RANGE_MEANING]
    if intervals:
        parts.append(
            "Intervals: share of pixels that the calibrated intervals of hrpn-tf calibrate are to "
            "hold, the share that they held on the calibration's test slides (mean over slides), "
            "and their mean width there, grey levels."
        )
    return [*parts, ""]


def to_csv(comparison: Comparison) -> str:
    """CSV with one line per entry: metrics, cost, and the interval of each difference."""
    apart = [f"{name}_{part}" for name in _APART for part in ("difference", "low", "high")]
    head = ["label", "kind", "preset", "seed", *METRICS, "explained_share"]
    head += ["predicted_min", "predicted_max", *COST_DEFINITIONS, *apart, "unresolved"]
    rows: list[list[object]] = []
    for entry in comparison.entries:
        values: list[object] = [entry.label, entry.kind, entry.preset, entry.seed]
        values += [entry.pooled.get(name) for name in METRICS]
        values += [comparison.explained_share(entry)]
        values += [entry.predicted["min"], entry.predicted["max"]]
        values += entry.cost.to_json().values()
        if difference := comparison.differences.get(entry.label):
            intervals = [getattr(difference, name) for name in _APART]
            values += [part for i in intervals for part in (i.estimate, i.low, i.high)]
            reasons = dict.fromkeys(i.unresolved for i in intervals if i.unresolved)
            values += [f"{NOT_RESOLVED}: {'; '.join(reasons)}" if reasons else ""]
        values += [None] * (len(head) - len(values))
        rows.append(values)
    return csv_text([name.replace("mse_ratio_difference", "mse_ratio") for name in head], rows)


def to_json(comparison: Comparison) -> str:
    """The comparison as JSON, with definitions and units."""
    meaning = {
        **definitions(),
        **COST_DEFINITIONS,
        "explained_share": EXPLAINED,
        "predicted": ("grey level", "mean, standard deviation, least and largest predicted value"),
        "spread": ("as the figure", "standard deviation between the runs of a group, n - 1"),
        "error_floor": ("grey level^2", "least mean squared error on each slide that any function "
                        "of the inputs can reach on average; simulated slides only"),
        "difference": ("as the figure; ratio: 1", "from the reference, with 95 % percentile "
                       f"intervals of a paired bootstrap over {comparison.slides.groups.what}"),
    }  # fmt: skip
    values = comparison.to_json()
    values["definitions"] = {
        name: {"unit": unit, "definition": text} for name, (unit, text) in meaning.items()
    }
    return json.dumps(values, indent=2) + "\n"


def _name(entry: Entry) -> str:
    label = markdown(entry.label)
    if entry.preset in (None, entry.label) or entry.kind == "group":
        return label
    return f"{label} ({markdown(entry.preset)})"


def _with_spread(entry: Entry, metric: Metric) -> str:
    text, spread = metric.text(entry.pooled.get(metric.name)), entry.spread.get(metric.name)
    return text if spread is None else f"{text} ± {metric.text(spread)}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _range(low: float, high: float) -> str:
    return f"{with_decimals(low, 1)} to {with_decimals(high, 1)}"


def _plain(value: float) -> str:
    return f"{value:.3f}"


def _interval(value: Interval, show: Callable[[float], str] = _plain) -> str:
    if value.low is None or value.high is None:
        return f"{show(value.estimate)} [{NOT_RESOLVED}]"
    return f"{show(value.estimate)} [{show(value.low)}, {show(value.high)}]"
