"""A slide resampled to another pixel size."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.slides.slide import ClosedOnExit, Slide, check_window

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Source pixels are read and reduced in bands of about this many bytes as float32, so that a slide
# without a pyramid, seen from far away, takes little more memory than the window that it gives.
_BAND_BYTES = 8 * 2**20
# What is held at once: pixels as stored, one channel of them as float32, and what they become.
_BANDS_HELD = 3


class ResampledSlide(ClosedOnExit):
    """One level of a slide, resampled to another pixel size; see ``Slide``.

    A pixel of the result is the mean over the area that it covers, or, where it is smaller than a
    pixel of the level, the linear interpolation between the centres of its neighbours. It depends
    on its place alone, never on the window that is read. The outer corners of the first pixels
    coincide. Closing it closes the slide.

    Args:
        slide: the open slide.
        level: index of the level that is read.
        ratio: pixels of the level per pixel of the result, > 0; 1 shows the level as it is.
        pixel_size_um: of the result, um.
    """

    def __init__(self, slide: Slide, level: int, ratio: float, pixel_size_um: float | None) -> None:
        self._slide, self._level, self._ratio = slide, level, ratio
        info = slide.info
        self._source = info.level_shapes[level]
        height, width = (max(1, round(side / ratio)) for side in self._source)
        self.info = replace(
            info,
            height=height,
            width=width,
            dtype=info.dtype if ratio == 1 else np.dtype("float32"),
            pixel_size_um=pixel_size_um,
            levels=(1.0,),
            level_shapes=((height, width),),
            segment_bytes=info.segment_bytes + (0 if ratio == 1 else _BANDS_HELD * _BAND_BYTES),
        )

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`."""
        check_window(self.info, y, x, height, width, channels, level)
        if self._ratio == 1:
            return self._slide.read(y, x, height, width, channels, self._level)
        left, across = weights(x, width, self._source[1], self._ratio)
        out = np.empty((height, width, len(channels)), np.float32)
        band = max(1, int(_BAND_BYTES / (4 * len(channels) * across.shape[1] * self._ratio)))
        for start in range(0, height, band):
            rows = min(band, height - start)
            top, down = weights(y + start, rows, self._source[0], self._ratio)
            pixels = self._slide.read(
                top, left, down.shape[1], across.shape[1], channels, self._level
            )
            for channel in range(len(channels)):
                plane = down @ pixels[..., channel].astype(np.float32)
                out[start : start + rows, :, channel] = (across @ plane.T).T
        return out

    def close(self) -> None:
        """Close the slide."""
        self._slide.close()


def area_means(plane: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A plane (h, w) reduced to (rows, columns), at most h and w: means over areas, float32.

    Equals OpenCV's ``INTER_AREA`` to rounding.

    Example:
        >>> area_means(np.array([[1, 2, 3], [4, 5, 6]]), 1, 2).round(2).tolist()
        [[2.83, 4.17]]
    """
    means = plane.astype(np.float32)
    for count in (rows, columns):  # the second time, columns are rows
        means = _combined(means, *_shares(0, count, len(means), len(means) / count)).T
    return np.ascontiguousarray(means)


def _combined(plane: np.ndarray, places: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Sums of some rows of a plane by their shares, (n, k) of (h, w) to (n, w).

    The same as the product with a sparse matrix, whose import takes longer than the sums.
    """
    out = np.zeros((len(places), plane.shape[1]), np.float32)
    for place, share in zip(places.T, shares.astype(np.float32).T, strict=True):
        used = share > 0
        out[used] += share[used, None] * plane[place[used]]
    return out


def weights(start: int, length: int, size: int, ratio: float) -> "tuple[int, csr_array]":
    """How a line is resampled: pixels ``start`` to ``start + length`` of the result.

    Args:
        start, length: px of the result.
        size: px of the line that is read.
        ratio: its pixels per pixel of the result.

    Returns:
        The first pixel that is read, and (length, pixels read) float32; each row sums to one.
    """
    columns, shares = _shares(start, length, size, ratio)
    used = shares > 0
    first = int(columns[used].min())
    count = int(columns[used].max()) - first + 1
    rows = np.broadcast_to(np.arange(length)[:, None], columns.shape)
    entries = (shares[used].astype(np.float32), (rows[used], columns[used] - first))
    from scipy.sparse import csr_array  # a quarter of a second that other slides need not wait

    return first, csr_array(entries, shape=(length, count))


def _shares(start: int, length: int, size: int, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels of a line each pixel of the result is made of; see :func:`weights`.

    Returns:
        (length, k) their places, and their shares, 0 where a place is not used.
    """
    places = np.arange(start, start + length, dtype=np.float64)
    if ratio < 1:
        centre = np.clip((places + 0.5) * ratio - 0.5, 0, size - 1)
        low = np.minimum(np.floor(centre).astype(np.intp), max(size - 2, 0))
        columns = np.stack([low, np.minimum(low + 1, size - 1)], axis=1)
        shares = np.stack([1 - (centre - low), centre - low], axis=1)
    else:
        # the result's size is rounded: its last pixel may end outside, but never begins there
        begin, end = places * ratio, np.minimum((places + 1) * ratio, size)
        columns = np.floor(begin).astype(np.intp)[:, None] + np.arange(int(np.ceil(ratio)) + 1)
        overlap = np.minimum(columns + 1, end[:, None]) - np.maximum(columns, begin[:, None])
        shares = np.clip(overlap, 0, None)
        shares /= shares.sum(axis=1, keepdims=True)
        columns = np.minimum(columns, size - 1)
    return columns, shares
