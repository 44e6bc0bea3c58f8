"""The folder of one training, opened once and passed on.

>>> from hrpn_tf.runs import open_run
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:  # `as` makes them known to the type checkers of users
    from hrpn_tf.runs.calibrated import Calibration as Calibration
    from hrpn_tf.runs.loading import load_run as load_run
    from hrpn_tf.runs.run import Run as Run
    from hrpn_tf.runs.run import open_run as open_run
    from hrpn_tf.runs.slides import RunSlide as RunSlide

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibrated": ["Calibration"],
        "loading": ["load_run"],
        "run": ["Run", "open_run"],
        "slides": ["RunSlide"],
    },
)
