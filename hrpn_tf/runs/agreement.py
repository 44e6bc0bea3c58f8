"""Whether two networks take and predict the same, so that they can work together."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hrpn_tf.errors import PixelSizeError, UsageError
from hrpn_tf.slides.checks import pixel_size_difference, same_pixel_size
from hrpn_tf.slides.roles import suggested_role

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


def refuse_twins(networks: Iterable[tuple[str, str | None]]) -> None:
    """Refuse a network that is named twice: it would count as two that agree.

    Args:
        networks: name for the message, and SHA-256 of the Keras file.

    Raises:
        UsageError: names both.

    Example:
        >>> refuse_twins([("run", "0a"), ("other", "1b")])
    """
    known: dict[str | None, str] = {}
    for name, checksum in networks:
        if checksum in known:
            raise UsageError(
                f"{known[checksum]} and {name} are the same network; name each network once"
            )
        known[checksum] = name


def alike_roles(old: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Roles that are other names of what a network takes, as names of stains tell.

    Args:
        old: roles of the network.
        new: roles that it is to take.

    Returns:
        Old role by new role. Neither has a role of its own name on the other side, and no other
        role suggests the same.

    Example:
        >>> alike_roles(("vessels", "nuclei"), ("dapi", "cd31", "ki67"))
        {'dapi': 'nuclei', 'cd31': 'vessels'}
        >>> alike_roles(("vessels", "nuclei"), ("cd31", "cd34"))
        {}
    """
    kinds = {role: suggested_role(role) for role in (*old, *new)}
    found = {}
    for role in new:
        kind = kinds[role]
        same = [[each for each in roles if kinds[each] == kind] for roles in (old, new)]
        if kind is not None and [len(each) for each in same] == [1, 1] and same[0] != [role]:
            found[role] = same[0][0]
    return found


def refuse_other_pixel_size(name: str, trained_um: float, size_um: float, tolerance: float) -> None:
    """Refuse patches of another pixel size than a network was trained at.

    Args:
        name: of the network, for the message.
        trained_um: its pixel size, um.
        size_um: that of the patches, um.
        tolerance: largest relative difference, ``training.start_tolerance``.

    Raises:
        PixelSizeError: they differ by more.
    """
    difference = pixel_size_difference(size_um, trained_um)
    if difference > tolerance:
        raise PixelSizeError(
            f"{name} was trained at {trained_um:g} um/px, and the patches have {size_um:g} um/px "
            f"(tolerance {tolerance:.0%}): what it knows of shapes has another size there; to "
            f"start from it nevertheless, --set training.start_tolerance="
            f"{math.ceil(100 * difference) / 100:g}"
        )
