"""What more animals would bring: learning curves, guaranteed coverage, and slides to stain next."""

from hrpn_tf.evaluation.planning.coverage import (
    CoverageOutlook,
    coverage_of_group_scores,
    coverage_outlook,
)
from hrpn_tf.evaluation.planning.curve import (
    LearningCurve,
    Measurement,
    Outlook,
    learning_curve,
)
from hrpn_tf.evaluation.planning.power_law import PowerLaw, fit_power_law
from hrpn_tf.evaluation.planning.ranking import Candidate, Ranked, rank

__all__ = [
    "Candidate",
    "CoverageOutlook",
    "LearningCurve",
    "Measurement",
    "Outlook",
    "PowerLaw",
    "Ranked",
    "coverage_of_group_scores",
    "coverage_outlook",
    "fit_power_law",
    "learning_curve",
    "rank",
]
