"""The folder of one training, opened once and passed on.

>>> from hrpn_tf.runs import open_run
"""

from hrpn_tf.runs.calibrated import Calibration
from hrpn_tf.runs.loading import load_run
from hrpn_tf.runs.run import Run, open_run
from hrpn_tf.runs.slides import RunSlide

__all__ = ["Calibration", "Run", "RunSlide", "load_run", "open_run"]
