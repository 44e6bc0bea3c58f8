"""Simulate slides while a network trains on them: ``hrpn-tf fit --simulate``.

>>> from hrpn_tf.workflows.streaming import SimulatedSlides, simulated_patches
"""

from hrpn_tf.workflows.streaming.options import SimulatedSlides
from hrpn_tf.workflows.streaming.stream import simulated_patches

__all__ = ["SimulatedSlides", "simulated_patches"]
