"""The pictures of a comparison: error by run, error against cost, range of the predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf.evaluation.bootstrap import NOT_RESOLVED, Interval
from hrpn_tf.evaluation.comparison.comparison import Comparison, Entry
from hrpn_tf.evaluation.plot_label import plot_label
from hrpn_tf.figures import COLOURS, GREY, MARKERS, figure_style, new_figure, save_figure
from hrpn_tf.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_INCHES = 0.42


def draw_comparison(comparison: Comparison, folder: Path) -> list[str]:
    """Write all pictures as PNG into a folder; returns their names."""
    with figure_style({"text.parse_math": False}):  # a label may hold dollar signs
        pictures = {"mse.png": _draw_errors(comparison), "range.png": _draw_ranges(comparison)}
        if (costs := _draw_costs(comparison)) is not None:
            pictures["cost.png"] = costs
        for name, figure in pictures.items():
            save_figure(figure, folder / name)
    return list(pictures)


def _draw_errors(comparison: Comparison) -> "Figure":
    """Pooled MSE with its interval and every slide's; and the ratio to the reference."""
    entries = comparison.entries
    figure = new_figure(11.0, 1.6 + ROW_INCHES * len(entries))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for row, entry in enumerate(entries):
        colour = _colour(entry, comparison)
        left.plot(entry.mse, np.full(len(entry.mse), row), "|", color=colour, alpha=0.6, ms=9)
        _bar(left, comparison.mse[entry.label], row, colour)
        apart = comparison.differences.get(entry.label)
        _bar(right, Interval(1, None, None) if apart is None else apart.mse_ratio, row, colour)
    if comparison.slides.floor is not None:
        pixels = comparison.slides.pixels
        floor = float(comparison.slides.floor @ pixels / pixels.sum())
        left.axvline(floor, color=GREY, linestyle="--", linewidth=1)
    right.axvline(1, color=GREY, linestyle="--", linewidth=1)
    _logarithmic(left)
    _logarithmic(right)
    dashed = "" if comparison.slides.floor is None else "; dashed: error floor"
    left.set_xlabel(f"MSE, grey levels²\npoint: all slides as one; ticks: single slides{dashed}")
    right.set_xlabel("MSE ÷ MSE of the reference\n")
    right.set_title(f"reference: {printable(comparison.reference)}", fontsize=10)
    resolved = any(value.low is not None for value in comparison.mse.values())
    over = f"error, 95 % intervals over {comparison.slides.groups.what}"
    title = over if resolved else f"error, intervals {NOT_RESOLVED}"
    left.set_title(title, fontsize=10)
    _name_rows(left, entries)
    return figure


def _draw_ranges(comparison: Comparison) -> "Figure":
    """Minimum, maximum and mean predicted intensity of each entry beside the measured ones."""
    slides, entries = comparison.slides, comparison.entries
    figure = new_figure(9.0, 1.6 + ROW_INCHES * (len(entries) + 1))
    axis = figure.subplots()
    share = slides.pixels / slides.pixels.sum()
    mean = float(share @ slides.true_mean)
    sd = float(np.sqrt(share @ (slides.true_sd**2 + (slides.true_mean - mean) ** 2)))
    measured = {"min": slides.true_low, "max": slides.true_high, "mean": mean, "sd": sd}
    rows: list[tuple[Any, str]] = [(measured, "black")]
    rows += [(entry.predicted, _colour(entry, comparison)) for entry in entries]
    for row, (values, colour) in enumerate(rows):
        axis.plot([values["min"], values["max"]], [row, row], color=colour, linewidth=1.5)
        low, high = values["mean"] - values["sd"], values["mean"] + values["sd"]
        axis.plot([low, high], [row, row], color=colour, linewidth=6, solid_capstyle="butt")
        axis.plot(values["mean"], row, "o", color="white", markeredgecolor=colour, markersize=6)
    for edge in (slides.true_low, slides.true_high):
        axis.axvline(edge, color=GREY, linestyle="--", linewidth=1, zorder=0)
    axis.set_xlabel("grey levels\nline: least to largest; bar: mean ± standard deviation")
    axis.set_title("range of the predicted target", fontsize=10)
    _name_rows(axis, entries, first=f"measured {slides.target}")
    return figure


def _draw_costs(comparison: Comparison) -> "Figure | None":
    """MSE against latency, training memory and GMAC; None if no cost is known."""
    known = {
        name: [e for e in _networks(comparison) if getattr(e.cost, name) is not None]
        for name in _COST_AXES
    }
    panels = [name for name, entries in known.items() if entries]
    if not panels:
        return None
    shown = [e for e in _networks(comparison) if any(e in known[name] for name in panels)]
    figure = new_figure(3.6 * len(panels) + 0.6, 4.2 + 0.16 * len(shown))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, panels, strict=True):
        for i, entry in enumerate(shown):
            if entry in known[name]:
                _dot(axis, getattr(entry.cost, name), entry, i)
        if not _logarithmic(axis):
            axis.set_xlim(left=0)  # differences look as large as they are
        axis.set_xlabel(_COST_AXES[name])
        axis.grid(alpha=0.25)
    seeds = any(entry.kind == "group" for entry in shown)
    axes[0].set_ylabel("MSE, grey levels²" + seeds * "\nbars: standard deviation between seeds")
    keys = {
        label: key
        for axis in axes
        for key, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        keys.values(), keys.keys(), loc="outside lower center", ncols=3, fontsize=9, frameon=False
    )
    return figure


_COST_AXES = {
    "latency_ms": "latency of one tile, ms",
    "training_memory_mb": "memory of the training, MB",
    "gmac": "GMAC for 512 × 512 px",
}


def _networks(comparison: Comparison) -> list[Entry]:
    """One entry per family: its group, or its only run."""
    grouped = {label for entry in comparison.entries for label in entry.runs}
    return [e for e in comparison.entries if e.kind != "baseline" and e.label not in grouped]


def _dot(axis: "Axes", cost: float, entry: Entry, number: int) -> None:
    axis.errorbar(
        cost,
        entry.pooled["mse"] or 0.0,
        yerr=entry.spread.get("mse") or 0.0,
        marker=MARKERS[number % len(MARKERS)],
        color=COLOURS[number % len(COLOURS)],
        markersize=9,
        linestyle="none",
        capsize=3,
        label=plot_label(entry.label),
    )


def _bar(axis: "Axes", value: Interval, row: int, colour: str) -> None:
    if value.low is not None and value.high is not None:
        axis.plot([value.low, value.high], [row, row], color=colour, linewidth=2)
    axis.plot(value.estimate, row, "o", color=colour, markersize=7)


def _name_rows(axis: "Axes", entries: Sequence[Entry], first: str | None = None) -> None:
    """The entries from top to bottom, baselines apart from networks."""
    names = [*([] if first is None else [first]), *(entry.label for entry in entries)]
    axis.set_yticks(range(len(names)))
    axis.set_yticklabels([printable(name) for name in names])
    axis.set_ylim(len(names) - 0.5, -0.5)
    runs = len(names) - sum(entry.kind == "baseline" for entry in entries)
    if 0 < runs < len(names):
        axis.axhline(runs - 0.5, color="0.85", linewidth=1)
    axis.grid(axis="x", alpha=0.25)


def _logarithmic(axis: "Axes") -> bool:
    """A logarithmic axis with plain numbers, if the values lie apart by a factor above 4."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = axis.dataLim.intervalx
    if not (low > 0 and high / low > 4):
        return False
    axis.set_xscale("log")
    steps = (1, 2, 5) if high / low < 200 else (1,)
    axis.xaxis.set_major_locator(LogLocator(10, steps))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    return True


def _colour(entry: Entry, comparison: Comparison) -> str:
    """Baselines grey; else by family, so that seeds of one network look alike."""
    if entry.kind == "baseline":
        return GREY
    families = list(dict.fromkeys(e.family for e in comparison.entries if e.kind != "baseline"))
    return COLOURS[families.index(entry.family) % len(COLOURS)]
