"""Proposes which channel of a slide has which role."""

from collections.abc import Sequence
from dataclasses import dataclass

from hrpn_tf.config import DataConfig
from hrpn_tf.errors import UnknownChannelError
from hrpn_tf.slides import SlideInfo, channel_index
from hrpn_tf.slides.roles import suggested_role
from hrpn_tf.text import csv_cell, printable


@dataclass(frozen=True)
class Roles:
    """A proposal.

    Attributes:
        channels: role: index of the channel in the file.
        doubts: one sentence each.
        missing: roles without a channel.
    """

    channels: dict[str, int]
    doubts: tuple[str, ...]
    missing: tuple[str, ...]


def propose_roles(info: SlideInfo, config: DataConfig) -> Roles:
    """Channels of a slide by role: as the configuration states them, or else by their names.

    If one role and one channel remain, and the channel's name suggests no other role, the channel
    is taken for the role, with doubt.

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> names = ("DAPI", "CD31", "QD655")
        >>> info = SlideInfo(Path("a.tif"), 8, 8, names, np.dtype("uint8"), None)
        >>> propose_roles(info, DataConfig()).channels
        {'vessels': 1, 'nuclei': 0, 'qd': 2}
    """
    wanted = (*config.inputs, config.target)
    channels: dict[str, int] = {}
    doubts: list[str] = []
    for role in wanted:
        if role in config.channels:
            try:
                channels[role] = channel_index(info, config.channels[role])
            except UnknownChannelError:
                doubts.append(f"no channel {printable(config.channels[role])} for {role}")
            continue
        fitting = _fitting(info.channels, role)
        if fitting:
            channels[role] = fitting[0]
        if len(fitting) > 1:
            names = ", ".join(printable(info.channels[index]) for index in fitting)
            doubts.append(
                f"{role}: {len(fitting)} channels suggest it ({names}); the first is taken"
            )
    missing = [role for role in wanted if role not in channels]
    left = [index for index in range(len(info.channels)) if index not in channels.values()]
    if len(missing) == len(left) == 1 and missing[0] not in config.channels:
        name = info.channels[left[0]]
        if suggested_role(name) is None:
            channels[missing[0]] = left[0]
            doubts.append(f"{missing[0]}: taken to be {printable(name)}, the only channel left")
            missing = []
    if len(set(channels.values())) < len(channels):
        doubts.append("one channel has two roles")
    return Roles(
        {role: channels[role] for role in wanted if role in channels}, tuple(doubts), tuple(missing)
    )


def channel_cell(info: SlideInfo, index: int, role: str) -> str:
    """What a slide list says for a channel: its name, or its index where the name would not do.

    Args:
        info: the slide.
        index: of the channel.
        role: that it has.
    """
    name = info.channels[index]
    likely = suggested_role(name)
    other = likely not in (None, role, suggested_role(role))
    try:
        plain = channel_index(info, name) == index
    except UnknownChannelError:
        plain = False
    return name if plain and not other and name and csv_cell(name) == name else str(index)


def _fitting(names: Sequence[str], role: str) -> list[int]:
    """Channels that are called like a role, or else those whose names suggest it."""
    same = [i for i, name in enumerate(names) if name.casefold() == role.casefold()]
    meant = suggested_role(role)
    if same or meant is None:
        return same
    return [i for i, name in enumerate(names) if suggested_role(name) == meant]
