"""Slides that are stored as one file per channel: which files belong together, by their names."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hrpn_tf.slides.roles import suggested_role
from hrpn_tf.slides.slide import SlideInfo

_SUFFIX = re.compile(r"(\.ome)?\.[^.]+$", re.IGNORECASE)
_BREAK = re.compile(r"([\s_.\-()\[\]+]+)")
# Names of channels without a stain, e.g. of Leica (ch00), MetaMorph (w1DAPI) and ImageJ (C1-).
_NUMBERED = re.compile(r"(ch?|chan|channel|w)\d{1,2}", re.IGNORECASE)
_PREFIXED = re.compile(r"(ch?|w)\d{1,2}(?=[^\W\d_])", re.IGNORECASE)
_LONGEST_STAIN = 3  # words, as in "isolectin B4 647"
# By what the names have in common, and the shape: description of the file of each channel.
_Sets = dict[tuple[str, tuple[int, int, str]], dict[str, SlideInfo]]


@dataclass(frozen=True)
class ChannelSet:
    """The files of one slide.

    Attributes:
        name: what the names of the files have in common; empty if they name the channel alone.
        folder: that holds them.
        files: channel: file, in the order of the names.
        info: description of one of the files.
    """

    name: str
    folder: Path
    files: dict[str, Path]
    info: SlideInfo


def channel_of(file_name: str) -> tuple[str, str] | None:
    """What a file's name says of slide and channel; None if it names no channel.

    Returns:
        (slide, channel): the name without the channel, which may be empty, and the channel.

    >>> channel_of("m1_s2_CD31.ome.tif"), channel_of("DAPI.tif"), channel_of("m1_s2.tif")
    (('m1_s2', 'CD31'), ('', 'DAPI'), None)
    >>> channel_of("C2-mouse 3.tif"), channel_of("mouse3_w1DAPI.tif")
    (('mouse 3', 'C2'), ('mouse3', 'w1DAPI'))
    """
    parts = _BREAK.split(_SUFFIX.sub("", file_name))  # words at even places, breaks between
    for words in range(1, _LONGEST_STAIN + 1):
        for first in range(0, len(parts) - 2 * (words - 1), 2):
            end = first + 2 * words - 1
            text = "".join(parts[first:end])
            if suggested_role(_PREFIXED.sub("", text)) is not None:
                return _without(parts, first, end), text
    for first in range(len(parts) - 1, -1, -2):
        if _NUMBERED.fullmatch(parts[first]):
            return _without(parts, first, first + 1), parts[first]
    return None


def channel_sets(infos: Sequence[SlideInfo]) -> tuple[ChannelSet, ...]:
    """Groups of single-channel files that are the channels of one slide each.

    Files belong together if they lie in one folder, have the same size and type, and names that
    differ by the channel alone. At least two make a slide. A file whose channel is no known stain
    joins those whose names are the same but for that word. All files of a folder belong together if
    their names suggest different roles.

    Args:
        infos: descriptions of files; those of several channels, or in several files, are left out.
    """
    folders: dict[Path, list[SlideInfo]] = defaultdict(list)
    for info in infos:
        if len(info.channels) == 1 and len(info.files) == 1:
            folders[info.path.parent].append(info)
    found: list[ChannelSet] = []
    for folder, members in folders.items():
        if _is_one_slide(members):
            found.append(_as_set("", folder, {_stem(info): info for info in members}))
        else:
            found += _by_name(folder, members)
    return tuple(found)


def _is_one_slide(infos: Sequence[SlideInfo]) -> bool:
    """Whether files are the channels of one slide, by the different roles that names suggest."""
    roles = [suggested_role(_stem(info)) for info in infos]
    known = [role for role in roles if role is not None]
    same_shape = len({_shape(info) for info in infos}) == 1
    return same_shape and len(known) > 1 and len(set(known)) == len(known) >= len(roles) / 2


def _by_name(folder: Path, infos: Sequence[SlideInfo]) -> list[ChannelSet]:
    sets: _Sets = defaultdict(dict)
    rest = []
    for info in infos:
        parsed = channel_of(info.path.name)
        key = (parsed[0] if parsed else "", _shape(info))
        if parsed is None or parsed[1] in sets[key]:
            rest.append(info)
        else:
            sets[key][parsed[1]] = info
    for info in rest:
        _join(info, sets)
    return [
        _as_set(slide, folder, members) for (slide, _), members in sets.items() if len(members) > 1
    ]


def _as_set(name: str, folder: Path, members: dict[str, SlideInfo]) -> ChannelSet:
    files = {channel: members[channel].path for channel in sorted(members)}
    return ChannelSet(name, folder, files, next(iter(members.values())))


def _join(info: SlideInfo, sets: _Sets) -> None:
    """Add a file to the set whose names are the same but for one word."""
    stem = _stem(info)
    for (slide, shape), members in sets.items():
        if shape != _shape(info) or not slide:
            continue
        for channel, other in members.items():
            before, _, after = _stem(other).partition(channel)
            inner = stem[len(before) : len(stem) - len(after)]
            fits = stem.startswith(before) and stem.endswith(after)
            if fits and inner and not _BREAK.search(inner) and inner not in members:
                members[inner] = info
                return


def _stem(info: SlideInfo) -> str:
    return _SUFFIX.sub("", info.path.name)


def _shape(info: SlideInfo) -> tuple[int, int, str]:
    return info.height, info.width, info.dtype.name


def _without(parts: Sequence[str], first: int, end: int) -> str:
    """The words of a name without some, and without the break that joined them."""
    before, after = parts[:first], parts[end:]
    if after:
        after = after[1:] if not before else after
    elif before:
        before = before[:-1]
    if before and after:
        before = before[:-1]
    return "".join([*before, *after]).strip(" _.-+")
