"""The picture of a plan: error, width of the intervals, and coverage by the number of groups."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.evaluation.intervals.conformal import needed_groups
from hrpn_tf.evaluation.planning.coverage import LEVELS, LIKELY, coverage_of_group_scores
from hrpn_tf.evaluation.planning.curve import LearningCurve
from hrpn_tf.figures import COLOURS, GREY, figure_style, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_GROUPS, _SHADED = 60, 0.9


@figure_style()
def draw_plan(
    curves: Sequence[tuple[str, LearningCurve]], groups: int, paths: Sequence[Path]
) -> None:
    """Draw a plan into files, in the formats of their suffixes.

    Args:
        curves: label of the vertical axis, curve; none without trainings on subsets.
        groups: how many train now.
        paths: files to write.
    """
    figure = new_figure(4.3 * (len(curves) + 1), 3.6)
    axes = figure.subplots(1, len(curves) + 1, squeeze=False)[0]
    for axis, (label, curve) in zip(axes, curves, strict=False):
        _draw_curve(axis, label, curve, groups)
    _draw_coverage(axes[-1])
    save_figure(figure, *paths)


def _draw_curve(axis: "Axes", label: str, curve: LearningCurve, groups: int) -> None:
    numbers = [each.groups for each in curve.measured]
    values = [each.mean for each in curve.measured]
    draws = sorted({each.draw for each in curve.measured})
    known = curve.curve
    if known:
        at = [each.groups for each in known]
        axis.plot(at, [each.error for each in known], color=COLOURS[0], label="power law")
        if known[0].low is not None:
            low = [np.nan if each.low is None else each.low for each in known]
            high = [np.nan if each.high is None else each.high for each in known]
            axis.fill_between(
                at, low, high, color=COLOURS[0], alpha=0.18, linewidth=0, label="95 % prediction"
            )
    for mark, draw in zip("os^Dv<>P*X" * len(draws), draws, strict=False):
        own = [i for i, each in enumerate(curve.measured) if each.draw == draw]
        label_once = "one training" if draw == draws[0] else None
        axis.plot(
            [numbers[i] for i in own], [values[i] for i in own], mark, color="black", markersize=4,
            markerfacecolor="none", label=label_once,
        )  # fmt: skip
    axis.axvline(groups, color=GREY, linestyle="--", linewidth=1)
    axis.set(xlabel="training groups (dashed: now)", ylabel=label, xscale="log")
    ticks = sorted({*numbers, *(each.groups for each in curve.outlook)})
    axis.set_xticks(ticks, [str(n) for n in ticks])
    axis.minorticks_off()
    axis.set_ylim(bottom=0)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8)


def _draw_coverage(axis: "Axes") -> None:
    numbers = np.arange(1, _MOST_GROUPS + 1)
    axis.plot(
        numbers, numbers / (numbers + 1), color="black", linewidth=1, label="most: K / (K + 1)"
    )
    for colour, level in zip(COLOURS, LEVELS, strict=False):
        able = numbers[numbers >= needed_groups(level)]
        if level == _SHADED:
            law = coverage_of_group_scores(able, level)
            low, high = law.ppf((1 - LIKELY) / 2), law.ppf((1 + LIKELY) / 2)
            axis.fill_between(able, low, high, color=colour, alpha=0.18, linewidth=0)
        axis.plot(able, np.full(len(able), level), color=colour, label=f"{level:.0%} guaranteed")
    axis.set(
        xlabel="calibration groups",
        ylabel="coverage",
        ylim=(0.5, 1.005),
        title=f"shaded: {LIKELY:.0%} of calibrations at {_SHADED:.0%}, worst case",
    )
    axis.title.set_fontsize(9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8, loc="lower right")
