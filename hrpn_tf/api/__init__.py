"""The Python interface behind ``import hrpn_tf as ht``: one function per step, and their results.

The functions are those of the command line. They take paths or objects, report progress only if
asked, never print, and return small frozen objects that show themselves in a notebook. The rooms
that do the work are imported by the first call.
"""

from hrpn_tf.api.analysis import AnalysisResult
from hrpn_tf.api.arrays import IntervalArrays
from hrpn_tf.api.assessment import EvaluationResult, ReportResult
from hrpn_tf.api.comparison import ComparisonResult
from hrpn_tf.api.data import InitResult, PreparationResult, SimulationResult
from hrpn_tf.api.deployment import CalibrationResult, ExportResult
from hrpn_tf.api.permeability import PermeabilityResult
from hrpn_tf.api.planning import PlanResult
from hrpn_tf.api.prediction import PredictionResult
from hrpn_tf.api.training import FitResult

__all__ = [
    "AnalysisResult",
    "CalibrationResult",
    "ComparisonResult",
    "EvaluationResult",
    "ExportResult",
    "FitResult",
    "InitResult",
    "IntervalArrays",
    "PermeabilityResult",
    "PlanResult",
    "PredictionResult",
    "PreparationResult",
    "ReportResult",
    "SimulationResult",
]
