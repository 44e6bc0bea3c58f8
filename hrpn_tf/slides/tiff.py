"""Slides in one TIFF file: OME-TIFF, ImageJ hyperstacks, and plain TIFF with channels."""

import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import tifffile

from hrpn_tf.errors import HrpnError, SlideFormatError
from hrpn_tf.slides import chain, layout, metadata, ome
from hrpn_tf.slides.planes import Plane, SegmentCache
from hrpn_tf.slides.slide import SlideInfo, check_finite, check_window

# tifffile reports what it finds odd to its logger, which without a handler prints to standard
# error; what matters here ends in a named error.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


class TiffSlide:
    """A slide in one TIFF file; see :class:`~hrpn_tf.slides.slide.Slide`.

    Raises:
        SlideFormatError: not a TIFF, or one that is truncated, malformed or of an unsupported
            kind.
        RgbSlideError: an RGB picture.
        ChannelSizeError: the channels differ in size.
        PixelSizeError: pixels that are not square.
    """

    info: SlideInfo

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._cache = SegmentCache()
        with ExitStack() as stack, malformed_as_named_error(self._path):
            tif = stack.enter_context(tifffile.TiffFile(self._path))
            self.info, self._levels = _describe(tif, self._path, self._cache)
            self._close = stack.pop_all()

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`."""
        check_window(self.info, y, x, height, width, channels, level)
        window = np.empty((height, width, len(channels)), self.info.dtype)
        with malformed_as_named_error(self._path):
            for index, channel in enumerate(channels):
                self._levels[level][channel].read(y, x, window[..., index])
        check_finite(window, self._path, y, x, level)
        return window

    def close(self) -> None:
        """Close the file."""
        self._cache.clear()
        self._close.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextmanager
def malformed_as_named_error(path: Path) -> Iterator[None]:
    """Turn whatever a TIFF library raises on hostile or damaged bytes into a named error.

    Raises:
        SlideFormatError: anything but a named error was raised within the context.
    """
    try:
        yield
    except HrpnError:
        raise
    except Exception as error:
        # EINVAL is what the system answers to the offsets of a malformed file
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise SlideFormatError(f"{path}: cannot be read: {error.strerror}") from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise SlideFormatError(
            f"{path}: not a TIFF, or truncated, malformed or of an unsupported kind ({reason})"
        ) from error


def _describe(
    tif: Any, path: Path, cache: SegmentCache
) -> tuple[SlideInfo, tuple[tuple[Plane, ...], ...]]:
    """What the slide is, and its planes by level and channel."""
    chain.refuse_endless(tif, path)
    # before tif.series, which parses the XML without protection
    root = ome.parse(tif.pages.first.description, path) if tif.is_ome else None
    series = layout.main_series(tif.series, path)
    height, width, count, _ = layout.dimensions(series, path)
    page = series.keyframe
    dtype = layout.read_dtype(page, path)
    names = _channel_names(tif, root, height, width, count)
    layout.refuse_rgb(page, root is not None and names is not None, path)
    levels, shapes = [], []
    for level in series.levels:
        if level.axes != series.axes or level.dtype != series.dtype:
            continue
        planes = layout.level_planes(level, path, tif.filehandle.fileno(), cache)
        if len(planes) != count:
            continue
        layout.refuse_unequal(planes, path)
        layout.refuse_truncated(planes, tif.filehandle.size, path)
        levels.append(planes)
        shapes.append((planes[0].height, planes[0].width))
    info = SlideInfo(
        path=path,
        height=height,
        width=width,
        channels=names or tuple(map(str, range(count))),
        dtype=dtype,
        pixel_size_um=_pixel_size(tif, root, page, height, width, path),
        levels=tuple(_factor((height, width), shape) for shape in shapes),
        level_shapes=tuple(shapes),
    )
    return info, tuple(levels)


def _channel_names(
    tif: Any, root: Any, height: int, width: int, count: int
) -> tuple[str, ...] | None:
    if root is not None:
        return ome.channel_names(root, height, width, count)
    if tif.is_imagej:
        return metadata.imagej_labels(tif.imagej_metadata or {}, count)
    return None


def _pixel_size(
    tif: Any, root: Any, page: Any, height: int, width: int, path: Path
) -> float | None:
    if root is not None:
        return ome.pixel_size(root, height, width, path)
    if tif.is_imagej:
        return metadata.imagej_pixel_size(path, tif.imagej_metadata or {}, page.tags)
    return metadata.tag_pixel_size(path, page.tags)


def _factor(full: tuple[int, int], level: tuple[int, int]) -> float:
    """Downsampling factor; whole where the level's size is the full one over it, rounded."""
    exact = (full[0] / level[0] + full[1] / level[1]) / 2
    whole = max(1, round(exact))
    rounded = all(abs(f / whole - n) < 1 for f, n in zip(full, level, strict=True))
    return float(whole) if rounded else exact
