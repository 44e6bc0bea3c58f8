"""Validation of predicted slides: metrics, baselines, tables and pictures.

Example:
    >>> import numpy as np
    >>> from hrpn_tf.evaluation import CompareSettings, ConstantPlane, compare, metrics_of
    >>> predicted, measured = (ConstantPlane(20, 30, value) for value in (12.0, 10.0))
    >>> sums = compare(predicted, measured, None, CompareSettings(peak=255.0))
    >>> metrics_of(sums["float", "whole"], peak=255.0).values["rmse"]
    2.0
"""

from hrpn_tf.evaluation.baselines.baselines import Baselines, fit_baselines
from hrpn_tf.evaluation.evaluation import Evaluation, MetricsRow, SlideMetrics
from hrpn_tf.evaluation.measured import MeasuredSlide
from hrpn_tf.evaluation.metric_values import Metrics, metrics_of
from hrpn_tf.evaluation.metrics import METRICS, Metric
from hrpn_tf.evaluation.pixel_errors import CompareSettings, compare
from hrpn_tf.evaluation.planes import ChannelPlane, ConstantPlane, MaskPlane, Plane
from hrpn_tf.evaluation.slide_evaluation import common_peak, evaluate_slide
from hrpn_tf.evaluation.tables import table, to_csv, to_markdown

__all__ = [
    "METRICS",
    "Baselines",
    "ChannelPlane",
    "CompareSettings",
    "ConstantPlane",
    "Evaluation",
    "MaskPlane",
    "MeasuredSlide",
    "Metric",
    "Metrics",
    "MetricsRow",
    "Plane",
    "SlideMetrics",
    "common_peak",
    "compare",
    "evaluate_slide",
    "fit_baselines",
    "metrics_of",
    "table",
    "to_csv",
    "to_markdown",
]
