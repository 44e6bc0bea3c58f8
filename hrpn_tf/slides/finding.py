"""Find slides: in folders and their subfolders, and by patterns such as ``slides/*.tif``.

The one place where a path that a user gives becomes slides, for every command that takes several.
"""

import glob
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from hrpn_tf.errors import HrpnError, SlideNotFoundError, UsageError
from hrpn_tf.kinds import LISTS, kind_of
from hrpn_tf.progress import tracked
from hrpn_tf.slides.channel_files import ChannelSet, channel_sets
from hrpn_tf.slides.depth import Depth
from hrpn_tf.slides.opening import open_slide
from hrpn_tf.slides.slide import SlideInfo
from hrpn_tf.text import in_shell, printable

# Suffixes that are tried; anything else in a folder is passed over.
_IMAGES = (".tif", ".tiff", ".qptiff", ".btf", ".czi", ".nd2", ".lif")
# Formats that are refused with a reason.
_REFUSED = (".svs", ".ndpi", ".mrxs", ".bif", ".scn", ".vms", ".vsi")
# Pictures without the grey levels of a camera; counted, not read.
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_PATTERN = re.compile(r"[*?\[]")
_THREADS = 8  # most of the time is spent waiting for a drive
# Names of the images of a plate, as Opera Phenix and Yokogawa give them. Those of other makers can
# be names of mice, too.
_WELL = re.compile(r"^r\d{2}c\d{2}f\d{2}p\d{2}-|_[A-P]\d{2}_T\d{4}F\d{3}L\d{2}")


@dataclass(frozen=True)
class Unread:
    """Something that is no slide, or cannot be read.

    Attributes:
        path: file or folder.
        reason: one line, without the path.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class FoundSlides:
    """What a folder holds.

    Attributes:
        slides: descriptions of the slides, in the order of their paths.
        split: slides that are stored as one file per channel, side by side in a folder.
        unread: files that look like images and cannot be read.
        aside: images that are no slides: plates, and results of this program.
        pictures: number of PNG, JPEG and similar files.
    """

    slides: tuple[SlideInfo, ...] = ()
    split: tuple[ChannelSet, ...] = ()
    unread: tuple[Unread, ...] = ()
    aside: tuple[Unread, ...] = ()
    pictures: int = 0


@dataclass
class _Listing:
    images: list[Path] = field(default_factory=list)
    aside: list[Unread] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    pictures: int = 0


def find_slides(
    places: Sequence[Path], progress: bool = False, z: Depth | None = None
) -> FoundSlides:
    """Look at all images in folders and their subfolders, or of patterns.

    Only descriptions are read. Hidden files, links to folders, results of this program and what
    lies in an OME-Zarr are passed over. A subfolder that holds the channels of one slide, one TIFF
    each, is one slide; so is an OME-TIFF in several files.

    Args:
        places: folders, files, and patterns with ``*``, ``?``, ``[...]`` and ``**``.
        progress: show a bar on standard error.
        z: what is read of stacks, see :func:`~hrpn_tf.slides.opening.open_slide`.

    Raises:
        SlideNotFoundError: no such file or folder, or nothing of the pattern.
        OSError: a folder cannot be read.
    """
    listing = _Listing()
    for place in (one for each in places for one in _matching(each)):
        if not os.path.lexists(place):
            raise SlideNotFoundError(f"{place}: no such file or folder")
        if os.path.isdir(place) and not _is_zarr(place):
            _list(place, listing)
        elif place.suffix.lower() not in LISTS:
            listing.images.append(place)
    listing.images = _without_links(list(dict.fromkeys(listing.images)))
    found, unread = _open_all(listing.images, progress, z)
    unread += listing.unread
    slides = list({frozenset(info.files): info for info in reversed(found)}.values())[::-1]
    sets = channel_sets(slides)
    of_set = {file for one in sets for file in one.files.values()}
    slides = [info for info in slides if info.path not in of_set]
    whole, split = _whole_folders(sets, listing.images)
    for one in whole:
        try:
            with open_slide(one.folder, z=z) as slide:
                slides.append(slide.info)
        except HrpnError as error:
            unread.append(Unread(one.folder, _reason(error, one.folder)))
    return FoundSlides(
        tuple(sorted(slides, key=lambda info: _natural(info.path))),
        tuple(sorted(split, key=lambda one: _natural(one.folder / one.name))),
        tuple(sorted(unread, key=lambda each: _natural(each.path))),
        tuple(listing.aside),
        listing.pictures,
    )


def slides_of(
    paths: Sequence[Path], progress: bool = False, z: Depth | None = None
) -> tuple[Path, ...]:
    """The slides and slide lists that paths, folders and patterns name, each once.

    A path that is no folder stays as it is, whether it is there or not. A folder that is a slide is
    one; any other stands for the slides that :func:`find_slides` finds in it, and for the images
    in it that cannot be read, so that the command names these.

    Args:
        paths: slides, slide lists, folders, and patterns with ``*``, ``?``, ``[...]`` and ``**``.
        progress: show a bar on standard error.
        z: what is read of stacks.

    Raises:
        SlideNotFoundError: a pattern names nothing, or a folder holds no slide.
        UsageError: a folder holds one file per channel of several slides.

    Example:
        >>> slides_of([Path("a.ome.tif"), Path("slides.csv")])
        (PosixPath('a.ome.tif'), PosixPath('slides.csv'))
    """
    found: list[Path] = []
    for path in paths:
        for one in _matching(path):
            found += _slides_in(one, progress, z) if _is_container(one) else [one]
    return tuple(dict.fromkeys(found))


def is_several(path: Path) -> bool:
    """Whether a path stands for the slides in a folder, or is a pattern."""
    return _is_container(path) or (not os.path.lexists(path) and bool(_PATTERN.search(str(path))))


def _matching(path: Path) -> list[Path]:
    if os.path.lexists(path) or not _PATTERN.search(str(path)):
        return [path]
    named = [Path(one) for one in glob.glob(str(path), recursive=True)]
    known = (*_IMAGES, *_REFUSED, *LISTS, ".zarr")
    wanted = [one for one in named if one.suffix.lower() in known or _is_container(one)]
    if not wanted:
        raise SlideNotFoundError(f"{path}: no slide has a name of this pattern")
    return sorted(wanted, key=_natural)


def _is_container(path: Path) -> bool:
    """Whether a folder is none of the things that commands know: a slide, a run, a bundle."""
    return os.path.isdir(path) and kind_of(path) is None and not _is_zarr(path)


def _slides_in(folder: Path, progress: bool, z: Depth | None) -> list[Path]:
    error = None
    try:
        with open_slide(folder, z=z) as slide:
            several = len(channel_sets(_files_of(slide.info))) > 1
        if not several:
            return [folder]
    except HrpnError as wrong:
        error = wrong
    found = find_slides([folder], progress, z)
    if found.split:
        one = found.split[0]
        raise UsageError(
            f"{one.folder}: holds one file per channel ({printable(one.name)}: "
            f"{printable(', '.join(one.files))}); make a slide list with: "
            f"hrpn-tf init {in_shell(folder)}"
        )
    paths = [info.path for info in found.slides] + [each.path for each in found.unread]
    if not paths:
        others = f"; {found.aside[0].path}: {found.aside[0].reason}" if found.aside else ""
        reason = f" ({error})" if error and any(_is_image(p) for p in folder.iterdir()) else ""
        raise SlideNotFoundError(f"{folder}: holds no slide{reason}{others}")
    return sorted(paths, key=_natural)


def _files_of(info: SlideInfo) -> list[SlideInfo]:
    """What the files of a folder with one TIFF per channel would be as slides of their own."""
    return [
        SlideInfo(file, info.height, info.width, (name,), info.dtype, None)
        for name, file in zip(info.channels, info.files, strict=False)
    ]


def _list(folder: Path, listing: _Listing) -> None:
    """Add the images of a folder and of its subfolders to a listing."""
    with os.scandir(folder) as entries:
        entries_by_name = sorted(entries, key=lambda entry: _natural(Path(entry.name)))
    names = {entry.name for entry in entries_by_name}
    for entry in entries_by_name:
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            _list_folder(path, entry, listing, simulated="simulation.yaml" in names)
        elif _is_image(path):
            if _WELL.search(entry.name):
                listing.aside.append(Unread(path, "an image of a plate, by its name"))
            else:
                listing.images.append(path)
        elif path.suffix.lower() in PICTURES and path.with_suffix(".html").name not in names:
            listing.pictures += 1  # one beside a page of its name, as a contact sheet, is no slide


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a folder; a link that leads to itself is none, as one that leads nowhere.

    Read as an image, it is named with the others that cannot be read.
    """
    try:
        return entry.is_dir()
    except OSError:
        return False


def _list_folder(path: Path, entry: "os.DirEntry[str]", listing: _Listing, simulated: bool) -> None:
    if _is_zarr(path):
        if _holds_plate(path):
            listing.aside.append(Unread(path, "a plate of many images"))
        else:
            listing.images.append(path)
        return
    if entry.is_symlink():
        return  # could lead round in a circle
    if (kind := kind_of(path)) is not None or (simulated and entry.name == "truth"):
        what = f"a {kind} of this program" if kind else "the truth of simulated slides"
        listing.aside.append(Unread(path, what))
        return
    try:
        _list(path, listing)
    except OSError as error:
        listing.unread.append(Unread(path, _reason(error, path)))


def _without_links(images: Sequence[Path]) -> list[Path]:
    """Without links to images that are in the list themselves."""
    real = {path for path in images if not path.is_symlink()}
    targets = {os.path.realpath(path) for path in real}
    return [path for path in images if path in real or os.path.realpath(path) not in targets]


def _open_all(
    paths: Sequence[Path], progress: bool, z: Depth | None
) -> tuple[list[SlideInfo], list[Unread]]:
    def look(path: Path) -> SlideInfo | Unread:
        try:
            with open_slide(path, z=z) as slide:
                return slide.info
        except (HrpnError, OSError) as error:
            return Unread(path, _reason(error, path))

    with ThreadPoolExecutor(_THREADS) as pool:
        looked = pool.map(look, paths)
        bar = tracked(looked, "looking", len(paths), "image", shown=progress, delay=1.0)
        every = list(bar)
    infos = [one for one in every if isinstance(one, SlideInfo)]
    return infos, [one for one in every if isinstance(one, Unread)]


def _whole_folders(
    sets: Sequence[ChannelSet], images: Sequence[Path]
) -> tuple[list[ChannelSet], list[ChannelSet]]:
    """Sets that are all that their folder holds, so that it is the slide; and the others."""
    beside: dict[Path, int] = defaultdict(int)
    for image in images:
        beside[image.parent] += 1
    whole = [one for one in sets if beside[one.folder] == len(one.files)]
    return whole, [one for one in sets if one not in whole]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in (*_IMAGES, *_REFUSED)


def _is_zarr(path: Path) -> bool:
    marks = (".zattrs", ".zgroup", "zarr.json")
    return path.suffix.lower() == ".zarr" or any(os.path.exists(path / mark) for mark in marks)


def _holds_plate(path: Path) -> bool:
    """Whether an OME-Zarr says that it is a plate; a damaged one does not."""
    for name in (".zattrs", "zarr.json"):
        file = path / name
        if file.is_file() and file.stat().st_size < 2**20:
            return '"plate"' in file.read_text(encoding="utf-8", errors="replace")
    return False


def _reason(error: Exception, path: Path) -> str:
    """What is wrong, without the path that the message begins with."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(str(text).removeprefix(f"{path}: "), 300)


def _natural(path: Path) -> tuple[tuple[tuple[int, int | str], ...], ...]:
    """Order in which slide 2 comes before slide 10."""
    return tuple(
        tuple(
            (0, int(part)) if part.isdecimal() and part.isascii() else (1, part.casefold())
            for part in re.split(r"(\d{1,18})", name)
        )
        for name in path.parts
    )
