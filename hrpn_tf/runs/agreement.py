"""Whether two networks take and predict the same, so that they can work together."""

from typing import TYPE_CHECKING

from hrpn_tf.errors import UsageError
from hrpn_tf.slides.checks import same_pixel_size

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
