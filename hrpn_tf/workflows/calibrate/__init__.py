"""Calibration of prediction intervals on slides that the training did not see."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.calibrate.calibrate import Calibrated, calibrate_run
    from hrpn_tf.workflows.calibrate.options import CalibrationOptions

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibrate": ["Calibrated", "calibrate_run"],
        "options": ["CalibrationOptions"],
    },
)
