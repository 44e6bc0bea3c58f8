"""Propose slide list, configuration and contact sheet for a folder of images, and write them."""

import logging
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from hrpn_tf.config import Config, load_config
from hrpn_tf.errors import NoSlidesListedError, SlideNotFoundError
from hrpn_tf.files import atomic_path, refuse_existing
from hrpn_tf.progress import tracked
from hrpn_tf.runs.folder import CONFIG  # one name for a configuration, here as in a run
from hrpn_tf.slides.finding import find_slides
from hrpn_tf.workflows.init.links import FOLDER as LINKS
from hrpn_tf.workflows.init.links import refuse_other_files, write_links
from hrpn_tf.workflows.init.lists import list_name, list_text
from hrpn_tf.workflows.init.look import Look, look_at
from hrpn_tf.workflows.init.page import write_page
from hrpn_tf.workflows.init.proposal import Proposal, in_one_line, propose, without_small
from hrpn_tf.workflows.init.settings import (
    as_yaml,
    propose_patch,
    propose_tissue,
    proposed_config,
)
from hrpn_tf.workflows.init.sheet import write_sheet

PAGE, SHEET = "contact-sheet.html", "contact-sheet.png"
_THREADS = 4  # reading and decoding in turn
_FEWEST_GROUPS = 3  # of a split into training, validation and test

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InitOptions:
    """Options of :func:`init_folder`.

    Attributes:
        channels: name or index of the channel of a role, in every slide; empty for the names'
            suggestions.
        pixel_size_um: um per pixel, for slides whose files state none.
        pictures: largest number of slides to look at.
        overwrite: whether existing files may be replaced.
        progress: show bars on standard error.
    """

    channels: Mapping[str, str | int] = field(default_factory=dict)
    pixel_size_um: float | None = None
    pictures: int = 200
    overwrite: bool = False
    progress: bool = True


@dataclass(frozen=True)
class InitFiles:
    """What was written.

    Attributes:
        lists: the slide lists; the main one first.
        config: the configuration.
        page, sheet: the contact sheet, HTML and PNG.
        proposal: what is in them.
        patch: side of a patch, px.
        tissue: method that separates tissue from background.
        doubts: what is in doubt, one line each.
    """

    lists: tuple[Path, ...]
    config: Path
    page: Path
    sheet: Path
    proposal: Proposal
    patch: int
    tissue: str
    doubts: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be read, what was left aside, and what is in doubt, one line each."""
        found = self.proposal.found
        unread = (f"{each.path}: left out: {each.reason}" for each in found.unread)
        aside = (f"{each.path}: left aside: {each.reason}" for each in found.aside)
        return (*unread, *aside, *self.doubts)


def init_folder(
    folder: Path, out: Path, config: Config | None = None, options: InitOptions | None = None
) -> InitFiles:
    """Look at all images of a folder, and write a proposal to work with.

    Args:
        folder: with the images, also in subfolders; or a pattern.
        out: folder to write to.
        config: where the proposal starts: roles, and settings that are not proposed.
        options: see :class:`InitOptions`.

    Raises:
        SlideNotFoundError: no such folder, or no image in it.
        NoSlidesListedError: images are there, but none can be listed; the contact sheet is
            written.
        OutputExistsError: one of the files exists, and ``options.overwrite`` is false.
    """
    options = options or InitOptions()
    config = _with_options(config or Config(), options)
    _refuse_existing(out, options.overwrite)
    found = find_slides([folder], options.progress, config.data.z)
    if not (found.slides or found.split or found.unread):
        raise SlideNotFoundError(f"{folder}: holds no image that could be a slide{_others(found)}")
    base = folder if os.path.isdir(folder) else folder.parent
    proposal = propose(found, base, config.data)
    patch = propose_patch([slide for one in proposal.lists for slide in one.slides])
    proposal = without_small(proposal, patch, config.data)
    looks = _look(proposal, config, options)
    listed = {slide.name for one in proposal.lists for slide in one.slides}
    tissue, doubt = propose_tissue([look for name, look in looks.items() if name in listed])
    doubts = [*([doubt] if doubt else []), *_doubts(proposal, looks, config, folder)]
    proposed = proposed_config(config, next(iter(proposal.lists), None), patch, tissue)
    _write(proposal, looks, proposed, folder, out, doubts, options.overwrite)
    lists = tuple(out / list_name(number) for number in range(len(proposal.lists)))
    if not lists:
        raise NoSlidesListedError(
            f"{folder}: none of {len(proposal.slides) + len(found.unread)} images can be listed, "
            f"the first one because {_first_reason(proposal)}; see {out / PAGE}"
        )
    return InitFiles(
        lists, out / CONFIG, out / PAGE, out / SHEET, proposal, patch, tissue, tuple(doubts)
    )


def _with_options(config: Config, options: InitOptions) -> Config:
    stated: dict[str, object] = {}
    if options.channels:
        stated["data.channels"] = {**config.data.channels, **options.channels}
    if options.pixel_size_um is not None:
        stated["data.pixel_size_um"] = options.pixel_size_um
    return load_config(config, stated)


def _refuse_existing(out: Path, overwrite: bool) -> None:
    for name in (list_name(0), CONFIG, PAGE, SHEET):
        refuse_existing(out / name, overwrite)
    refuse_other_files(out / LINKS, overwrite)


def _look(proposal: Proposal, config: Config, options: InitOptions) -> dict[str, Look]:
    """Looks by name of the slide; of many slides, at some that are evenly spread."""
    slides = proposal.slides
    count = min(len(slides), options.pictures)
    chosen = [slides[index * len(slides) // count] for index in range(count)]
    inputs, tissue = config.data.inputs, config.data.tissue
    with ThreadPoolExecutor(_THREADS) as pool:
        looked = pool.map(lambda slide: look_at(slide, inputs, tissue), chosen)
        shown = {"shown": options.progress, "delay": 1.0}
        looks = list(tracked(looked, "thumbnails", count, "slide", **shown))
    return {slide.name: look for slide, look in zip(chosen, looks, strict=True)}


def _doubts(
    proposal: Proposal, looks: Mapping[str, Look], config: Config, folder: Path
) -> list[str]:
    """What is in doubt, one line each; what many slides have in common is one line."""
    target = config.data.target
    found = [f"{s.info.path}: left out: {s.left_out}" for s in proposal.slides if s.left_out]
    by_doubt: dict[str, list[str]] = {}
    for slide in proposal.slides:
        if not slide.left_out:
            for doubt in slide.doubts:
                by_doubt.setdefault(doubt, []).append(slide.name)
    for doubt, names in by_doubt.items():
        found.append(in_one_line(names, doubt))
    found += [f"{name}: {look.problem}" for name, look in looks.items() if look.problem]
    if proposal.found.pictures:
        found.append(f"{folder}: {proposal.found.pictures} PNG, JPEG or similar files are not read")
    for number, one in enumerate(proposal.lists[1:], start=1):
        count = len(one.slides)
        found.append(
            f"{count} slide{'s' * (count > 1)} ({one.in_words(target)}) cannot be trained on with "
            f"the others; see {list_name(number)}"
        )
    if proposal.lists:
        found += _of_main_list(proposal, target)
    return found


def _of_main_list(proposal: Proposal, target: str) -> list[str]:
    main, found = proposal.lists[0], []
    groups = {slide.group for slide in main.slides}
    if not main.has_target:
        found.append(f"no slide has a channel for {target}; the list is for predict alone")
    elif len(groups) < _FEWEST_GROUPS:
        found.append(
            f"the slides are of {len(groups)} group{'s' * (len(groups) > 1)}; training, validation "
            "and test need three"
        )
    if main.pixel_size_um is None:
        found.append("no slide states a plausible pixel size; give it with --pixel-size")
    return found


def _write(
    proposal: Proposal,
    looks: Mapping[str, Look],
    config: Config,
    folder: Path,
    out: Path,
    doubts: list[str],
    overwrite: bool,
) -> None:
    """Write everything; the slide list, which later commands ask for, at the end."""
    lists = [out / list_name(number) for number in range(len(proposal.lists))]
    for path in lists:
        refuse_existing(path, overwrite)
    out.mkdir(parents=True, exist_ok=True)
    write_links(proposal, out, overwrite)
    outline = config.data.tissue.method != "all"
    write_sheet(out / SHEET, proposal, looks, outline, overwrite)
    write_page(out / PAGE, proposal, looks, config, folder, doubts, overwrite)
    with atomic_path(out / CONFIG, overwrite) as temporary:
        temporary.write_text(as_yaml(config, doubts), encoding="utf-8")
    for path, one in reversed(list(zip(lists, proposal.lists, strict=True))):
        with atomic_path(path, overwrite) as temporary:
            temporary.write_text(list_text(one, out, config.data), encoding="utf-8")
    former = out / list_name(len(lists))
    if lists and former.exists():
        logger.warning(f"{former}: is not of this proposal; remove it unless it is yours")


def _first_reason(proposal: Proposal) -> str:
    for slide in proposal.slides:
        return slide.left_out
    first = proposal.found.unread[0]
    return f"{first.path.name} {first.reason}"


def _others(found: object) -> str:
    from hrpn_tf.slides.finding import FoundSlides

    assert isinstance(found, FoundSlides)
    if found.aside:
        return f"; {found.aside[0].path} is {found.aside[0].reason}"
    return f"; {found.pictures} PNG, JPEG or similar files are not read" if found.pictures else ""
