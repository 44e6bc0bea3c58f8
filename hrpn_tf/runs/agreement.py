"""Whether two networks take and predict the same, so that they can work together."""

import math
from typing import TYPE_CHECKING

from hrpn_tf.errors import PixelSizeError, UsageError
from hrpn_tf.slides.checks import pixel_size_difference, same_pixel_size

if TYPE_CHECKING:
    from hrpn_export import Contract


def refuse_different(first: str, one: "Contract", second: str, other: "Contract") -> None:
    """Refuse two networks that do not take and predict the same.

    Args:
        first, second: names for the message.
        one, other: their contracts.

    Raises:
        UsageError: they differ in inputs, outputs, pixel size, normalisation or grey range.
    """
    sizes = one.pixel_size_um, other.pixel_size_um
    same = None not in sizes and same_pixel_size(*sizes)  # type: ignore[arg-type]
    for what, before, now, equal in (
        ("inputs", ", ".join(one.inputs), ", ".join(other.inputs), one.inputs == other.inputs),
        ("outputs", ", ".join(one.outputs), ", ".join(other.outputs), one.outputs == other.outputs),
        ("pixel size", *(f"{size} um" for size in sizes), same or sizes[0] == sizes[1]),
        (
            "reference levels of normalised inputs",
            one.reference_levels,
            other.reference_levels,
            one.reference_levels == other.reference_levels,
        ),
        ("largest grey level", one.grey_max, other.grey_max, one.grey_max == other.grey_max),
    ):
        if not equal:
            raise UsageError(
                f"{first} and {second} differ in {what}: {before}, {now}; networks that work "
                "together must take and predict the same"
            )


def refuse_other_pixel_size(name: str, trained_um: float, size_um: float, tolerance: float) -> None:
    """Refuse patches of another pixel size than a network was trained at, as ``predict`` does.

    Args:
        name: of the network, for the message.
        trained_um: its pixel size, um.
        size_um: that of the patches, um.
        tolerance: largest relative difference, ``prediction.pixel_size_tolerance``.

    Raises:
        PixelSizeError: they differ by more.
    """
    difference = pixel_size_difference(size_um, trained_um)
    if difference > tolerance:
        raise PixelSizeError(
            f"{name} was trained at {trained_um:g} um/px, and the patches have {size_um:g} um/px "
            f"(tolerance {tolerance:.0%}): what it knows of shapes has another size there; to "
            f"start from it nevertheless, --set prediction.pixel_size_tolerance="
            f"{math.ceil(100 * difference) / 100:g}"
        )
