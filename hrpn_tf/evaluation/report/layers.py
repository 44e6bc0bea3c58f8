"""The layers of the viewer: planes on the same pixels, each with a scale and colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from hrpn_tf.errors import SlideMismatchError
from hrpn_tf.evaluation.planes import Plane

Kind = Literal["input", "truth", "prediction", "lower", "upper", "error"]
TRUTH: Final = "truth"
PREDICTION: Final = "prediction"
ERROR: Final = "error"
SIDE = 512  # of a tile, px

# The finest step, in grey levels, with which values that are no integers are stored: far below what
# the scanner resolves, and it halves the files.
RESOLUTION = 1 / 64


@dataclass(frozen=True)
class Layer:
    """One image of the slide.

    Attributes:
        key: unique among the layers of a slide.
        title: what readers see.
        kind: what it is; decides its colours.
        scale: layers of the same scale share brightness and contrast.
        plane: its pixels.
        resolution: step to which values that are no integers may be rounded; 0 for as fine as
            16 bits per tile allow.
    """

    key: str
    title: str
    kind: Kind
    scale: str
    plane: Plane
    resolution: float = 0.0


def refuse_other_size(layers: Sequence[Layer]) -> None:
    """Refuse layers that do not lie on the same pixels.

    Raises:
        SlideMismatchError: says which two differ.
    """
    first = layers[0]
    for layer in layers:
        shape = layer.plane.height, layer.plane.width
        if shape != (first.plane.height, first.plane.width):
            raise SlideMismatchError(
                f"{layer.title} is {shape[0]} x {shape[1]} px, but {first.title} "
                f"{first.plane.height} x {first.plane.width} px; predict the slide again"
            )
