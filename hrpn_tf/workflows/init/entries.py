"""The slides of a folder as a patch dataset is made of them, without a slide list."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from hrpn_tf.config import DataConfig
from hrpn_tf.data.slide_list import SlideEntry, read_slide_list, slide_entries
from hrpn_tf.errors import NoSlidesListedError, SlideNotFoundError, UsageError
from hrpn_tf.kinds import LISTS
from hrpn_tf.slides.finding import find_slides, is_several
from hrpn_tf.text import in_shell, printable
from hrpn_tf.workflows.init.proposal import Proposal, in_one_line, propose, without_small
from hrpn_tf.workflows.init.roles import channel_cell

logger = logging.getLogger(__name__)


def entries_of(
    places: Sequence[Path], config: DataConfig, progress: bool = False
) -> tuple[SlideEntry, ...]:
    """The slides of a slide list; or of folders, patterns and several files, with proposed groups.

    What is left out and what is in doubt is logged as a warning.

    Args:
        places: one slide list, or anything that :func:`~hrpn_tf.slides.finding.find_slides` takes.
        config: roles, channels and patch size.
        progress: show a bar on standard error.

    Raises:
        SlideListError, SlideNotFoundError: see :func:`~hrpn_tf.data.slide_list.read_slide_list`.
        NoSlidesListedError: no slide can be used.
        UsageError: a slide list among other paths, or channels of several slides side by side.
    """
    if len(places) == 1 and not is_several(places[0]):
        return read_slide_list(places[0], config)
    for place in places:
        if place.suffix.lower() in LISTS:
            raise UsageError(f"{place}: a slide list is given alone, without other paths")
    found = find_slides(places, progress, config.z)
    proposal = propose(found, _base(places), config)
    if config.edge != "pad":
        proposal = without_small(proposal, config.patch, config)
    split = [slide for slide in proposal.slides if slide.files and not slide.left_out]
    if split:
        one = split[0]
        raise UsageError(
            f"{one.info.path.parent}: holds one file per channel ({printable(one.name)}: "
            f"{printable(', '.join(one.files))}); make a slide list with: "
            f"hrpn-tf init {in_shell(places[0])}"
        )
    if not proposal.lists:
        raise _no_slides(proposal, places)
    _warn(proposal, config)
    rows = [
        {
            "slide": str(slide.info.path),
            "group": slide.group,
            "name": slide.name,
            **{
                role: channel_cell(slide.info, index, role)
                for role, index in slide.roles.channels.items()
            },
        }
        for slide in proposal.lists[0].slides
    ]
    return slide_entries(rows, config)


def _base(places: Sequence[Path]) -> Path:
    folders = [os.path.abspath(p if os.path.isdir(p) else p.parent) for p in places]
    return Path(os.path.commonpath(folders))


def _no_slides(proposal: Proposal, places: Sequence[Path]) -> Exception:
    where = ", ".join(map(str, places[:3]))
    unread = proposal.found.unread
    reasons = [f"{slide.info.path}: {slide.left_out}" for slide in proposal.slides]
    reasons += [f"{each.path}: {each.reason}" for each in unread]
    if not reasons:
        return SlideNotFoundError(f"{where}: holds no slide")
    return NoSlidesListedError(f"{where}: no slide can be used: {reasons[0]}")


def _warn(proposal: Proposal, config: DataConfig) -> None:
    main = proposal.lists[0]
    doubts: dict[str, list[str]] = {}
    for each in proposal.found.unread:
        logger.warning(f"{each.path}: left out: {each.reason}")
    for slide in proposal.slides:
        if slide.left_out:
            logger.warning(f"{slide.info.path}: left out: {slide.left_out}")
        elif slide not in main.slides:
            other = next(one for one in proposal.lists if slide in one.slides)
            logger.warning(
                f"{slide.info.path}: left out: {other.in_words(config.target)}, where most slides "
                f"are {main.in_words(config.target)}"
            )
        for doubt in () if slide.left_out else slide.doubts:
            doubts.setdefault(doubt, []).append(slide.name)
    for doubt, names in doubts.items():
        logger.warning(in_one_line(names, doubt))
    groups = {slide.group for slide in main.slides}
    logger.info(f"{len(main.slides)} slides in {len(groups)} groups by {proposal.grouping}")
