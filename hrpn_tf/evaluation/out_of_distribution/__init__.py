"""Out-of-distribution detection: whether a slide resembles the training slides of a network."""

from hrpn_tf.evaluation.out_of_distribution.files import load_profile, save_profile
from hrpn_tf.evaluation.out_of_distribution.judgement import Judgement, judge, one_line
from hrpn_tf.evaluation.out_of_distribution.profile import (
    TrainingProfile,
    join_profiles,
    learn_profile,
)
from hrpn_tf.evaluation.out_of_distribution.statistics import (
    SIDE,
    WINDOWS,
    SlideStatistics,
    choose_windows,
    describe,
)

__all__ = [
    "SIDE",
    "WINDOWS",
    "Judgement",
    "SlideStatistics",
    "TrainingProfile",
    "choose_windows",
    "describe",
    "join_profiles",
    "judge",
    "learn_profile",
    "load_profile",
    "one_line",
    "save_profile",
]
