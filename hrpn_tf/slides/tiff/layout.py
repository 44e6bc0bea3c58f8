"""Find the channels and levels of a slide in the pages of a TIFF file."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import RgbSlideError, SlideFormatError
from hrpn_tf.slides.accepted import refuse_stacks
from hrpn_tf.slides.depth import chosen_depth, combine, indices, parts_of, without_depth
from hrpn_tf.slides.planes import (
    MAX_SEGMENT_BYTES,
    RawPlane,
    SegmentCache,
    SegmentPlane,
    StoredPlane,
)
from hrpn_tf.slides.tiff import codecs

_PHOTOMETRIC = 262
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = 0, 1, 2, 3
_COLOURS = {
    3: "with a palette",
    4: "as a mask",
    5: "as CMYK",
    6: "as YCbCr",
    8: "as CIELab",
    9: "as ICCLab",
    10: "as ITULab",
}
_ALPHA = {1, 2}  # of the tag ExtraSamples
# TIFF itself wants tiles of a multiple of 16 px; each takes a call of the decoder.
_SMALLEST_TILE = 16


def main_series(series: Sequence[Any], path: Path) -> Any:
    """The tifffile series that is the slide: the largest one.

    Raises:
        SlideFormatError: there is none, or several are equally large.
    """
    areas = [_area(one) for one in series]
    if not areas or max(areas) == 0:
        raise SlideFormatError(f"{path}: holds no image")
    if areas.count(max(areas)) > 1:
        raise SlideFormatError(
            f"{path}: holds {areas.count(max(areas))} images of equal size that are not channels "
            "of one slide; save each as a file of its own"
        )
    return series[areas.index(max(areas))]


def _sizes(series: Any) -> dict[str, int]:
    return {
        axis: size
        for axis, size in zip(series.axes, series.shape, strict=True)
        if size != 1 or axis in "YX"
    }


def stack_size(series: Any) -> int:
    """Planes in depth of a tifffile series."""
    return _sizes(series).get("Z", 1)


def dimensions(series: Any, path: Path) -> tuple[int, int, int, str]:
    """(height, width, channels, axis of the channels or "") of a tifffile series.

    Raises:
        SlideFormatError: it has other axes, such as time, or a depth of which nothing is chosen.
    """
    sizes = _sizes(series)
    height, width = sizes.pop("Y", 0), sizes.pop("X", 0)
    if height < 1 or width < 1:
        raise SlideFormatError(f"{path}: holds an image of {height} x {width} px")
    sizes = without_depth(sizes, path)
    refuse_stacks(sizes, path)
    axis, count = next(iter(sizes.items()), ("", 1))
    return height, width, count, axis


def refuse_rgb(page: Any, named: bool, path: Path) -> None:
    """Refuse what is no set of intensities: colours of any depth, transparency.

    Args:
        page: a tifffile page.
        named: whether the metadata name each sample, which then counts as a channel.
        path: of the file.

    Raises:
        RgbSlideError: the page is RGB, YCbCr, CMYK, CIELab, or has a palette of colours.
        SlideFormatError: one of its samples is transparency, or 0 is the brightest of numbers that
            are no unsigned integers.
    """
    if not named and _is_picture(page):
        number = int(page.photometric)
        stored = "" if number == _RGB else f" (stored {_COLOURS.get(number, f'as {number}')})"
        raise RgbSlideError(
            f"{path}: is an RGB picture{stored}, where separate fluorescence channels are wanted; "
            "export the channels, one plane each (OME-TIFF, or a folder with one TIFF per channel)"
        )
    if not named and _ALPHA & set(page.extrasamples):
        raise SlideFormatError(
            f"{path}: one of its samples is transparency (alpha), which is no channel; save it "
            "without"
        )
    if _white(page) is not None and (page.dtype is None or page.dtype.kind != "u"):
        raise SlideFormatError(
            f"{path}: 0 is the brightest of its {page.dtype} pixels; invert it and save it with 0 "
            "as the darkest"
        )


def _is_picture(page: Any) -> bool:
    if page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO):
        return False
    if page.photometric == _RGB:
        return bool(page.samplesperpixel > 1)
    if page.photometric == _PALETTE and page.colormap is not None:
        # a palette that never gets darker only displays grey levels in a colour, as ImageJ does
        brightness = np.asarray(page.colormap, dtype=np.float64).sum(axis=0)
        return bool((np.diff(brightness) < 0).any())
    return bool(page.photometric != _PALETTE)


def level_planes(
    series: Any, path: Path, descriptor: int, cache: SegmentCache
) -> tuple[StoredPlane, ...]:
    """One plane per channel of one level of a series.

    Args:
        series: a level of a tifffile series.
        path, descriptor: of the open file.
        cache: for strips and tiles.

    Raises:
        SlideFormatError: pages, strips or tiles are missing, or one is absurdly large.
    """
    height, width, count, axis = dimensions(series, path)
    page, stack = series.keyframe, stack_size(series)
    interleaved = axis == "S" and page.planarconfig == 1
    order = _page_order(series)
    if series.dataoffset is not None:
        at = (series.dataoffset, height, width)
        if stack == 1:
            return _raw_planes(page, path, descriptor, *at, count, interleaved)
        if axis == "S":
            raise SlideFormatError(f"{path}: holds a stack of interleaved samples; split it first")
        stored = _raw_planes(page, path, descriptor, *at, count * stack, interleaved)
        return _of_stack(stored, order, count, stack, path)
    if axis == "S":
        pages, samples = list(series.pages), range(count)
        _refuse_missing(pages, stack, path)
        held = [
            _segment_plane(one, sample, path, descriptor, cache)
            for one in pages
            for sample in samples
        ]
        return _of_stack(held, "ZC", count, stack, path)
    pages = list(series.pages)
    _refuse_missing(pages, count * stack, path)
    for other in pages:
        if not _is_alike(other, page):
            raise SlideFormatError(
                f"{path}: its pages are not stored alike; save each channel in the same way"
            )
    found = [page_plane(page, path, descriptor, cache) for page in pages]
    return _of_stack(found, order, count, stack, path)


def _page_order(series: Any) -> str:
    """The order of the axes of pages, "ZC" where the channel runs fastest."""
    axes = [axis for axis in _sizes(series) if axis not in "YX"]
    return "CZ" if axes and axes[-1] == "Z" else "ZC"


def _of_stack(
    planes: Sequence[StoredPlane], order: str, channels: int, stack: int, path: Path
) -> tuple[StoredPlane, ...]:
    """One plane per channel of what is stored of all channels and depths."""
    if stack == 1:
        return tuple(planes)
    depth = chosen_depth(stack, path)
    step = (1, channels) if order == "ZC" else (stack, 1)
    return tuple(
        combine([planes[c * step[0] + z * step[1]] for z in indices(depth, stack)], depth)
        for c in range(channels)
    )


def _refuse_missing(pages: Sequence[Any], count: int, path: Path) -> None:
    if len(pages) != count or any(page is None for page in pages):
        raise SlideFormatError(f"{path}: truncated or malformed: planes of channels are missing")


def _is_alike(page: Any, keyframe: Any) -> bool:
    """Whether a page that tifffile reads like another one says so itself."""
    if page is keyframe or page.keyframe is page:
        return page is keyframe or bool(page.hash == keyframe.hash)
    if not page.offset:  # of an ImageJ stack beyond 4 GiB, which has one page for all
        return True
    return bool(page.aspage().hash == keyframe.hash)


def page_plane(page: Any, path: Path, descriptor: int, cache: SegmentCache) -> StoredPlane:
    """The plane of a page that holds one channel; see :func:`level_planes`."""
    if page.is_final and len(page.dataoffsets) > 0:
        shape = (page.keyframe.imagelength, page.keyframe.imagewidth)
        return _raw_planes(page, path, descriptor, page.dataoffsets[0], *shape, 1, False)[0]
    return _segment_plane(page, 0, path, descriptor, cache)


def _raw_planes(
    page: Any,
    path: Path,
    descriptor: int,
    offset: int,
    height: int,
    width: int,
    count: int,
    interleaved: bool,
) -> tuple[StoredPlane, ...]:
    """Planes stored uncompressed in one piece, one after the other or pixel by pixel."""
    dtype = np.dtype(page.keyframe.dtype).newbyteorder(page.keyframe.parent.byteorder)
    plane_bytes = height * width * dtype.itemsize
    return tuple(
        RawPlane(
            path=path,
            descriptor=descriptor,
            offset=offset if interleaved else offset + channel * plane_bytes,
            height=height,
            width=width,
            samples=count if interleaved else 1,
            sample=channel if interleaved else 0,
            dtype=dtype,
            white=_white(page.keyframe),
        )
        for channel in range(count)
    )


def _segment_plane(
    page: Any, sample: int, path: Path, descriptor: int, cache: SegmentCache
) -> StoredPlane:
    """One sample of a page that is stored in strips or tiles."""
    key = page.keyframe  # describes this page; the page itself may only say where its pixels are
    if key.imagedepth != 1:
        raise SlideFormatError(f"{path}: holds tiles of several planes in depth; split it first")
    height, width = key.imagelength, key.imagewidth
    length = key.tilelength if key.is_tiled else min(key.rowsperstrip, height)
    breadth = key.tilewidth if key.is_tiled else width
    samples = key.samplesperpixel if key.planarconfig == 1 else 1
    if length < 1 or breadth < 1:
        raise SlideFormatError(f"{path}: malformed: strips or tiles of {length} x {breadth} px")
    codecs.refuse_unknown(key, path)
    if key.is_tiled and min(length, breadth) < _SMALLEST_TILE:
        raise SlideFormatError(
            f"{path}: tiles of {length} x {breadth} px are too small; save it with larger ones"
        )
    stored_bytes = length * breadth * samples * key.dtype.itemsize
    if stored_bytes > MAX_SEGMENT_BYTES:
        raise SlideFormatError(
            f"{path}: strips or tiles of {length} x {breadth} px are too large to decode one by "
            "one; save it as a tiled TIFF"
        )
    per_plane = math.ceil(height / length) * math.ceil(width / breadth)
    first = 0 if key.planarconfig == 1 else sample * per_plane
    held = min(len(page.dataoffsets), len(page.databytecounts))
    if held < first + per_plane:
        raise SlideFormatError(
            f"{path}: truncated or malformed: {held} strips or tiles where {first + per_plane} "
            "are needed"
        )
    return SegmentPlane(
        path=path,
        descriptor=descriptor,
        cache=cache,
        decode=partial(codecs.decode, key, page.jpegtables, path),
        stored_bytes=stored_bytes,
        missing=key.nodata,
        offsets=page.dataoffsets,
        byte_counts=page.databytecounts,
        first=first,
        height=height,
        width=width,
        length=length,
        breadth=breadth,
        sample=sample if key.planarconfig == 1 else 0,
        white=_white(key),
    )


def _white(page: Any) -> int | None:
    """The value that stands for no light; None where 0 does."""
    tag = page.tags.get(_PHOTOMETRIC)
    if tag is None or page.photometric != _WHITE_IS_ZERO:
        return None  # a file that does not say which is taken as it is
    return int(2**page.bitspersample - 1)


def refuse_truncated(planes: Sequence[StoredPlane], size: int, path: Path) -> None:
    """Refuse planes whose pixels lie beyond the end of the file, of ``size`` bytes.

    Raises:
        SlideFormatError: the file is truncated.
    """
    for plane in parts_of(planes):
        if isinstance(plane, RawPlane):
            end = plane.end
        elif isinstance(plane, SegmentPlane):
            end = max(o + c for o, c in zip(plane.offsets, plane.byte_counts, strict=False))
        if end > size:
            raise SlideFormatError(
                f"{path}: truncated: it has {size} bytes where {end} are needed; copy it again"
            )


def _area(series: Any) -> int:
    sizes = dict(zip(series.axes, series.shape, strict=True))
    return int(sizes.get("Y", 0)) * int(sizes.get("X", 0))
