"""Slides in CZI, ND2 and LIF files, through bioio and its plug-ins (the extra ``bioio``)."""

import importlib
from collections.abc import Sequence
from itertools import accumulate, pairwise, product
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import HrpnError, RgbSlideError, SlideFormatError
from hrpn_tf.extras import install_line
from hrpn_tf.slides.accepted import refuse_stacks, type_read_as
from hrpn_tf.slides.depth import Depth, chosen_depth, without_depth
from hrpn_tf.slides.metadata import square_pixel, to_um
from hrpn_tf.slides.planes import CACHE_BYTES, MAX_SEGMENT_BYTES, SegmentCache
from hrpn_tf.slides.slide import ClosedOnExit, SlideInfo, check_finite, check_window

_PLUGINS = {".czi": "bioio_czi", ".nd2": "bioio_nd2", ".lif": "bioio_lif"}


def is_bioio(path: Path) -> bool:
    """Whether a file is a CZI, ND2 or LIF, by its name."""
    return path.suffix.lower() in _PLUGINS and path.is_file()


class BioioSlide(ClosedOnExit):
    """A CZI, ND2 or LIF; see :class:`~hrpn_tf.slides.slide.Slide`.

    bioio splits an image into chunks, the tiles of a scan or else whole planes; a window decodes
    those that it touches and no others. There are no smaller levels.

    Raises:
        SlideFormatError: the extra ``bioio`` is not installed; several scenes, depth or time; the
            file is damaged, or its chunks are too large to decode one by one.
        RgbSlideError: an RGB picture.
        PixelSizeError: pixels that are not square.
    """

    info: SlideInfo

    def __init__(self, path: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self._path = Path(path)
        self._cache = SegmentCache(cache_bytes)
        image = _open(self._path)
        try:
            self.info, self._pixels = _describe(image, self._path)
        except HrpnError:
            raise
        except Exception as error:
            raise _damaged(self._path, error) from error

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`."""
        check_window(self.info, y, x, height, width, channels, level)
        window = np.empty((height, width, len(channels)), self.info.dtype)
        rows, columns = (
            _touched(self._pixels.chunks[axis], *span)
            for axis, span in ((1, (y, height)), (2, (x, width)))
        )
        for index, channel in enumerate(channels):
            for (row, top), (column, left) in product(rows, columns):
                block = self._block(channel, row, column)
                inner_y, inner_x = max(y - top, 0), max(x - left, 0)
                target = window[
                    max(top - y, 0) : top + block.shape[0] - y,
                    max(left - x, 0) : left + block.shape[1] - x,
                    index,
                ]
                target[...] = block[
                    inner_y : inner_y + target.shape[0], inner_x : inner_x + target.shape[1]
                ]
        check_finite(window, self._path, y, x, level)
        return window

    def close(self) -> None:
        """Release the pixels; bioio keeps no file open between reads."""
        self._cache.clear()

    def _block(self, channel: int, row: int, column: int) -> np.ndarray:
        """One decoded chunk (h, w) of a channel."""
        key = (channel, row, column)
        found = self._cache.get(key)
        if found is None:
            # the chunks of the channel axis are the channels
            lazy = self._pixels[channel].blocks[row, column]
            try:
                found = np.asarray(lazy.compute(scheduler="synchronous"))
            except Exception as error:
                raise _damaged(self._path, error) from error
            self._cache.put(key, found)
        return found


def _open(path: Path) -> Any:
    """The file as a bioio.BioImage."""
    plugin = _PLUGINS[path.suffix.lower()]
    try:
        bio_image = importlib.import_module("bioio").BioImage
        reader = importlib.import_module(plugin).Reader
    except ImportError as error:
        raise SlideFormatError(
            f"{path}: {path.suffix[1:].upper()} is read through {plugin.replace('_', '-')}, which "
            f"is not installed ({error}); run: {install_line('bioio')}"
        ) from error
    try:
        return bio_image(path, reader=reader)
    except Exception as error:
        raise _damaged(path, error) from error


def _describe(image: Any, path: Path) -> tuple[SlideInfo, Any]:
    """What the slide is, and its pixels as a dask array (C, Y, X)."""
    scenes = _count_scenes(image, path)
    if scenes != 1:
        raise SlideFormatError(
            f"{path}: holds {scenes} scenes, where one slide is wanted; save the one "
            "you want as a file of its own"
        )
    lazy = image.xarray_dask_data
    sizes = {str(axis): int(size) for axis, size in lazy.sizes.items()}
    if sizes.pop("S", 1) > 1:
        raise RgbSlideError(
            f"{path}: is an RGB picture, where separate fluorescence channels are wanted"
        )
    height, width = sizes.pop("Y", 0), sizes.pop("X", 0)
    if height < 1 or width < 1:
        raise SlideFormatError(f"{path}: holds an image of {height} x {width} px")
    refuse_stacks(
        without_depth({axis: size for axis, size in sizes.items() if size != 1}, path), path
    )
    stack = sizes.get("Z", 1)
    depth = chosen_depth(stack, path)
    wanted = ("C", "Y", "X") if depth is None else ("Z", "C", "Y", "X")
    kept = [axis for axis in wanted if axis in lazy.dims]
    others = {axis: 0 for axis in lazy.dims if axis not in kept}
    pixels = lazy.isel(others).transpose(*kept).data
    pixels = pixels if depth is None else _one_plane(pixels, depth, pixels.dtype)
    pixels = pixels if pixels.ndim == 3 else pixels[None]
    chunk = max(pixels.chunks[1]) * max(pixels.chunks[2]) * pixels.dtype.itemsize
    if chunk > MAX_SEGMENT_BYTES:
        raise SlideFormatError(
            f"{path}: its tiles of {max(pixels.chunks[1])} x {max(pixels.chunks[2])} px are too "
            "large to decode one by one; convert it to a tiled OME-TIFF"
        )
    info = SlideInfo(
        path=path,
        height=height,
        width=width,
        channels=_names(image, pixels.shape[0]),
        dtype=type_read_as(pixels.dtype, path),
        pixel_size_um=_pixel_size(image, path),
        format=path.suffix[1:].upper(),
        segment_bytes=chunk,
        planes=stack,
        depth=depth,
    )
    return info, pixels


def _one_plane(pixels: Any, depth: Depth, dtype: np.dtype) -> Any:
    """A dask array (Z, C, Y, X) without its depth, still to be computed chunk by chunk."""
    if isinstance(depth, int):
        return pixels[depth - 1]
    if depth == "max":
        return pixels.max(axis=0)
    mean = pixels.mean(axis=0, dtype="float64")
    return (mean if dtype.kind == "f" else mean.round()).astype(dtype)


def _count_scenes(image: Any, path: Path) -> int:
    """bioio counts the scenes that the XML of a CZI lists, which some programs do not write."""
    count = len(image.scenes)
    if path.suffix.lower() == ".czi":
        shapes = importlib.import_module("aicspylibczi").CziFile(str(path)).get_dims_shape()
        spans = [shape.get("S", (0, 1)) for shape in shapes]
        count = max([count, *(stop - start for start, stop in spans), len(spans)])
    return count


def _names(image: Any, count: int) -> tuple[str, ...]:
    names = [str(name).strip() for name in image.channel_names or ()]
    if len(names) != count or not all(names):
        return tuple(map(str, range(count)))
    return tuple(names)


def _pixel_size(image: Any, path: Path) -> float | None:
    """Micrometres, as bioio gives them whatever the file has."""
    stated = image.physical_pixel_sizes
    width, height = (None if n is None else to_um(float(n), "um") for n in (stated.X, stated.Y))
    return square_pixel(path, width, height)


def _touched(chunks: tuple[int, ...], start: int, length: int) -> list[tuple[int, int]]:
    """(index, first px) of the chunks along an axis that a window touches."""
    firsts = [0, *accumulate(chunks)]
    return [
        (index, first)
        for index, (first, end) in enumerate(pairwise(firsts))
        if first < start + length and end > start
    ]


def _damaged(path: Path, error: Exception) -> SlideFormatError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    return SlideFormatError(f"{path}: truncated, malformed or of an unsupported kind ({reason})")
