"""Whether a slide fits what a model expects, before anything is computed."""

from collections.abc import Mapping

from hrpn_export import Contract

from hrpn_tf.errors import PixelSizeError, UsageError
from hrpn_tf.slides import SlideInfo, channel_index


def fitting_pixel_size(
    info: SlideInfo, contract: Contract, stated_um: float | None, tolerance: float
) -> float:
    """The pixel size of a slide, if the model may be used at it.

    Args:
        info: the slide.
        contract: of the model; a model trained on slides of unknown pixel size takes any.
        stated_um: um per pixel that the user states for a slide that has none.
        tolerance: largest relative difference from the contract's pixel size.

    Returns:
        um per pixel: what the slide says, or else what the user says.

    Raises:
        PixelSizeError: nobody says it, the user contradicts the slide, or it does not fit.
    """
    own, wanted = info.pixel_size_um, contract.pixel_size_um
    if own is None and stated_um is None:
        hint = "" if wanted is None else f" (the model was trained at {wanted:g} um/px)"
        raise PixelSizeError(
            f"{info.path}: the slide states no pixel size; give it with --pixel-size{hint}"
        )
    if own is not None and stated_um is not None and _difference(stated_um, own) > 0.01:
        raise PixelSizeError(
            f"{info.path}: the slide states {own:g} um/px, --pixel-size says {stated_um:g}; "
            "leave the option out, or correct the file"
        )
    size = stated_um if own is None else own
    assert size is not None
    if wanted is not None and _difference(size, wanted) > tolerance:
        raise PixelSizeError(
            f"{info.path}: {size:g} um/px, but the model was trained at {wanted:g} um/px "
            f"(tolerance {tolerance:.0%}); resample the slide, which this version does not do"
        )
    return size


def input_channels(
    info: SlideInfo, contract: Contract, channels: Mapping[str, str | int]
) -> tuple[int, ...]:
    """Indices in the file of the contract's inputs, in order.

    Args:
        info: the slide.
        contract: of the model; names the roles.
        channels: role: name or index in the file; a role not named here is looked up by its name.

    Raises:
        UnknownChannelError: the slide has no such channel.
        UsageError: two roles point at one channel.
    """
    found = tuple(channel_index(info, channels.get(role, role)) for role in contract.inputs)
    if len(set(found)) != len(found):
        pairs = ", ".join(
            f"{role}={info.channels[i]}" for role, i in zip(contract.inputs, found, strict=True)
        )
        raise UsageError(f"{info.path}: one channel for two inputs ({pairs}); give --channel")
    return found


def _difference(size: float, wanted: float) -> float:
    return abs(size - wanted) / wanted
