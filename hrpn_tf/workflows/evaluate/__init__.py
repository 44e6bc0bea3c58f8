"""Evaluation of a run's predictions against the measured target."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.evaluate.evaluate import Evaluated, evaluate_run
    from hrpn_tf.workflows.evaluate.options import EvaluationOptions
    from hrpn_tf.workflows.evaluate.spatial import SpatialOptions
    from hrpn_tf.workflows.evaluate.spatial_inputs import SpatialFiles

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "evaluate": ["Evaluated", "evaluate_run"],
        "options": ["EvaluationOptions"],
        "spatial": ["SpatialOptions"],
        "spatial_inputs": ["SpatialFiles"],
    },
)
