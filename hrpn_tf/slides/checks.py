"""What every command checks of a slide before it reads pixels: channels by role, pixel size."""

import shlex
from collections.abc import Mapping, Sequence

from hrpn_tf.errors import PixelSizeError, UnknownChannelError, UsageError
from hrpn_tf.slides.metadata import implausible
from hrpn_tf.slides.roles import suggested_role
from hrpn_tf.slides.slide import SlideInfo, channel_index

# Two pixel sizes that differ by less are the same, rounded differently.
SAME_PIXEL_SIZE = 0.01

_GIVE_IT = "correct the file or, where the command has that option, give it with --pixel-size"


def role_channels(
    info: SlideInfo,
    roles: Sequence[str],
    channels: Mapping[str, str | int],
    others: Sequence[str] = (),
) -> tuple[int, ...]:
    """Channel indices in the file of some roles, in their order.

    Args:
        info: the slide.
        roles: what is read, e.g. the inputs and then the target.
        channels: name or index of the channel by role; other roles are looked up by their name.
        others: roles that are known, but not read; a channel whose name suggests one of them is
            refused, too.

    Raises:
        UnknownChannelError: the slide has no such channel.
        UsageError: two roles have the same channel, or a channel that is given by its name shows
            another role by that name.

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> info = SlideInfo(Path("a.tif"), 8, 8, ("CD31", "DAPI"), np.dtype("uint8"), None)
        >>> role_channels(info, ("nuclei", "vessels"), {"nuclei": "DAPI", "vessels": 0})
        (1, 0)
    """
    found = tuple(_index(info, role, channels) for role in roles)
    for index in found:
        same = [role for role, i in zip(roles, found, strict=True) if i == index]
        if len(same) > 1:
            pairs = ", ".join(f"{role}={info.channels[index]}" for role in same)
            what = "inputs" if others and not set(same) & set(others) else "roles"
            raise UsageError(
                f"{info.path}: one channel for {_count(len(same))} {what} ({pairs}); name one "
                "for each with --channel, in the slide list, or in data.channels"
            )
    for role, index in zip(roles, found, strict=True):
        _refuse_swapped(info, (*roles, *others), role, index, channels.get(role, role))
    return found


def checked_pixel_size(
    info: SlideInfo, stated_um: float | None, wanted_um: float | None = None
) -> float:
    """um per pixel at full resolution: as the file states it, or else as the user does.

    Args:
        info: the slide.
        stated_um: um per pixel given by the user, for a slide whose file states none or an
            implausible one.
        wanted_um: um per pixel that the network was trained at, for the message.

    Raises:
        PixelSizeError: the pixel size is unknown or implausible, or the file and the user
            contradict each other.
    """
    own = info.pixel_size_um
    if stated_um is not None and implausible(stated_um):
        raise PixelSizeError(
            f"{info.path}: --pixel-size says {stated_um:g} um/px, which no microscope slide has; "
            "give it in micrometres per pixel"
        )
    if own is not None and implausible(own):
        if stated_um is None:
            raise PixelSizeError(
                f"{info.path}: states {own:g} um/px, which no microscope slide has (a wrong unit?);"
                f" {_GIVE_IT}"
            )
        own = None
    if own is None and stated_um is None:
        hint = "" if wanted_um is None else f" (the model was trained at {wanted_um:g} um/px)"
        raise PixelSizeError(f"{info.path}: the slide states no pixel size; {_GIVE_IT}{hint}")
    if own is not None and stated_um is not None and not same_pixel_size(stated_um, own):
        raise PixelSizeError(
            f"{info.path}: the slide states {own:g} um/px, --pixel-size says {stated_um:g}; "
            "leave the option out, or correct the file"
        )
    size = stated_um if own is None else own
    assert size is not None
    return size


def recorded_pixel_size(info: SlideInfo, recorded_um: float | None) -> float:
    """um per pixel of a slide for which a run or a configuration has one on record.

    What is on record counts only where the file states none, or an implausible one.

    Args:
        info: the slide.
        recorded_um: um per pixel on record, or None.

    Raises:
        PixelSizeError: see :func:`checked_pixel_size`.
    """
    return checked_pixel_size(info, None if _states_one(info) else recorded_um)


def _index(info: SlideInfo, role: str, channels: Mapping[str, str | int]) -> int:
    try:
        return channel_index(info, channels.get(role, role))
    except UnknownChannelError as error:
        if role in channels:
            raise
        meant = suggested_role(role) or role
        names = [name for name in info.channels if suggested_role(name) == meant]
        name = names[0] if len(names) == 1 else "NAME"
        option = shlex.quote(f"{role}={name}")
        hint = (
            f"name the one that shows {role} in a column '{role}' of the slide list, in "
            f"data.channels, or, where the command has it, with --channel {option}"
        )
        raise UnknownChannelError(f"{error}; {hint}") from None


def _count(number: int) -> str:
    return {2: "two", 3: "three"}.get(number, str(number))


def _states_one(info: SlideInfo) -> bool:
    return info.pixel_size_um is not None and not implausible(info.pixel_size_um)


def same_pixel_size(one_um: float, other_um: float) -> bool:
    """Whether two pixel sizes, um, are the same but for rounding."""
    return abs(one_um - other_um) <= SAME_PIXEL_SIZE * other_um


def pixel_size_difference(size_um: float, wanted_um: float) -> float:
    """Relative difference of a pixel size from the one that is wanted, both um.

    ``prediction.pixel_size_tolerance`` is the largest that a network takes. Sizes are decimal
    numbers, so that 0.55 differs from 0.5 by 0.1 and not by a little more.

    Example:
        >>> pixel_size_difference(0.55, 0.5)
        0.1
    """
    return round(abs(size_um - wanted_um) / wanted_um, 9)


def _refuse_swapped(
    info: SlideInfo, roles: Sequence[str], role: str, index: int, given: str | int
) -> None:
    """Refuse a channel whose name suggests another role.

    A channel that is given by its index is accepted, as is one that is called like the role.
    """
    name = info.channels[index]
    likely, meant = suggested_role(name), suggested_role(role)
    if likely in (None, role, meant) or name.casefold() == role.casefold():
        return
    if likely not in roles and meant is None:
        return  # the role is one that names of stains say nothing about
    if isinstance(given, int) or given.isdecimal():
        return
    raise UsageError(
        f"{info.path}: channel '{name}' is given as {role}, but by its name it shows {likely}; "
        f"were channels swapped? If it is meant, give it by its index: {index} in the slide list "
        f"or in data.channels, or, where the command has it, --channel {role}={index}"
    )
