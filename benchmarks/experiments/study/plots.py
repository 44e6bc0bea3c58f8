"""The pictures of the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from experiments.study.design import Network
from experiments.study.goals import mean_mse
from experiments.study.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that colour-blind readers tell apart (Okabe and Ito 2008), one for each network.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000")
_MARKS, _MARKS_OF_EXTRAS = "osD^vPX", "*dh<>8"


def styles(networks: Sequence[Network]) -> dict[str, dict[str, Any]]:
    """Colour and mark of each network, the same in all pictures.

    What is made from a network has its colour and another mark.
    """
    found: dict[str, dict[str, Any]] = {}
    alone = [each for each in networks if not each.extra]
    for number, each in enumerate(alone):
        colour = _COLOURS[number % len(_COLOURS)]
        found[each.name] = {"color": colour, "marker": _MARKS[number % len(_MARKS)]}
    extras = [each for each in networks if each.extra]
    for number, each in enumerate(extras):
        mark = _MARKS_OF_EXTRAS[number % len(_MARKS_OF_EXTRAS)]
        found[each.name] = {"color": found[each.extra["of"]]["color"], "marker": mark}
    return found


def curves(records: Mapping[str, Sequence[Record]], networks: Sequence[Network], out: Path) -> Path:
    """Validation error of the trainings of each length, against pixels seen and core-seconds.

    A point is a finished training; its learning rate had fallen to the end. The thin line is the
    course of the longest one. Extras, which use the trainings of others, are left out.
    """
    records = {name: seeds for name, seeds in records.items() if "of" not in seeds[0].values}
    figure = _figure(9.5, 4.0)
    first, second = figure.subplots(1, 2, sharey=True)
    style = styles(networks)
    for name, seeds in records.items():
        ladder = seeds[0].ladder
        for axes, key, unit in ((first, "pixels", 1e6), (second, "core_seconds", 3600)):
            course = ladder[-1]["curve"]
            axes.plot([p[key] / unit for p in course], [p["validation_mse"] for p in course],
                      color=style[name]["color"], linewidth=0.8, alpha=0.5)  # fmt: skip
            axes.plot([t[key] / unit for t in ladder], [t["validation_mse"] for t in ladder],
                      label=name, linewidth=1.8, markersize=6, **style[name])  # fmt: skip
    ends = [t["validation_mse"] for seeds in records.values() for t in seeds[0].ladder]
    first.set_ylim(0.9 * min(ends), 1.35 * max(ends))
    first.set_ylabel("validation MSE, grey levels²")
    for axes, label in ((first, "million pixels seen"), (second, "core-hours of training")):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(label)
        _plain(axes)
    return _save(figure, first, out)


def pareto(
    records: Mapping[str, Sequence[Record]],
    networks: Sequence[Network],
    costs: Mapping[str, Any] | None,
    out: Path,
) -> Path | None:
    """Test error against latency, operations and training memory; None without costs."""
    if costs is None:
        return None
    figure = _figure(11.5, 4.0)
    panels = figure.subplots(1, 3, sharey=True)
    style = styles(networks)
    for name, seeds in records.items():
        preset, factor = seeds[0].values["preset"], seeds[0].values.get("cost_factor", 1)
        if preset not in costs["presets"]:
            continue
        cost = costs["presets"][preset]
        memory = seeds[0].values.get("training_memory_mb")
        places = (
            factor * median(cost["latency_ms"]["onnxruntime"]),
            factor * cost["gmac"],
            None if memory is None else memory,
        )
        for axes, place in zip(panels, places, strict=True):
            if place is None:
                continue
            each = [record.pooled().mse for record in seeds]
            axes.plot([place] * len(each), each, linestyle="none", markersize=4, alpha=0.45,
                      **style[name])  # fmt: skip
            axes.plot([place], [mean_mse(seeds)], linestyle="none", markersize=9, label=name,
                      **style[name])  # fmt: skip
    panels[0].set_ylabel("test MSE, grey levels²")
    labels = ("ONNX Runtime, ms per tile", "GMAC per tile", "training memory, MB")
    for axes, label in zip(panels, labels, strict=True):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(label)
        _plain(axes)
    return _save(figure, panels[0], out)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _plain(axes: "Axes") -> None:
    """Numbers rather than powers of ten, few of them, and a light grid."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    axes.margins(0.08)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        if high < 3 * low:  # too narrow for the ticks of a logarithmic axis
            axis.set_major_locator(MaxNLocator(5))
        else:
            steps = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if high < 15 * low else (1.0, 2.0, 5.0)
            axis.set_major_locator(LogLocator(subs=steps, numticks=12))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axes.grid(True, alpha=0.25, linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _save(figure: "Figure", axes: "Axes", out: Path) -> Path:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=9)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=120)
    return out
