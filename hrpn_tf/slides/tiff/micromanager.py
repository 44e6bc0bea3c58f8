"""Micro-Manager data sets: NDTiff, whose planes may lie in several files, and older stacks.

tifffile gives the pages of all files of a data set, but not in which file each of them is. So the
index is read here, and each page from its own file.
"""

import json
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.errors import RgbSlideError, SlideFormatError
from hrpn_tf.slides import levels, metadata
from hrpn_tf.slides.accepted import read_dtype, refuse_stacks, refuse_unequal
from hrpn_tf.slides.depth import chosen_depth, combine, indices
from hrpn_tf.slides.levels import Levels
from hrpn_tf.slides.planes import SegmentCache
from hrpn_tf.slides.slide import SlideInfo
from hrpn_tf.slides.tiff import layout
from hrpn_tf.slides.tiff.opening import open_tiff, sibling
from hrpn_tf.text import printable
from hrpn_tf.untrusted import MIB, read_file

_INDEX = "NDTiff.index"
_MAX_INDEX = 16 * MIB
_MAX_ROWS = 65_536
_MAX_FILES = 256
# by the pixel type in the index; 2 is RGB
_DTYPES = {0: "uint8", 1: "uint16", 3: "uint16", 4: "uint16", 5: "uint16", 6: "uint16"}
_RGB = 2
_DIMENSIONS = {"C": "Channels", "Z": "Slices", "T": "Frames"}


@dataclass(frozen=True)
class _Row:
    """Where a plane is: ``axes`` by name, and the offset of its first pixel in a file."""

    axes: dict[str, int | str]
    file: str
    offset: int
    width: int
    height: int
    pixel_type: int
    compression: int


def is_ndtiff(tif: Any) -> bool:
    """Whether an open tifffile.TiffFile is a part of an NDTiff data set, with its index or not."""
    return (
        bool(tif.is_micromanager) and (tif.micromanager_metadata or {}).get("MajorVersion", 0) > 0
    )


_Z = "z"  # axis of depth


def describe(
    tif: Any, path: Path, cache: SegmentCache, stack: ExitStack
) -> tuple[SlideInfo, Levels]:
    """What an NDTiff data set is, and its planes by channel.

    Args:
        tif: an open tifffile.TiffFile that :func:`is_ndtiff`.
        path: its path.
        cache: for strips.
        stack: takes the other files that are opened.

    Raises:
        SlideFormatError: the index is missing or damaged, names a file that is not in the same
            folder or a page that is not there; depth, time, positions or tiles of a mosaic.
        RgbSlideError: an RGB picture.
    """
    index = path.parent / _INDEX
    if not index.is_file():
        raise SlideFormatError(
            f"{path}: is a part of a Micro-Manager data set, whose {_INDEX} is missing; keep all "
            "its files in one folder"
        )
    by_channel, stack_size = _by_channel(list(_rows(index)), index)
    rows = [row for held in by_channel.values() for row in held]
    files = dict.fromkeys(row.file for row in rows)
    if len(files) > _MAX_FILES:
        raise SlideFormatError(f"{index}: names {len(files)} files, which is no set of channels")
    opened = {name: _open(tif, path, name, stack) for name in files}
    stored = [_plane(row, *opened[row.file], index=index, cache=cache) for row in rows]
    refuse_unequal(stored, path)
    depth, each = chosen_depth(stack_size, path), len(rows) // len(by_channel)
    planes = tuple(combine(stored[i : i + each], depth) for i in range(0, len(stored), each))
    pages = [_page(row, *opened[row.file], index=index) for row in rows]
    if len({page.dtype for page in pages}) > 1:
        raise SlideFormatError(f"{path}: its channels differ in type")
    named = any(isinstance(channel, str) for channel in by_channel)
    info = levels.describe(
        path,
        (planes,),
        channels=tuple(map(str, by_channel)) if named else None,
        dtype=read_dtype(pages[0], path),
        pixel_size_um=metadata.tag_pixel_size(path, pages[0].tags),
        format="NDTiff",
        files=tuple(dict.fromkeys([path, index, *(file for _, file in opened.values())])),
        stack=stack_size,
    )
    return info, (planes,)


def _rows(index: Path) -> Iterator[_Row]:
    content = read_file(index, SlideFormatError, _MAX_INDEX)
    at = 0
    try:
        for _ in range(_MAX_ROWS):
            if at == len(content):
                return
            axes, at = _text(content, at)
            name, at = _text(content, at)
            offset, width, height, pixel_type, compression = struct.unpack_from(
                "<Iiiii", content, at
            )
            at += 32
            found = json.loads(axes)
            if not all(isinstance(value, int | str) for value in found.values()):
                raise ValueError("an axis that is neither a number nor a name")
            yield _Row(found, name, offset, width, height, pixel_type, compression)
    except (struct.error, ValueError, AttributeError, RecursionError) as error:
        raise SlideFormatError(f"{index}: malformed ({printable(error, 80)})") from error
    raise SlideFormatError(
        f"{index}: names more than {_MAX_ROWS} planes, which is no set of channels"
    )


def _text(content: bytes, at: int) -> tuple[str, int]:
    """A text with its length before it, and where it ends."""
    end = at + 4 + struct.unpack_from("<I", content, at)[0]
    if end > len(content):
        raise ValueError("it breaks off")
    return content[at + 4 : end].decode("utf-8"), end


def _by_channel(rows: list[_Row], index: Path) -> tuple[dict[int | str, list[_Row]], int]:
    """What is read of each channel, in order, and the planes in depth.

    Of planes written twice it is the last.
    """
    if not rows:
        raise SlideFormatError(f"{index}: names no plane")
    for axis in dict.fromkeys(axis for row in rows for axis in row.axes):
        values = {row.axes.get(axis) for row in rows}
        if axis not in ("channel", _Z) and len(values) > 1:
            raise SlideFormatError(
                f"{index}: holds {len(values)} planes along the axis '{printable(axis, 40)}', "
                "where one plane with channels is wanted; project, stitch or split it first"
            )
    heights = {row.axes.get(_Z, 0) for row in rows}
    if not all(isinstance(height, int) for height in heights):
        raise SlideFormatError(f"{index}: malformed: planes in depth that are no numbers")
    count = len(heights)
    chosen = {sorted(heights, key=int)[i] for i in indices(chosen_depth(count, index), count)}
    held: dict[int | str, dict[int, _Row]] = {row.axes.get("channel", 0): {} for row in rows}
    for row in rows:
        if (height := row.axes.get(_Z, 0)) in chosen:
            held[row.axes.get("channel", 0)][int(height)] = row
    if any(len(planes) != len(chosen) for planes in held.values()):
        raise SlideFormatError(f"{index}: truncated or malformed: channels differ in depth")
    found = {channel: [planes[z] for z in sorted(planes)] for channel, planes in held.items()}
    refuse_stacks({"C": len(found)} if len(found) > 1 else {}, index)
    if all(isinstance(channel, int) for channel in found):
        found = dict(sorted(found.items()))
    return found, count


def _open(tif: Any, path: Path, name: str, stack: ExitStack) -> tuple[Any, Path]:
    if name == path.name:
        return tif, path
    file = sibling(path, name, f"its {_INDEX}")
    if not file.is_file():
        raise SlideFormatError(
            f"{path}: its part {name!r} is missing; keep all files of the slide in one folder"
        )
    return stack.enter_context(open_tiff(file)), file


def _page(row: _Row, tif: Any, file: Path, index: Path) -> Any:
    """The page whose pixels begin where the index says."""
    if row.pixel_type == _RGB:
        raise RgbSlideError(
            f"{index}: is an RGB picture, where separate fluorescence channels are wanted"
        )
    for page in tif.pages:
        if page.dataoffsets and page.dataoffsets[0] == row.offset:
            fits = (page.imagelength, page.imagewidth) == (row.height, row.width)
            if row.compression or not fits or page.dtype != _DTYPES.get(row.pixel_type):
                break
            return page
    raise SlideFormatError(
        f"{index}: malformed: {file.name!r} has no page as it says at byte {row.offset}; copy the "
        "files again"
    )


def _plane(row: _Row, tif: Any, file: Path, index: Path, cache: SegmentCache) -> Any:
    page = _page(row, tif, file, index)
    layout.refuse_rgb(page, False, file)
    if page.samplesperpixel != 1:
        raise SlideFormatError(f"{file}: holds {page.samplesperpixel} samples per pixel")
    plane = layout.page_plane(page, file, tif.filehandle.fileno(), cache)
    layout.refuse_truncated([plane], tif.filehandle.size, file)
    return plane


def refuse_parts(tif: Any, path: Path) -> None:
    """Refuse a Micro-Manager stack (before NDTiff) of which this file holds only a part.

    tifffile would take the rest from files of similar names. Afterwards it reads this file alone,
    by its OME-XML or ImageJ metadata.

    Args:
        tif: an open tifffile.TiffFile.
        path: its path.

    Raises:
        SlideFormatError: planes are missing, or their channels are not in the order of the pages.
    """
    if not tif.is_micromanager or not tif.is_mmstack:
        return
    tif.is_mmstack = False
    summary, index = (tif.micromanager_metadata[key] for key in ("Summary", "IndexMap"))
    stated = {axis: max(1, int(summary.get(key, 1))) for axis, key in _DIMENSIONS.items()}
    wanted = stated["C"] * stated["Z"] * stated["T"]
    positions = len(set(index[:, 3].tolist()))
    if len(index) < wanted * positions:
        raise SlideFormatError(
            f"{path}: holds {len(index)} of {wanted * positions} planes of a Micro-Manager data "
            "set in several files; export it as OME-TIFF"
        )
    if positions == 1 and stated["Z"] == stated["T"] == 1 and not tif.is_ome:
        offsets = index[index[:, 0].argsort(), 4].tolist()
        if offsets != [page.offset for page in tif.pages][: len(offsets)]:
            raise SlideFormatError(
                f"{path}: its pages are not in the order of its channels; export it as OME-TIFF"
            )
