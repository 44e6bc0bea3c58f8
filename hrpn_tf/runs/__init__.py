"""The folder of one training, opened once and passed on.

>>> from hrpn_tf.runs import open_run
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.runs.calibrated import Calibration
    from hrpn_tf.runs.loading import load_run
    from hrpn_tf.runs.run import Run, open_run
    from hrpn_tf.runs.slides import RunSlide

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibrated": ["Calibration"],
        "loading": ["load_run"],
        "run": ["Run", "open_run"],
        "slides": ["RunSlide"],
    },
)
