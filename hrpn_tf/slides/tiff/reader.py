"""Slides in TIFF files, of whatever kind."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from hrpn_tf.slides import brightfield
from hrpn_tf.slides.levels import Levels
from hrpn_tf.slides.malformed import as_named_error
from hrpn_tf.slides.planes import SegmentCache
from hrpn_tf.slides.slide import ClosedOnExit, SlideInfo, check_finite, check_window
from hrpn_tf.slides.tiff import micromanager, ome_files, qptiff
from hrpn_tf.slides.tiff import ome_xml as ome
from hrpn_tf.slides.tiff import series as tiff_series
from hrpn_tf.slides.tiff.opening import open_tiff

# tifffile reports what it finds odd to its logger, which without a handler prints to standard
# error; what matters here ends in a named error.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


class TiffSlide(ClosedOnExit):
    """A slide in TIFF: OME-TIFF (in one file or several), QPTIFF, ImageJ hyperstack or plain TIFF.

    See :class:`~hrpn_tf.slides.slide.Slide`.

    Args:
        path: a TIFF, or the ``.companion.ome`` of an OME-TIFF in several files.
        cache: for decoded strips and tiles; may be shared by slides that are closed together.

    Raises:
        SlideFormatError: not a TIFF, or one that is truncated, malformed or of an unsupported
            kind.
        RgbSlideError: an RGB picture.
        ChannelSizeError: the channels differ in size.
        PixelSizeError: pixels that are not square.
    """

    info: SlideInfo

    def __init__(self, path: Path, cache: SegmentCache | None = None) -> None:
        self._path = Path(path)
        self._cache = SegmentCache() if cache is None else cache
        with ExitStack() as stack, as_named_error(self._path, "a TIFF"):
            self.info, self._levels = _describe(self._path, self._cache, stack)
            self._close = stack.pop_all()

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`."""
        check_window(self.info, y, x, height, width, channels, level)
        window = np.empty((height, width, len(channels)), self.info.dtype)
        with as_named_error(self._path, "a TIFF"):
            for index, channel in enumerate(channels):
                self._levels[level][channel].read(y, x, window[..., index])
        check_finite(window, self._path, y, x, level)
        return window

    def close(self) -> None:
        """Close the files."""
        self._cache.clear()
        self._close.close()


def _describe(path: Path, cache: SegmentCache, stack: ExitStack) -> tuple[SlideInfo, Levels]:
    """What the slide is, and its planes by level and channel; the stack holds its open files."""
    if ome_files.is_metadata_file(path):
        return ome_files.describe(ome.parse(ome_files.read_xml(path), path), path, cache, stack)
    tif = stack.enter_context(open_tiff(path))
    brightfield.refuse_tiff(tif, path)
    if micromanager.is_ndtiff(tif):
        return micromanager.describe(tif, path, cache, stack)
    if qptiff.is_qptiff(tif):
        return qptiff.describe(tif, path, cache)
    if not tif.is_ome:
        return tiff_series.describe(tif, None, path, cache)
    # before tif.series, which parses the XML without protection
    root = ome.parse(tif.pages.first.description, path)
    if ome_files.names_other_files(root, path):
        return ome_files.describe(root, path, cache, stack)
    ome.refuse_many_planes(root, path)
    return tiff_series.describe(tif, root, path, cache)
