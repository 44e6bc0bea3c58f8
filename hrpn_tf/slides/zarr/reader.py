"""Slides stored as OME-Zarr 0.4 (Zarr v2) or 0.5 (Zarr v3)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import ChannelSizeError, SlideFormatError
from hrpn_tf.slides.accepted import read_dtype
from hrpn_tf.slides.depth import Depth, chosen_depth, combine, indices
from hrpn_tf.slides.levels import Levels, describe
from hrpn_tf.slides.malformed import as_named_error
from hrpn_tf.slides.planes import CACHE_BYTES, SegmentCache, StoredPlane
from hrpn_tf.slides.slide import ClosedOnExit, SlideInfo, check_finite, check_window
from hrpn_tf.slides.zarr.chunks import ChunkReader, ZarrPlane
from hrpn_tf.slides.zarr.layout import ArrayLayout, read_layout
from hrpn_tf.slides.zarr.links import Inside
from hrpn_tf.slides.zarr.metadata_files import MARKS, group_attributes, is_zarr
from hrpn_tf.slides.zarr.multiscales import Multiscale, parse

_KIND = "an OME-Zarr"
_MAX_CHANNELS = 1024
# Each chunk takes time of its own, so many tiny ones take hours.
_SMALL_CHUNK_PX = 64 * 64
_MOST_SMALL_CHUNKS = 4096


def is_ome_zarr(path: Path) -> bool:
    """Whether a path is a folder with the marks of Zarr, so that it is no folder of TIFFs."""
    return path.is_dir() and is_zarr(path)


class OmeZarrSlide(ClosedOnExit):
    """A slide in an OME-Zarr folder; see :class:`~hrpn_tf.slides.slide.Slide`.

    ``info.files`` are the metadata files only: there may be a hundred thousand files of chunks.

    Args:
        path: of the group of the image, or of what bioformats2raw made of a file with one image.
        cache_bytes: how many bytes of decoded chunks to keep for windows that overlap.

    Raises:
        SlideFormatError: not an OME-Zarr image, or one that is damaged, malformed or of an
            unsupported kind.
        ChannelSizeError: the levels differ in their number of channels.
        PixelSizeError: pixels that are not square.
    """

    info: SlideInfo

    def __init__(self, path: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self._path = Path(path)
        self._cache = SegmentCache(cache_bytes)
        with as_named_error(self._path, _KIND):
            self.info, self._levels = _describe(self._path, self._cache)

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`."""
        check_window(self.info, y, x, height, width, channels, level)
        window = np.empty((height, width, len(channels)), self.info.dtype)
        with as_named_error(self._path, _KIND):
            for index, channel in enumerate(channels):
                self._levels[level][channel].read(y, x, window[..., index])
        check_finite(window, self._path, y, x, level)
        return window

    def close(self) -> None:
        """Let go of the decoded chunks; no file stays open between reads."""
        self._cache.clear()


def _describe(path: Path, cache: SegmentCache) -> tuple[SlideInfo, Levels]:
    """What the slide is, and its planes by level and channel."""
    inside = Inside(path)
    folder, zarr_format, attributes = _image_group(path, inside)
    image = parse(folder, zarr_format, attributes)
    levels = [read_layout(folder / level, zarr_format, inside) for level in image.paths]
    first = levels[0]
    dtype = read_dtype(first, path)
    for level in levels:
        _refuse_other_shape(path, image, first, level)
        _refuse_tiny_chunks(image, level)
    count = first.shape[image.axes.index("c")] if "c" in image.axes else 1
    stack = _stack(image, first)
    depth = chosen_depth(stack, path)
    if depth is not None:  # levels of fewer planes hold no single one of them
        levels = [level for level in levels if _stack(image, level) == stack]
    named = image.labels if image.labels and len(image.labels) == count else ()
    names = tuple(
        name or str(index) for index, name in enumerate(named if any(named) else [""] * count)
    )
    planes = tuple(
        _planes(image, ChunkReader(level, cache, inside), count, stack, depth) for level in levels
    )
    info = describe(
        path,
        planes,
        channels=names,
        dtype=dtype,
        pixel_size_um=image.pixel_size_um,
        position_um=image.position_um,
        format=f"OME-Zarr {image.version}",
        files=_metadata_files(path, folder, image),
        stack=stack,
    )
    return info, planes


def _image_group(path: Path, inside: Inside) -> tuple[Path, int, dict[str, Any]]:
    """(folder, Zarr format, attributes) of the image, which bioformats2raw puts one level down."""
    zarr_format, attributes = group_attributes(path, inside)
    ome = attributes.get("ome", {}) if zarr_format == 3 else attributes
    if "bioformats2raw.layout" not in ome or "multiscales" in ome or "plate" in ome:
        return path, zarr_format, attributes
    series = sorted(child.name for child in path.iterdir() if child.name.isdecimal())
    if len(series) != 1:
        raise SlideFormatError(
            f"{path}: holds {len(series)} images; give the folder of one of them, e.g. 0 in it"
        )
    return path / series[0], *group_attributes(path / series[0], inside)


def _refuse_other_shape(
    path: Path, image: Multiscale, first: ArrayLayout, level: ArrayLayout
) -> None:
    """Refuse levels that are no halves of the first, and stacks in time."""
    if len(level.shape) != len(image.axes):
        raise SlideFormatError(
            f"{path}: malformed: {len(level.shape)} dimensions for {len(image.axes)} axes"
        )
    if level.dtype != first.dtype:
        raise SlideFormatError(f"{path}: malformed: levels of {first.dtype} and {level.dtype}")
    for axis, size, whole in zip(image.axes, level.shape, first.shape, strict=True):
        if axis not in ("c", "y", "x", "z") and size != 1:
            what = "time points" if axis == "t" else "pages"
            raise SlideFormatError(
                f"{path}: holds {size} {what}, where one plane with channels is wanted; project or "
                "split it first"
            )
        if axis == "c" and size > _MAX_CHANNELS:
            raise SlideFormatError(f"{path}: holds {size} pages, which is no set of channels")
        if axis == "c" and size != whole:
            raise ChannelSizeError(f"{path}: levels of {whole} and of {size} channels")
        if size > whole:
            raise SlideFormatError(f"{path}: malformed: a level is larger than the first")


def _refuse_tiny_chunks(image: Multiscale, level: ArrayLayout) -> None:
    axes = (image.axes.index("y"), image.axes.index("x"))
    chunk, grid = ([sizes[axis] for axis in axes] for sizes in (level.chunk, level.grid))
    if math.prod(chunk) < _SMALL_CHUNK_PX and math.prod(grid) > _MOST_SMALL_CHUNKS:
        raise SlideFormatError(
            f"{level.folder}: {grid[0]} x {grid[1]} chunks of {chunk[0]} x {chunk[1]} px take too "
            "long to read; store it in chunks of at least 64 x 64 px"
        )


def _stack(image: Multiscale, level: ArrayLayout) -> int:
    """Planes in depth of a level."""
    return level.shape[image.axes.index("z")] if "z" in image.axes else 1


def _planes(
    image: Multiscale, chunks: ChunkReader, count: int, stack: int, depth: Depth | None
) -> tuple[StoredPlane, ...]:
    def plane(**place: int) -> StoredPlane:
        return ZarrPlane(
            chunks=chunks,
            fixed=tuple(place.get(axis, 0) for axis in image.axes),
            rows=image.axes.index("y"),
            columns=image.axes.index("x"),
        )

    return tuple(
        combine([plane(c=channel, z=z) for z in indices(depth, stack)], depth)
        for channel in range(count)
    )


def _metadata_files(path: Path, folder: Path, image: Multiscale) -> tuple[Path, ...]:
    folders = dict.fromkeys([path, folder, *(folder / level for level in image.paths)])
    files = [one / mark for one in folders for mark in MARKS]
    return tuple(file for file in files if file.exists())
