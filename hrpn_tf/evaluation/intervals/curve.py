"""Nominal against measured coverage at several levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.errors import CalibrationSlidesError
from hrpn_tf.evaluation.intervals.conformal import correct, needed_groups
from hrpn_tf.evaluation.intervals.scores import UPPER, SlideScores
from hrpn_tf.figures import COLOURS, GREY, figure_style, new_figure, save_figure
from hrpn_tf.text import csv_text

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
COLOUR = COLOURS[0]


@dataclass(frozen=True)
class CalibrationCurve:
    """A calibration curve.

    Attributes:
        nominal: levels that the calibration slides suffice for.
        measured: coverage at each, mean over test slides.
        lowest, highest: of single test slides.
    """

    nominal: tuple[float, ...]
    measured: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]

    def to_csv(self) -> str:
        """One line per level."""
        columns = (self.nominal, self.measured, self.lowest, self.highest)
        heads = ["nominal", "measured", "lowest_slide", "highest_slide"]
        return csv_text(heads, zip(*columns, strict=True))


def calibration_curve(
    calibration: Sequence[SlideScores],
    test: Sequence[SlideScores],
    edges: Sequence[float],
    guarantee: bool,
    levels: Sequence[float] = LEVELS,
) -> CalibrationCurve:
    """The coverage of the same heads when they are calibrated for other levels.

    Args:
        calibration, test: scores of both sets of slides by the bands between ``edges``.
        edges: grey levels.
        guarantee: see ``guaranteed``; levels that need more groups are left out.
        levels: nominal; those that no factor reaches on the calibration slides are left out.
    """
    groups = len({slide.group for slide in calibration})
    chosen, per_level = [], []
    for level in levels:
        if guarantee and needed_groups(level) > groups:
            continue
        try:
            correction = correct(calibration, edges, level, guarantee)
        except CalibrationSlidesError:
            continue
        chosen.append(level)
        factors = _of_all_bands(correction.edges, correction.factors, edges)
        per_level.append([_covered(slide, factors) for slide in test])
    shares = np.array(per_level).reshape(len(chosen), len(test))
    columns = (shares.mean(axis=1), shares.min(axis=1), shares.max(axis=1))
    return CalibrationCurve(tuple(chosen), *(tuple(column.tolist()) for column in columns))


@figure_style()
def draw_curve(curve: CalibrationCurve, coverage: float, paths: Sequence[Path]) -> None:
    """Draw a curve into files, in the formats of their suffixes."""
    figure = new_figure(4.8, 4.6)
    axis = figure.subplots()
    lowest = min(curve.nominal, default=0.5) - 0.03
    axis.plot([lowest, 1], [lowest, 1], color=GREY, linestyle="--", linewidth=1, label="nominal")
    axis.fill_between(
        curve.nominal, curve.lowest, curve.highest, color=COLOUR, alpha=0.2, label="single slides"
    )
    axis.plot(curve.nominal, curve.measured, "o-", color=COLOUR, label="mean over slides")
    axis.axvline(coverage, color=GREY, linewidth=1)
    axis.set(xlabel="nominal coverage", ylabel="measured coverage", xlim=(lowest, 1.01))
    axis.legend(loc="upper left", frameon=False)
    save_figure(figure, *paths)


def _of_all_bands(
    joined: Sequence[float], factors: Sequence[float], edges: Sequence[float]
) -> np.ndarray:
    """The factor of each band between ``edges``, of which some were joined."""
    starts = np.array([-np.inf, *edges])
    return np.array(factors)[np.digitize(starts, joined)]


def _covered(slide: SlideScores, factors: np.ndarray) -> float:
    """Share of a slide's pixels whose score is no more than their band's factor."""
    within = UPPER[None, :] <= factors[:, None]
    return float((slide.counts * within).sum() / slide.counts.sum())
