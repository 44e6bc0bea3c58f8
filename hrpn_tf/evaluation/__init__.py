"""Validation of predicted slides: metrics, baselines, tables and pictures.

Example:
    >>> import numpy as np
    >>> from hrpn_tf.evaluation import CompareSettings, ConstantPlane, compare, metrics_of
    >>> predicted, measured = (ConstantPlane(20, 30, value) for value in (12.0, 10.0))
    >>> sums = compare(predicted, measured, None, CompareSettings(peak=255.0))
    >>> metrics_of(sums["float", "whole"], peak=255.0).values["rmse"]
    2.0
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.evaluation.baselines.baselines import Baselines as Baselines
    from hrpn_tf.evaluation.baselines.baselines import fit_baselines as fit_baselines
    from hrpn_tf.evaluation.evaluation import Evaluation as Evaluation
    from hrpn_tf.evaluation.evaluation import MetricsRow as MetricsRow
    from hrpn_tf.evaluation.evaluation import SlideMetrics as SlideMetrics
    from hrpn_tf.evaluation.measured import MeasuredSlide as MeasuredSlide
    from hrpn_tf.evaluation.metric_values import Metrics as Metrics
    from hrpn_tf.evaluation.metric_values import metrics_of as metrics_of
    from hrpn_tf.evaluation.metrics import METRICS as METRICS
    from hrpn_tf.evaluation.metrics import Metric as Metric
    from hrpn_tf.evaluation.pixel_errors import CompareSettings as CompareSettings
    from hrpn_tf.evaluation.pixel_errors import compare as compare
    from hrpn_tf.evaluation.planes import ChannelPlane as ChannelPlane
    from hrpn_tf.evaluation.planes import ConstantPlane as ConstantPlane
    from hrpn_tf.evaluation.planes import MaskPlane as MaskPlane
    from hrpn_tf.evaluation.planes import Plane as Plane
    from hrpn_tf.evaluation.slide_evaluation import common_peak as common_peak
    from hrpn_tf.evaluation.slide_evaluation import evaluate_slide as evaluate_slide
    from hrpn_tf.evaluation.tables import table as table
    from hrpn_tf.evaluation.tables import to_csv as to_csv
    from hrpn_tf.evaluation.tables import to_markdown as to_markdown

# `predict` compares slides with the training slides, and needs nothing else of this package.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "baselines.baselines": ["Baselines", "fit_baselines"],
        "evaluation": ["Evaluation", "MetricsRow", "SlideMetrics"],
        "measured": ["MeasuredSlide"],
        "metric_values": ["Metrics", "metrics_of"],
        "metrics": ["METRICS", "Metric"],
        "pixel_errors": ["CompareSettings", "compare"],
        "planes": ["ChannelPlane", "ConstantPlane", "MaskPlane", "Plane"],
        "slide_evaluation": ["common_peak", "evaluate_slide"],
        "tables": ["table", "to_csv", "to_markdown"],
    },
)
