"""What is proposed for the slides of a folder: names, groups, roles, and which list each is in."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from hrpn_tf.config import DataConfig
from hrpn_tf.data.grouping import propose_groups
from hrpn_tf.data.plan import PIXEL_SIZE_TOLERANCE
from hrpn_tf.slides import SlideInfo, implausible
from hrpn_tf.slides.finding import FoundSlides
from hrpn_tf.slides.names import comparable, slide_name
from hrpn_tf.slides.tiff.folder import FolderSlide
from hrpn_tf.text import csv_cell, printable
from hrpn_tf.workflows.init.roles import Roles, propose_roles
from hrpn_tf.workflows.inspect.slide import is_nameless


@dataclass(frozen=True)
class ProposedSlide:
    """One slide.

    Attributes:
        info: description; its path is that of the slide, or, for channels in files of their own,
            what a folder with them would be called.
        name: unique among the slides.
        group: the animal.
        roles: channels by role.
        pixel_size_um: um per pixel; None if neither the file nor the user states a plausible one.
        doubts: one sentence each.
        files: channel: file, of a slide whose channels lie side by side with those of others.
        left_out: why it is in no list; empty if it is in one.
    """

    info: SlideInfo
    name: str
    group: str
    roles: Roles
    pixel_size_um: float | None
    doubts: tuple[str, ...] = ()
    files: dict[str, Path] = field(default_factory=dict)
    left_out: str = ""


@dataclass(frozen=True)
class ProposedList:
    """Slides that can be trained on together.

    Attributes:
        slides: in the order of their paths.
        dtype: of the grey levels.
        pixel_size_um: um per pixel, the median; None if it is not known.
        has_target: whether the target was measured.
    """

    slides: tuple[ProposedSlide, ...]
    dtype: str
    pixel_size_um: float | None
    has_target: bool

    def in_words(self, target: str) -> str:
        """What its slides have in common."""
        size = (
            "unknown pixel size" if self.pixel_size_um is None else f"{self.pixel_size_um:g} um/px"
        )
        return f"{self.dtype}, {size}{'' if self.has_target else f', without {target}'}"


@dataclass(frozen=True)
class Proposal:
    """The proposal for a folder.

    Attributes:
        slides: all that can be read.
        lists: the main list first; the others hold slides that do not fit it.
        grouping: how the groups were recognised, in words.
        found: what the folder holds.
    """

    slides: tuple[ProposedSlide, ...]
    lists: tuple[ProposedList, ...]
    grouping: str
    found: FoundSlides


def propose(found: FoundSlides, base: Path, config: DataConfig) -> Proposal:
    """Propose names, groups, roles and lists.

    Args:
        found: the slides.
        base: folder that names and groups are relative to.
        config: roles, channels that the user states, and pixel size.
    """
    infos: list[tuple[SlideInfo, dict[str, Path]]] = [(info, {}) for info in found.slides]
    infos += [(_described(one.folder / one.name, one.files), one.files) for one in found.split]
    relative = [_relative(info, base) for info, _ in infos]
    roles = [propose_roles(info, config) for info, _ in infos]
    reasons = [_unlistable(info, one, config) for (info, _), one in zip(infos, roles, strict=True)]
    usable = [index for index, reason in enumerate(reasons) if not reason]
    # what cannot be used must not decide how the others are grouped and called
    grouping = propose_groups([relative[index] for index in usable])
    groups = dict(zip(usable, grouping.groups, strict=True))
    doubtful = {usable[index] for index in grouping.doubtful}
    order = [*usable, *(i for i, reason in enumerate(reasons) if reason)]
    plain = [infos[i][0].path.name if infos[i][1] else slide_name(infos[i][0].path) for i in order]
    common = _common_depth([relative[index].parts[:-1] for index in usable])
    shown = ["-".join(relative[i].parts[common:]) or relative[i].name for i in order]
    named = dict(zip(order, _names(plain, shown), strict=True))
    slides = []
    for index, (info, files) in enumerate(infos):
        size, doubts = _pixel_size(info, config.pixel_size_um)
        doubts += roles[index].doubts
        if index in doubtful:
            doubts.append("no group in the name, so a group of its own")
        group = printable(groups.get(index, named[index]))
        slides.append(
            ProposedSlide(
                info, named[index], group, roles[index], size, tuple(doubts), files, reasons[index]
            )
        )
    lists = _lists([slide for slide in slides if not slide.left_out], config)
    return Proposal(tuple(slides), lists, grouping.how, found)


def without_small(proposal: Proposal, patch: int, config: DataConfig) -> Proposal:
    """The proposal without slides that are smaller than a patch, px."""

    def judged(slide: ProposedSlide) -> ProposedSlide:
        if slide.left_out or min(slide.info.height, slide.info.width) >= patch:
            return slide
        size = f"{slide.info.height} x {slide.info.width} px"
        return replace(slide, left_out=f"{size} is smaller than a patch of {patch} px")

    slides = tuple(judged(slide) for slide in proposal.slides)
    lists = _lists([slide for slide in slides if not slide.left_out], config)
    return replace(proposal, slides=slides, lists=lists)


def in_one_line(names: Sequence[str], doubt: str) -> str:
    """What is in doubt of some slides.

    >>> in_one_line(["a", "b"], "the file states no pixel size")
    'a and 1 more slide: the file states no pixel size'
    """
    more = len(names) - 1
    others = f" and {more} more slide{'s' * (more > 1)}" if more else ""
    return f"{names[0]}{others}: {doubt}"


def _described(path: Path, files: dict[str, Path]) -> SlideInfo:
    with FolderSlide(path, channel_files=files) as slide:
        return slide.info


def _relative(info: SlideInfo, base: Path) -> PurePath:
    parent = os.path.relpath(info.path.parent, base)
    return PurePath(parent) / slide_name(info.path)


def _names(names: Sequence[str], longer: Sequence[str]) -> list[str]:
    """Unique names: of slides that are called alike, the longer ones."""
    counts = Counter(map(comparable, names))
    found: list[str] = []
    seen: set[str] = set()
    for name, long in zip(names, longer, strict=True):
        first = name if counts[comparable(name)] == 1 else long
        chosen, number = first, 2
        while comparable(chosen) in seen:
            chosen, number = f"{first}-{number}", number + 1
        seen.add(comparable(chosen))
        found.append(chosen)
    return found


def _common_depth(folders: Sequence[tuple[str, ...]]) -> int:
    """Number of folders that all paths begin with."""
    depth = 0
    while folders and all(one[: depth + 1] == folders[0][: depth + 1] for one in folders):
        if len(folders[0]) == depth:
            break
        depth += 1
    return depth


def _pixel_size(info: SlideInfo, stated: float | None) -> tuple[float | None, list[str]]:
    own = info.pixel_size_um
    if own is not None and not implausible(own):
        return own, []
    if stated is not None:
        return stated, []
    if own is None:
        return None, ["the file states no pixel size"]
    return None, [f"the file states {own:g} um/px, which no microscope slide has"]


def _unlistable(info: SlideInfo, roles: Roles, config: DataConfig) -> str:
    missing = [role for role in roles.missing if role != config.target]
    if missing:
        have = ", ".join(f"{i} '{printable(n, 40)}'" for i, n in enumerate(info.channels[:8]))
        if all(is_nameless(name) for name in info.channels):
            count = len(info.channels)
            have = "its channel has no name; its number is 0"
            if count > 1:
                have = f"its {count} channels have no names; number them from 0"
        return (
            f"no channel is known for {' and '.join(missing)} ({have}); state it with --channel "
            f"{missing[0]}=... or in data.channels"
        )
    path = str(info.path)
    if csv_cell(path.lstrip("./")) != path.lstrip("./") or not _is_text(path):
        return "its path holds characters that a slide list cannot hold; rename it"
    return ""


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return path.isprintable() and path == path.strip()


def _lists(slides: Sequence[ProposedSlide], config: DataConfig) -> tuple[ProposedList, ...]:
    """Slides of one type, of pixel sizes within 10 %, with or without the target; largest first."""
    by_kind: dict[tuple[bool, str, bool], list[ProposedSlide]] = {}
    for slide in slides:
        key = (
            config.target in slide.roles.channels,
            slide.info.dtype.name,
            slide.pixel_size_um is not None,
        )
        by_kind.setdefault(key, []).append(slide)
    lists = []
    for (has_target, dtype, _), members in by_kind.items():
        for part in _alike(members):
            sizes = sorted(s.pixel_size_um for s in part if s.pixel_size_um is not None)
            median = sizes[len(sizes) // 2] if sizes else None
            lists.append(ProposedList(tuple(part), dtype, median, has_target))
    # a list to train on comes before one to predict alone, whatever their sizes
    lists.sort(key=lambda one: (not one.has_target, one.pixel_size_um is None, -len(one.slides)))
    return tuple(lists)


def _alike(slides: Sequence[ProposedSlide]) -> list[list[ProposedSlide]]:
    """Parts in which no pixel size is more than 10 % larger than another, in the given order."""
    rest = sorted(slides, key=lambda slide: slide.pixel_size_um or 0.0)
    parts: list[list[ProposedSlide]] = []
    while rest:
        starts = [slide.pixel_size_um or 0.0 for slide in rest]
        inside = [_count(starts, start) for start in starts]
        first = inside.index(max(inside))
        parts.append(rest[first : first + inside[first]])
        rest = rest[:first] + rest[first + inside[first] :]
    order = {id(slide): number for number, slide in enumerate(slides)}
    return [sorted(part, key=lambda slide: order[id(slide)]) for part in parts]


def _count(sizes: Sequence[float], start: float) -> int:
    """How many of some rising sizes lie within the tolerance above one of them."""
    from bisect import bisect_left, bisect_right

    most = start * (1 + PIXEL_SIZE_TOLERANCE)
    return bisect_right(sizes, most) - bisect_left(sizes, start)
