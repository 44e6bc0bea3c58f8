"""Figures of a fitted slide: measured, fitted and residual image; strengths in order."""

from pathlib import Path

import numpy as np

from hrpn_tf.evaluation.permeability.result import FittedSlide
from hrpn_tf.evaluation.planes import Window
from hrpn_tf.evaluation.plot_label import plot_label
from hrpn_tf.evaluation.slide_picture import clipped, mark_scale
from hrpn_tf.figures import COLOURS, GREY, PAPER, figure_style, new_figure, save_figure

BACKGROUND = "#dddddd"  # what is not compared


def draw_maps(slide: FittedSlide, folder: Path) -> str:
    """Measured and fitted target, their difference, and the strength of each vessel."""
    maps = slide.maps
    rest = maps.measured - maps.fitted
    finite = maps.measured[np.isfinite(maps.measured)]
    low, high = np.percentile(finite, [0.5, 99.5])
    most = max(float(np.percentile(np.abs(rest[np.isfinite(rest)]), 99.5)), 1e-6)
    known = np.isfinite(slide.reference)
    strength = maps.vessels / slide.reference if known else maps.vessels
    shown_as = "strength of vessels" if known else "flow, grey levels per µm; none shown to leak"
    with figure_style(PAPER):
        rows, columns = maps.measured.shape
        figure = new_figure(9.0, 7.4 * float(np.clip(rows / columns, 0.4, 2.0)) + 0.6)
        axes = figure.subplots(2, 2).ravel()
        grey = {"cmap": "inferno", "vmin": low, "vmax": max(high, low + 1e-6)}
        top = np.nanmax(strength, initial=1.0) if np.isfinite(strength).any() else 1.0
        panels = (
            ("measured, grey levels", maps.measured, grey),
            ("fitted, grey levels", maps.fitted, grey),
            ("measured − fitted", rest, {"cmap": "RdBu_r", "vmin": -most, "vmax": most}),
            (shown_as, strength, {"cmap": "viridis", "vmin": 0, "vmax": min(top, 10)}),
        )
        for axis, (title, image, style) in zip(axes, panels, strict=True):
            axis.set_facecolor(BACKGROUND)
            shown = axis.imshow(image, interpolation="nearest", **style)
            ends = clipped(image, *shown.get_clim())
            figure.colorbar(shown, ax=axis, shrink=0.7, extend=ends, extendfrac=0.03)
            axis.set_title(title)
            axis.set(xticks=[], yticks=[])
            mark_scale(axis, Window(0, 0, rows, columns), maps.cell_um, fontsize=7)
        title = f"{plot_label(slide.name)}: {slide.target}"
        figure.suptitle(title, fontsize=9, parse_math=False)
        save_figure(figure, folder / "maps.png")
    return "maps.png"


def draw_strengths(slide: FittedSlide, folder: Path) -> str:
    """Leaky vessels in the order of their strength, with intervals."""
    found = slide.vessels
    leaky = np.flatnonzero(slide.leaky)
    order = leaky[np.argsort(found.flow[leaky])]
    with figure_style(PAPER):
        figure = new_figure(5.2, 3.4)
        axis = figure.subplots()
        for kind, colour, name in (
            (True, COLOURS[0], "identifiable"),
            (False, GREY, "not told from neighbours"),
        ):
            own = found.identifiable[order] == kind
            if not own.any():
                continue
            chosen, place = order[own], np.flatnonzero(own)
            ends = found.lower[chosen] / slide.reference, found.upper[chosen] / slide.reference
            axis.vlines(place, *ends, color=colour, lw=0.8, alpha=0.6)
            middle = found.flow[chosen] / slide.reference
            axis.plot(place, middle, ".", color=colour, ms=3, label=name)
        if len(order):
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter("{x:g}")
            axis.legend(fontsize=7, loc="upper left")  # strengths rise to the right
        else:
            axis.text(0.5, 0.5, "no leaky vessel", transform=axis.transAxes, ha="center")
        axis.set_xlabel("leaky vessels, in the order of strength")
        axis.set_ylabel("strength, 1 = median of leaky vessels")
        save_figure(figure, folder / "strengths.png")
    return "strengths.png"
