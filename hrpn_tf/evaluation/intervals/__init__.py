"""Prediction intervals: conformal calibration by group of slides, and their coverage."""

from hrpn_tf.evaluation.intervals.conformal import (
    Correction,
    correct,
    guaranteed,
    needed_groups,
)
from hrpn_tf.evaluation.intervals.coverage import Bands, CoverageCounts, SlideCoverage, count
from hrpn_tf.evaluation.intervals.curve import CalibrationCurve, calibration_curve, draw_curve
from hrpn_tf.evaluation.intervals.report import CoverageRow, rows, to_csv, to_markdown
from hrpn_tf.evaluation.intervals.scores import SlideScores, add_scores, no_scores, scores

__all__ = [
    "Bands",
    "CalibrationCurve",
    "Correction",
    "CoverageCounts",
    "CoverageRow",
    "SlideCoverage",
    "SlideScores",
    "add_scores",
    "calibration_curve",
    "correct",
    "count",
    "draw_curve",
    "guaranteed",
    "needed_groups",
    "no_scores",
    "rows",
    "scores",
    "to_csv",
    "to_markdown",
]
