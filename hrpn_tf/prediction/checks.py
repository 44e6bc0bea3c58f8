"""Check that a slide has the channels that a network expects, before anything is computed."""

from collections.abc import Mapping

from hrpn_export import Contract

from hrpn_tf.slides import SlideInfo
from hrpn_tf.slides.checks import role_channels


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
        UsageError: two roles have the same channel, or a name suggests another role.
    """
    return role_channels(info, contract.inputs, channels, contract.outputs)
