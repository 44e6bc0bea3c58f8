"""Check that a slide has the channels that a network expects, before anything is computed."""

from collections.abc import Mapping

from hrpn_export import Contract

from hrpn_tf.errors import UsageError
from hrpn_tf.slides import SlideInfo, channel_index
from hrpn_tf.slides.roles import suggested_role


def input_channels(
    info: SlideInfo, contract: Contract, channels: Mapping[str, str | int]
) -> tuple[int, ...]:
    """Channel indices in the file of the contract's inputs, in order.

    Args:
        info: the slide.
        contract: contract of the network, which names the roles.
        channels: name or index of the channel by role; other roles are looked up by their name.

    Raises:
        UnknownChannelError: the slide has no such channel.
        UsageError: two roles have the same channel.
    """
    found = tuple(channel_index(info, channels.get(role, role)) for role in contract.inputs)
    if len(set(found)) != len(found):
        pairs = ", ".join(
            f"{role}={info.channels[i]}" for role, i in zip(contract.inputs, found, strict=True)
        )
        raise UsageError(f"{info.path}: one channel for two inputs ({pairs}); give --channel")
    for role, index in zip(contract.inputs, found, strict=True):
        _refuse_swapped(info, contract, role, index, channels.get(role, role))
    return found


def _refuse_swapped(
    info: SlideInfo, contract: Contract, role: str, index: int, given: str | int
) -> None:
    """Refuse a channel whose name suggests another role of the network.

    A channel given by its index is accepted.
    """
    name = info.channels[index]
    likely = suggested_role(name)
    if likely in (None, role) or likely not in (*contract.inputs, *contract.outputs):
        return
    if isinstance(given, int) or given.isdecimal():
        return
    raise UsageError(
        f"{info.path}: channel '{name}' is given as {role}, but by its name it shows {likely}; "
        f"were channels swapped? If it is meant, give it by its index: --channel {role}={index}"
    )
