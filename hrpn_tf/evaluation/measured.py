"""A slide whose target was measured, as an evaluation sees it."""

from collections.abc import Mapping
from dataclasses import dataclass

from hrpn_tf.evaluation.planes import Plane


@dataclass(frozen=True)
class MeasuredSlide:
    """A slide whose target was measured, as planes.

    Attributes:
        name, group, subset: see ``SlideMetrics``.
        inputs: role: plane, in the run's order.
        target_role: what the target is called.
        target: the measured target.
        vessel_role: the input that shows vessels, or None if there is none.
        pixel_size_um: um per pixel.
    """

    name: str
    group: str
    subset: str
    inputs: Mapping[str, Plane]
    target_role: str
    target: Plane
    vessel_role: str | None
    pixel_size_um: float
