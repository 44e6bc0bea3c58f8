"""A slide with a measured target, to evaluate a prediction against."""

from collections.abc import Mapping
from dataclasses import dataclass

from hrpn_tf.evaluation.planes import Plane


@dataclass(frozen=True)
class MeasuredSlide:
    """A slide with a measured target. All planes have the same size.

    Attributes:
        name, group, subset: see :class:`SlideMetrics`.
        inputs: channel role of each input: its plane, grey levels, in the order of the run.
        target_role: channel role of the target.
        target: the measured target, grey levels.
        vessel_role: channel role of the input that shows vessels; None if no input does.
        pixel_size_um: side length of a pixel, um.
    """

    name: str
    group: str
    subset: str
    inputs: Mapping[str, Plane]
    target_role: str
    target: Plane
    vessel_role: str | None
    pixel_size_um: float
