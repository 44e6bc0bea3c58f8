"""Figures for a paper, as PNG and SVG, with the numbers behind them as CSV."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf.evaluation.plot_label import plot_label
from hrpn_tf.evaluation.spatial.agreement import Agreement
from hrpn_tf.evaluation.spatial.pairs import KINDS, Pairs
from hrpn_tf.evaluation.spatial.profile import DistanceProfile, ProfileCurve
from hrpn_tf.evaluation.spatial.study import SpatialStudy
from hrpn_tf.figures import (
    COLOURS,
    GREY,
    MARKERS,
    PAPER,
    figure_style,
    new_figure,
    save_figure,
)
from hrpn_tf.text import csv_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUE, PRED = COLOURS[:2]
_DPI = 200
MOST_POINTS = 5000  # drawn of a scatter, evenly taken; the CSV holds all
_PARTS = ("mean", "low", "high")  # of a curve
SCATTERED = ("sub_areas", "extravasation", "vessels", "nuclei", "positive_nuclei", "regions")


def draw_figures(study: SpatialStudy, folder: Path) -> list[str]:
    """Write every figure that there are numbers for; returns the names of all files.

    Args:
        study: of all slides.
        folder: an existing, empty one.
    """
    names: list[str] = []
    with figure_style(PAPER):
        names += _save(_draw_profile(study.profile), folder, "distance-profile")
        _write_profile(study, folder / "distance-profile.csv")
        names.append("distance-profile.csv")
        for kind in SCATTERED:
            found = study.agreements[kind]
            if "bias" not in found.values:
                continue
            stem = kind.replace("_", "-")
            figure = _draw_agreement(study, kind, found)
            names += _save(figure, folder, stem)
            _write_pairs(study, study.pairs[kind], folder / f"{stem}.csv")
            names.append(f"{stem}.csv")
    return names


def _save(figure: "Figure", folder: Path, stem: str) -> list[str]:
    names = [f"{stem}.png", f"{stem}.svg"]
    save_figure(figure, *(folder / name for name in names))
    return names


def _draw_profile(profile: DistanceProfile) -> "Figure":
    """Mean intensity by distance with bands, and how often each distance occurs."""
    figure = new_figure(4.6, 3.8, _DPI)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    closed = (profile.upper_um > 0) & np.isfinite(profile.upper_um)
    x = profile.distance_um[closed]
    for curve, name, colour, line in (
        (profile.true, "measured", TRUE, "-"),
        (profile.pred, "predicted", PRED, "--"),
    ):
        top.plot(x, curve.mean[closed], color=colour, linestyle=line, label=name)
        if curve.low is not None and curve.high is not None:
            top.fill_between(
                x, curve.low[closed], curve.high[closed], color=colour, alpha=0.2, linewidth=0
            )
        _mark_depths(top, curve, colour)
    top.set_ylabel("mean intensity, grey levels")
    top.legend(title="circle: 1/e, square: 10 % of the excess", title_fontsize=7)
    width = np.diff(np.append(profile.lower_um[closed], profile.upper_um[closed][-1:]))
    share = profile.pixels / profile.pixels.sum()
    below.bar(profile.lower_um[closed], share[closed], width, align="edge", color=GREY)
    below.set_ylabel("share of\npixels")
    below.set_xlabel("distance to the nearest vessel, µm")
    # most of the profile, and both depths, rather than its thin far end
    enough = x[np.cumsum(share[closed][::-1])[::-1] > 2e-3] if x.size else x
    reach = [curve.metrics[n]["value"] or 0 for curve in (profile.true, profile.pred)
             for n in ("depth_1_e", "depth_10_percent")]  # fmt: skip
    far = max([*reach, *enough[-1:], 1.0]) * 1.05
    below.set_xlim(0, far)
    shown = [getattr(c, part) for c in (profile.true, profile.pred) for part in _PARTS]
    heights = np.concatenate([y[closed][x <= far] for y in shown if y is not None])
    if np.isfinite(heights).any():
        low, high = np.nanmin(heights), np.nanmax(heights)
        top.set_ylim(low - 0.05 * (high - low + 1e-6), high + 0.05 * (high - low + 1e-6))
    return figure


def _mark_depths(axis: "Axes", curve: ProfileCurve, colour: str) -> None:
    base, wall = curve.metrics["background"]["value"], curve.metrics["wall"]["value"]
    for name, share, marker in (("depth_1_e", np.exp(-1), "o"), ("depth_10_percent", 0.1, "s")):
        depth = curve.metrics[name]["value"]
        if depth is not None:
            axis.plot(
                depth, base + share * wall, marker, color=colour, markerfacecolor="white", ms=5
            )


def _draw_agreement(study: SpatialStudy, kind: str, found: Agreement) -> "Figure":
    """Predicted against measured, and Bland and Altman's plot."""
    slide, true, pred = study.all_pairs(kind)
    chosen = np.linspace(0, len(true) - 1, min(len(true), MOST_POINTS)).round().astype(int)
    title, unit = KINDS[kind].title, KINDS[kind].unit
    unit = "µm" if unit == "um" else unit
    figure = new_figure(7.0, 3.2, _DPI)
    left, right = figure.subplots(1, 2)
    few = len(chosen) <= 300
    size = {"markersize": 3.5 if few else 2.2, "alpha": 0.8 if few else 0.5}
    many = len(study.slides) > len(COLOURS)
    for number, measures in enumerate(study.slides):
        own = chosen[slide[chosen] == number]
        style: dict[str, Any] = {
            "color": COLOURS[0] if many else COLOURS[number % len(COLOURS)],
            "marker": "o" if many else MARKERS[number % len(MARKERS)],
            "linestyle": "", "markeredgewidth": 0, "rasterized": len(chosen) > 1000, **size,
        }  # fmt: skip
        left.plot(true[own], pred[own], label=plot_label(measures.slide.name), **style)
        right.plot((true[own] + pred[own]) / 2, pred[own] - true[own], **style)
    _finish_scatter(left, true, pred, found, unit)
    if len(study.slides) > 1 and not many:
        left.legend(fontsize=6, markerscale=1.5, loc="lower right")
    _finish_bland_altman(right, found, unit)
    figure.suptitle(f"{title}: {found.count} pairs", fontsize=9)
    return figure


def _finish_scatter(
    axis: "Axes", true: np.ndarray, pred: np.ndarray, found: Agreement, unit: str
) -> None:
    low, high = min(true.min(), pred.min()), max(true.max(), pred.max())
    pad = 0.03 * (high - low) or 1.0
    axis.plot([low - pad, high + pad], [low - pad, high + pad], color=GREY, linewidth=0.8, zorder=0)
    axis.set(xlim=(low - pad, high + pad), ylim=(low - pad, high + pad), aspect="equal")
    axis.set(xlabel=f"measured, {unit}", ylabel=f"predicted, {unit}")
    names = {"icc2": "ICC(2,1)", "icc3": "ICC(3,1)", "pearson": "r"}
    lines = [f"{title} {found.values[name]:.3f}" for name, title in names.items()
             if found.values[name] is not None]  # fmt: skip
    axis.text(0.03, 0.97, "\n".join(lines), transform=axis.transAxes, va="top", fontsize=7)


def _finish_bland_altman(axis: "Axes", found: Agreement, unit: str) -> None:
    for name, line, title in (
        ("limit_high", "--", "+1.96 sd"), ("bias", "-", "bias"), ("limit_low", "--", "−1.96 sd"),
    ):  # fmt: skip
        value = found.values[name]
        assert value is not None
        axis.axhline(value, color="black", linestyle=line, linewidth=0.9)
        if name in found.bootstrap:
            axis.axhspan(*found.bootstrap[name], color=GREY, alpha=0.2, linewidth=0)
        text = f"{title}\n{value:.3g}".replace("-", "−")
        axis.text(1.01, value, text, transform=axis.get_yaxis_transform(), va="center", fontsize=7)
    axis.axhline(0, color=GREY, linewidth=0.6, linestyle=":")
    axis.set(xlabel=f"mean of both, {unit}", ylabel=f"predicted − measured, {unit}")


def _write_profile(study: SpatialStudy, path: Path) -> None:
    """All slides together, then each."""
    head = ["slide", "from_um", "to_um", "mean_distance_um", "pixels", "true", "true_low",
            "true_high", "pred", "pred_low", "pred_high"]  # fmt: skip
    lines: list[Sequence[Any]] = []
    scopes = [("all", study.profile)]
    scopes += [(m.slide.name, p) for m, p in zip(study.slides, study.slide_profiles, strict=True)]
    for name, profile in scopes:
        nothing = np.full(len(profile.pixels), np.nan)
        columns = [profile.lower_um, profile.upper_um, profile.distance_um, profile.pixels]
        for curve in (profile.true, profile.pred):
            columns += [curve.mean]
            columns += [nothing if c is None else c for c in (curve.low, curve.high)]
        lines += [[name, *row] for row in np.stack(columns, axis=1).tolist()]
    _write(path, head, lines)


def _write_pairs(study: SpatialStudy, parts: Sequence[Pairs], path: Path) -> None:
    lines: list[Sequence[Any]] = []
    for measures, pairs in zip(study.slides, parts, strict=True):
        labels = pairs.label or ("",) * len(pairs)
        numbers = np.stack([pairs.y_um, pairs.x_um, pairs.true, pairs.pred], axis=1).tolist()
        lines += [
            [measures.slide.name, label, *row] for label, row in zip(labels, numbers, strict=True)
        ]
    _write(path, ["slide", "label", "y_um", "x_um", "true", "pred"], lines)


def _write(path: Path, head: Sequence[str], lines: Sequence[Sequence[Any]]) -> None:
    rows = (["" if v != v or v in (np.inf,) else v for v in line] for line in lines)
    path.write_text(csv_text(head, rows), encoding="utf-8")
