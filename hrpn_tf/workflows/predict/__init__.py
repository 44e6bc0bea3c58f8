"""Prediction of one slide or many, here or on a cluster."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.predict.one_slide import plan_slides, predict_slide
    from hrpn_tf.workflows.predict.options import Execution, PredictionOptions
    from hrpn_tf.workflows.predict.predict import predict_run
    from hrpn_tf.workflows.predict.requests import Request

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "one_slide": ["plan_slides", "predict_slide"],
        "options": ["Execution", "PredictionOptions"],
        "predict": ["predict_run"],
        "requests": ["Request"],
    },
)
