"""Figures of an analysis: profile, conditions, and the overlay of a slide."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf.evaluation.analysis.cohort import CohortAnalysis
from hrpn_tf.evaluation.analysis.conditions import animal_means
from hrpn_tf.evaluation.analysis.measures import MEASURES, SlideAnalysis
from hrpn_tf.evaluation.planes import Plane, Window
from hrpn_tf.evaluation.plot_label import plot_label
from hrpn_tf.evaluation.slide_picture import choose_crop, mark_scale
from hrpn_tf.figures import (
    COLOURS,
    GREY,
    MARKERS,
    PAPER,
    figure_style,
    new_figure,
    save_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_LINES = 12  # slides drawn one by one
VESSELS, POSITIVE, NEGATIVE = "#56B4E9", "#F0E442", "#999999"


def draw_profile(cohort: CohortAnalysis, folder: Path) -> str:
    """Mean intensity by distance: a line per slide, coloured by condition or animal."""
    with figure_style(PAPER):
        figure = new_figure(5.2, 3.4)
        axis = figure.subplots()
        kinds = _kinds(cohort.slides)
        shown: set[str] = set()
        reach = 1.0
        for slide in cohort.slides:
            profile = slide.profile
            closed = (profile.upper_um > 0) & np.isfinite(profile.upper_um)
            x, kind = profile.distance_um[closed], slide.condition or slide.name
            number = kinds.index(kind)
            colour = COLOURS[number % len(COLOURS)]
            label = "" if kind in shown or len(kinds) > MOST_LINES else plot_label(kind)
            shown.add(kind)
            curve = profile.pred
            axis.plot(x, curve.mean[closed], color=colour, lw=1.2, label=label or None)
            if curve.low is not None and curve.high is not None and len(cohort.slides) <= 4:
                band = curve.low[closed], curve.high[closed]
                axis.fill_between(x, *band, color=colour, alpha=0.2, lw=0)
            share = profile.pixels[closed][::-1].cumsum()[::-1] / profile.pixels.sum()
            reach = max([reach, *x[share > 2e-3][-1:]])
        axis.set(xlim=(0, reach), ylim=(0, None))
        axis.set_xlabel("distance to the nearest vessel, µm")
        axis.set_ylabel("mean intensity, grey levels")
        if axis.get_legend_handles_labels()[1]:
            axis.legend(fontsize=7)
        return _save(figure, folder, "profile")


def draw_conditions(cohort: CohortAnalysis, folder: Path) -> str:
    """A panel per measure: a point per animal, the mean over animals, lines between pairs."""
    means = {name: animal_means(cohort.observations, name) for name in MEASURES}
    names = [name for name, found in means.items() if found]
    conditions = sorted({slide.condition for slide in cohort.slides})
    with figure_style(PAPER):
        columns = min(4, max(1, len(names)))
        rows = -(-len(names) // columns)
        figure = new_figure(2.3 * columns, 2.4 * rows)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axis, name in zip(axes, names, strict=False):
            found = means[name]
            for at, condition in enumerate(conditions):
                values = np.array(list(found.get(condition, {}).values()))
                if not values.size:
                    continue
                place = at + np.linspace(-0.12, 0.12, len(values)) * (len(values) > 1)
                if cohort.paired:
                    place = np.full(len(values), float(at))
                style: dict[str, Any] = {
                    "color": COLOURS[at % len(COLOURS)],
                    "marker": MARKERS[at % len(MARKERS)],
                }
                axis.plot(place, values, linestyle="", ms=4.5, alpha=0.85, **style)
                axis.plot([at - 0.25, at + 0.25], [values.mean()] * 2, color="black", lw=1.2)
            if cohort.paired:
                _join(axis, found, conditions)
            unit = MEASURES[name].unit.replace("um", "µm")
            axis.set_title(MEASURES[name].title, fontsize=8)
            axis.set_ylabel(unit, fontsize=7)
            axis.set_xticks(range(len(conditions)), [plot_label(c) for c in conditions])
            axis.set_xlim(-0.5, len(conditions) - 0.5)
            axis.set_xlabel(_verdict(cohort, name), fontsize=7)
        for axis in axes[len(names) :]:
            axis.set_axis_off()
        return _save(figure, folder, "conditions")


def draw_overlay(
    slide: SlideAnalysis, image: Plane, labels: Plane, path: Path, vessel_channel: Plane | None
) -> None:
    """The intensity with outlines of vessels and nuclei, beside the vessel channel.

    Args:
        slide: what was measured.
        image: the predicted target.
        labels: number of the vessel of each pixel.
        path: of the PNG.
        vessel_channel: shown at the left; None for none.
    """
    window, note = choose_crop(image, "the intensity")
    size = slide.measures.slide.pixel_size_um
    with figure_style(PAPER):
        panels = [plane for plane in (vessel_channel, image) if plane is not None]
        aspect = float(np.clip(window.height / window.width, 0.4, 2.0))
        figure = new_figure(4.6 * len(panels), 4.6 * aspect + 0.7)
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        outline = window.read(labels) > 0
        titles = ["vessel channel, outlines", "intensity, vessels and nuclei"][-len(panels) :]
        for axis, plane, title in zip(axes, panels, titles, strict=True):
            grey = window.read(plane)
            low, high = np.percentile(grey, [0.2, 99.8])
            colours = "inferno" if plane is image else "gray"
            axis.imshow(grey, cmap=colours, vmin=low, vmax=max(high, low + 1e-6))
            if outline.any() and not outline.all():
                axis.contour(outline, [0.5], colors=VESSELS, linewidths=0.6)
            axis.set_title(title)
            axis.set_axis_off()
        _mark_nuclei(axes[-1], slide, window)
        for axis in axes:
            mark_scale(axis, window, size, fontsize=7)
        figure.suptitle(f"{plot_label(slide.name)}\n{note}", fontsize=8, parse_math=False)
        save_figure(figure, path)


def _mark_nuclei(axis: Any, slide: SlideAnalysis, window: Window) -> None:
    """A dot per nucleus: positive or not."""
    nuclei = slide.measures.nuclei
    y, x = nuclei.y_px - window.y, nuclei.x_px - window.x
    inside = (y >= 0) & (y < window.height) & (x >= 0) & (x < window.width)
    positive = nuclei.pred > slide.measures.slide.positive
    for kind, colour, name in ((~positive, NEGATIVE, "negative"), (positive, POSITIVE, "positive")):
        shown = inside & kind
        axis.plot(
            x[shown], y[shown], ".", color=colour, ms=2.6, mew=0, label=f"{name} nuclei"
        )  # fmt: skip
    axis.set(xlim=(-0.5, window.width - 0.5), ylim=(window.height - 0.5, -0.5))
    if inside.any():
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "ncols": 2}
        axis.legend(fontsize=6, markerscale=4, **place)


def _join(axis: Any, found: dict[str, dict[str, float]], conditions: Sequence[str]) -> None:
    animals = {animal for values in found.values() for animal in values}
    for animal in sorted(animals):
        points = [(i, found[c][animal]) for i, c in enumerate(conditions)
                  if animal in found.get(c, {})]  # fmt: skip
        if len(points) > 1:
            axis.plot(*zip(*points, strict=True), color=GREY, lw=0.6, zorder=0)


def _verdict(cohort: CohortAnalysis, name: str) -> str:
    """The corrected p-value under a panel of two conditions."""
    own = [each for each in cohort.contrasts if each.measure == name]
    if len(own) != 1:
        return ""
    return "not tested" if own[0].q is None else f"q = {own[0].q:.3g}"


def _kinds(slides: Sequence[SlideAnalysis]) -> list[str]:
    return list(dict.fromkeys(slide.condition or slide.name for slide in slides))


def _save(figure: "Figure", folder: Path, stem: str) -> str:
    save_figure(figure, folder / f"{stem}.png", folder / f"{stem}.svg")
    return f"{stem}.png"
