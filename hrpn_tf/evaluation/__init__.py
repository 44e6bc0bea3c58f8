"""How good predicted slides are: metrics, baselines, tables and pictures."""

from hrpn_tf.evaluation.baselines.baselines import Baselines, fit_baselines
from hrpn_tf.evaluation.evaluation import Evaluation, Row, SlideMetrics
from hrpn_tf.evaluation.measured import MeasuredSlide
from hrpn_tf.evaluation.metric_values import Metrics, metrics_of
from hrpn_tf.evaluation.metrics import METRICS, Metric
from hrpn_tf.evaluation.pixel_errors import CompareSettings, compare
from hrpn_tf.evaluation.planes import ChannelPlane, MaskPlane, Plane
from hrpn_tf.evaluation.slide_evaluation import common_peak, evaluate_slide
from hrpn_tf.evaluation.tables import table, to_csv, to_markdown

__all__ = [
    "METRICS",
    "Baselines",
    "ChannelPlane",
    "CompareSettings",
    "Evaluation",
    "MaskPlane",
    "MeasuredSlide",
    "Metric",
    "Metrics",
    "Plane",
    "Row",
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
