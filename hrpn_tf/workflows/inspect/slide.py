"""Inspect a slide: description, intensities, suggested roles and a thumbnail."""

import math
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.errors import NonFinitePixelsError, UsageError
from hrpn_tf.files import refuse_existing
from hrpn_tf.slides import Slide, SlideInfo, implausible, open_slide
from hrpn_tf.slides.depth import Depth
from hrpn_tf.slides.metadata import PLAUSIBLE_UM
from hrpn_tf.slides.roles import suggested_role
from hrpn_tf.workflows.inspect.thumbnail import Panel, arrange, fitted, save_thumbnail

PERCENTILES = (0.0, 1.0, 50.0, 99.0, 99.9, 100.0)
# Roles for `hrpn-tf predict --channel`; the target is measured and not an input.
_INPUTS = ("vessels", "nuclei")
TARGET = "qd"
# The roles of the default configuration, and what a channel of each shows.
ROLES = {"vessels": "the vessels", "nuclei": "the nuclei", TARGET: "the measured target"}
# Names that programs give to channels without one.
_NAMELESS = re.compile(r"(channel|chan|ch|c)?[\s:=_-]*(\d+[\s:_-]*)*", re.IGNORECASE)
# Intensities are measured on the coarsest level whose longer side is at least this, px.
_OVERVIEW = 1024
# A larger level, of a slide without smaller ones, is sampled instead.
_WHOLE_PX = 4096**2
_WINDOWS, _WINDOW = 8, 512
_SPOTS, _SPOT = 64, 8
# With more channels, less is read of each: the time is that of as many.
_CHANNELS = 16
_SAMPLED_BYTES = 2 * 2**30  # limit for decoding the picture of one channel
_SLIDE_SUFFIXES = (".ome.tif", ".ome.tiff", ".companion.ome", ".ome.zarr", ".ome.xml")


@dataclass(frozen=True)
class ChannelReport:
    """One channel.

    Attributes:
        name: name in the file.
        role: role that the name suggests, or None.
        percentiles: intensities at :data:`PERCENTILES`; None if a pixel is not finite.
    """

    name: str
    role: str | None
    percentiles: tuple[float, ...] | None


@dataclass(frozen=True)
class SlideReport:
    """Result of inspecting a slide.

    Attributes:
        info: description stated by the file.
        channels: channels in the order of the file.
        measured: description of the pixels that the percentiles are computed from.
        options: options of ``hrpn-tf predict`` for roles that exactly one channel suggests.
        remarks: warnings, one line each.
        thumbnail: path of the thumbnail, or None.
    """

    info: SlideInfo
    channels: tuple[ChannelReport, ...]
    measured: str
    options: tuple[str, ...]
    remarks: tuple[str, ...]
    thumbnail: Path | None


def inspect_slide(
    path: Path, out: Path | None = None, overwrite: bool = False, z: Depth | None = None
) -> SlideReport:
    """Describe a slide and write its thumbnail (PNG).

    Args:
        path: the slide.
        out: path of the thumbnail; by default named after the slide, in the current folder. For
            the default, an existing file or a read-only folder is a warning, not an error.
        overwrite: whether an existing thumbnail may be replaced.
        z: what is read of a stack, see :func:`hrpn_tf.slides.open_slide`.

    Raises:
        HrpnError: the slide cannot be read, see :func:`hrpn_tf.slides.open_slide`.
        UsageError: ``out`` is not a PNG file, or exists.
    """
    if out is not None:
        if out.suffix.lower() != ".png":
            raise UsageError(f"{out}: the thumbnail is a PNG; give a name that ends in .png")
        refuse_existing(out, overwrite)
    with open_slide(path, z=z) as slide:
        info = slide.info
        level = overview_level(info)
        remarks = _questions(info)
        roles = tuple(suggested_role(name) for name in info.channels)
        count = len(info.channels)
        room = arrange(count + (count > 1), info.height, info.width)[2:]
        channels, panels = [], []
        for index, (name, role) in enumerate(zip(info.channels, roles, strict=True)):
            try:
                values, picture = _measure(slide, index, level)
                percentiles = tuple(float(p) for p in np.percentile(values, PERCENTILES))
                picture = fitted(picture, *room)  # the whole planes would fill the memory
            except NonFinitePixelsError as error:
                remarks.append(str(error))
                percentiles, picture = None, None
            channels.append(ChannelReport(name, role, percentiles))
            panels.append(Panel(name, role, picture))
    thumbnail, remark = _write(panels, info, path, out, overwrite)
    return SlideReport(
        info=info,
        channels=tuple(channels),
        measured=_in_words(info, level),
        options=_options(info, roles),
        remarks=tuple(remarks + remark),
        thumbnail=thumbnail,
    )


def is_nameless(name: str) -> bool:
    """Whether a channel has no name of its own.

    >>> is_nameless("Channel:0:1"), is_nameless("0"), is_nameless("CD31")
    (True, True, False)
    """
    return _NAMELESS.fullmatch(name.strip()) is not None


def overview_level(info: SlideInfo) -> int:
    """The coarsest level whose longer side is at least 1024 px; level 0 for smaller slides."""
    large = [i for i, shape in enumerate(info.level_shapes) if max(shape) >= _OVERVIEW]
    return min(large, key=lambda index: math.prod(info.level_shapes[index]), default=0)


def default_thumbnail(path: Path) -> Path:
    """``SLIDE.thumbnail.png``, for the current folder.

    >>> default_thumbnail(Path("slides/a.ome.tif"))
    PosixPath('a.thumbnail.png')
    """
    name = path.resolve().name
    for suffix in (*_SLIDE_SUFFIXES, path.suffix if path.is_file() else ""):
        if suffix and name.lower().endswith(suffix.lower()) and len(name) > len(suffix):
            name = name[: -len(suffix)]
            break
    return Path(f"{name or 'slide'}.thumbnail.png")


def _measure(slide: Slide, channel: int, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Intensities of a channel (1-D or 2-D), and its picture (H, W)."""
    height, width = slide.info.level_shapes[level]
    if _is_small(slide.info, level):
        plane = slide.read(0, 0, height, width, [channel], level)[..., 0]
        return plane, plane
    windows = spread(height, width, _windows(slide.info), _WINDOW)
    values = [slide.read(*window, [channel], level).ravel() for row in windows for window in row]
    picture = [
        [slide.read(*window, [channel], level).mean() for window in row]
        for row in spread(height, width, _spots(slide.info, level), _SPOT)
    ]
    return np.concatenate(values), np.asarray(picture, dtype=np.float32)


def _spots(info: SlideInfo, level: int) -> int:
    """Number of samples along the longer side; fewer if each requires decoding a large tile."""
    plane = math.prod(info.level_shapes[level]) * info.dtype.itemsize
    spots, limit = max(4, _SPOTS // _share(info)), _SAMPLED_BYTES // _share(info)
    if min(plane, spots**2 * info.segment_bytes) <= limit:
        return spots
    return min(spots, max(8, math.isqrt(limit // info.segment_bytes)))


def _windows(info: SlideInfo) -> int:
    """Number of windows along the longer side."""
    return max(1, math.isqrt(_WINDOWS**2 // _share(info)))


def _share(info: SlideInfo) -> int:
    return max(1, len(info.channels) // _CHANNELS)


def _is_small(info: SlideInfo, level: int) -> bool:
    return math.prod(info.level_shapes[level]) * _share(info) <= _WHOLE_PX


def spread(
    height: int, width: int, count: int, side: int
) -> Iterator[list[tuple[int, int, int, int]]]:
    """Rows of windows (y, x, height, width), at most count x count, evenly spread over a plane."""
    longer = max(height, width)
    rows, columns = (max(1, round(count * length / longer)) for length in (height, width))
    h, w = min(side, height), min(side, width)
    for y in _centred(height, rows, h):
        yield [(y, x, h, w) for x in _centred(width, columns, w)]


def _centred(length: int, count: int, side: int) -> list[int]:
    """First pixels of ``count`` pieces, each in the middle of its share of a length."""
    middles = [(2 * index + 1) * length // (2 * count) for index in range(count)]
    return [min(max(0, middle - side // 2), length - side) for middle in middles]


def _in_words(info: SlideInfo, level: int) -> str:
    height, width = info.level_shapes[level]
    where = f"level {level}, {height} x {width} px" if level else "all pixels"
    if _is_small(info, level):
        return where
    windows = sum(len(row) for row in spread(height, width, _windows(info), _WINDOW))
    return f"{windows} windows of {_WINDOW} px, evenly over level {level}"


def _questions(info: SlideInfo) -> list[str]:
    """Warnings about implausible parts of the description."""
    found = []
    if info.pixel_size_um is None:
        found.append("no pixel size is stated; give --pixel-size where it is used")
    elif implausible(info.pixel_size_um):
        found.append(
            f"{info.pixel_size_um:g} um/px is implausible: is the unit right? "
            f"{PLAUSIBLE_UM[0]:g} to {PLAUSIBLE_UM[1]:g} um/px are expected"
        )
    if not _is_small(info, overview_level(info)):
        found.append("it has no smaller levels, so intensities and thumbnail are of samples")
    twice = [name for name, times in Counter(info.channels).items() if times > 1]
    if twice:
        found.append(f"several channels are named {', '.join(twice)}; name them by their index")
    return found


def _options(info: SlideInfo, roles: tuple[str | None, ...]) -> tuple[str, ...]:
    """``--channel ROLE=NAME``, quoted for the shell, for each input that one channel suggests.

    Of a stack, ``--z`` follows.
    """
    found = []
    for role in _INPUTS:
        if roles.count(role) == 1:
            index = roles.index(role)
            name = info.channels[index]
            exact = name if info.channels.count(name) == 1 else str(index)
            found.append(f"--channel {shlex.quote(f'{role}={exact}')}")
    if found and info.depth is not None:
        found.append(f"--z {info.depth}")
    return tuple(found)


def _write(
    panels: list[Panel], info: SlideInfo, path: Path, out: Path | None, overwrite: bool
) -> tuple[Path | None, list[str]]:
    """Path of the written thumbnail, or None and a warning."""
    target = out or default_thumbnail(path)
    if out is None and not overwrite and target.exists():
        return None, [f"{target} exists and was kept; give --overwrite to replace it"]
    shape = (info.height, info.width)
    size = info.pixel_size_um
    known = None if size is None or implausible(size) else size
    try:
        save_thumbnail(target, panels, shape, known, overwrite)
    except OSError as error:
        if out is not None:
            raise
        return None, [f"no thumbnail: {target}: {error.strerror}; say where with --out"]
    return target, []
