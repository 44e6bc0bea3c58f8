"""Find the channels and levels of a slide in the pages of a TIFF file."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import RgbSlideError, SlideFormatError
from hrpn_tf.slides.accepted import refuse_stacks
from hrpn_tf.slides.planes import (
    MAX_SEGMENT_BYTES,
    RawPlane,
    SegmentCache,
    SegmentPlane,
    StoredPlane,
)

_RGB, _PALETTE, _SEPARATED, _YCBCR, _CIELAB = 2, 3, 5, 6, 8


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


def dimensions(series: Any, path: Path) -> tuple[int, int, int, str]:
    """(height, width, channels, axis of the channels or "") of a tifffile series.

    Raises:
        SlideFormatError: it has other axes, such as depth or time.
    """
    sizes = {
        axis: size
        for axis, size in zip(series.axes, series.shape, strict=True)
        if size != 1 or axis in "YX"
    }
    height, width = sizes.pop("Y", 0), sizes.pop("X", 0)
    if height < 1 or width < 1:
        raise SlideFormatError(f"{path}: holds an image of {height} x {width} px")
    refuse_stacks(sizes, path)
    axis, count = next(iter(sizes.items()), ("", 1))
    return height, width, count, axis


def refuse_rgb(page: Any, named: bool, path: Path) -> None:
    """Refuse colour pictures, whose samples are no fluorescence channels.

    Samples of more than 8 bits, and samples that OME-XML names, count as channels.

    Raises:
        RgbSlideError: the page is RGB, YCbCr, CMYK, CIELAB, or has a palette of colours.
    """
    colours = {_RGB, _YCBCR, _SEPARATED, _CIELAB}
    picture = page.photometric in colours and page.samplesperpixel > 2 and page.bitspersample <= 8
    if page.photometric == _PALETTE and page.colormap is not None:
        # a palette that never gets darker only displays grey levels in a colour, as ImageJ does
        brightness = np.asarray(page.colormap, dtype=np.float64).sum(axis=0)
        picture = bool((np.diff(brightness) < 0).any())
    if picture and not named:
        raise RgbSlideError(
            f"{path}: is an RGB picture, where separate fluorescence channels are wanted; export "
            "the channels, one plane each (OME-TIFF, or a folder with one TIFF per channel)"
        )


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
    page = series.keyframe
    interleaved = axis == "S" and page.planarconfig == 1
    if series.dataoffset is not None:
        at = (series.dataoffset, height, width)
        return _raw_planes(page, path, descriptor, *at, count, interleaved)
    if axis == "S":
        samples = range(count)
        return tuple(_segment_plane(series.pages[0], s, path, descriptor, cache) for s in samples)
    pages = list(series.pages)
    if len(pages) != count or any(page is None for page in pages):
        raise SlideFormatError(f"{path}: truncated or malformed: planes of channels are missing")
    return tuple(page_plane(page, path, descriptor, cache) for page in pages)


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
    if length * breadth * samples * key.dtype.itemsize > MAX_SEGMENT_BYTES:
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
        page=key,
        offsets=page.dataoffsets,
        byte_counts=page.databytecounts,
        first=first,
        height=height,
        width=width,
        length=length,
        breadth=breadth,
        sample=sample if key.planarconfig == 1 else 0,
    )


def refuse_truncated(planes: Sequence[StoredPlane], size: int, path: Path) -> None:
    """Refuse planes whose pixels lie beyond the end of the file, of ``size`` bytes.

    Raises:
        SlideFormatError: the file is truncated.
    """
    for plane in planes:
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
