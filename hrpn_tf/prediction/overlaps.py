"""Read what neighbouring tiles share once."""

from collections.abc import Sequence

import numpy as np

from hrpn_tf.prediction.tiling import Tiling
from hrpn_tf.slides import Windows

# The most memory of lower borders; of a very wide slide those of the first columns are kept.
MOST_BYTES = 32 * 2**20


class KeptOverlaps:
    """Reads the windows of tiles, row by row, and keeps what the tiles to come share with them.

    That is the right border of the last window, and the lower borders of the windows of a row of
    tiles; see :func:`kept_bytes`. Windows that were skipped are not missed: what they would have
    left is read. Any other windows may be read, too.

    Args:
        slide: the open slide.
        channels: indices of the channels that are kept; windows of others are only passed on.
        tiling: the tiles.

    Attributes:
        info: of the slide.
    """

    def __init__(self, slide: Windows, channels: Sequence[int], tiling: Tiling) -> None:
        self._slide, self._channels = slide, list(channels)
        self.info = slide.info
        rows, columns = _overlap(tiling)
        self._left, width = _columns(tiling, self.info.width)
        width = min(width, _most_columns(rows, self.info.dtype.itemsize * len(self._channels)))
        # the lower borders, side by side; the first row of each column, and how many there are
        self._band = np.empty((rows, width, len(self._channels)), self.info.dtype)
        self._first, self._rows = np.zeros(width, np.intp), np.zeros(width, np.intp)
        self._columns = columns
        self._border: tuple[int, int, np.ndarray] | None = None  # y, x and pixels

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`."""
        if level or list(channels) != self._channels:
            return self._slide.read(y, x, height, width, channels, level)
        left = self._from_border(y, x, height, width)
        known = 0 if left is None else left.shape[1]
        above = self._from_band(y, x + known, height, width - known)
        if left is None and above is None:
            pixels = self._slide.read(y, x, height, width, channels)
        else:
            pixels = self._joined(y, x, height, width, left, above)
        if pixels.dtype == self._band.dtype:  # as every slide promises
            self._keep(y, x, pixels)
        return pixels

    def _joined(
        self,
        y: int,
        x: int,
        height: int,
        width: int,
        left: np.ndarray | None,
        above: np.ndarray | None,
    ) -> np.ndarray:
        """The window, of which only what is not kept is read."""
        pixels = np.empty((height, width, len(self._channels)), self.info.dtype)
        top, start = 0, 0
        if left is not None:
            start = left.shape[1]
            pixels[:, :start] = left
        if above is not None:
            top = above.shape[0]
            pixels[:top, start:] = above
        rest = height - top, width - start
        if min(rest) > 0:
            pixels[top:, start:] = self._slide.read(y + top, x + start, *rest, self._channels)
        return pixels

    def _from_border(self, y: int, x: int, height: int, width: int) -> np.ndarray | None:
        """First columns of a window, from the right border of the last one."""
        if self._border is None:
            return None
        top, left, kept = self._border
        if not (top <= y and y + height <= top + kept.shape[0] and left <= x):
            return None
        found = kept[y - top : y - top + height, x - left : x - left + width]
        return found if found.shape[1] else None

    def _from_band(self, y: int, x: int, height: int, width: int) -> np.ndarray | None:
        """First rows of a window, if they are kept over its whole width."""
        start = x - self._left
        columns = slice(start, start + width)
        if start < 0 or width < 1 or columns.stop > len(self._first):
            return None
        first, rows = self._first[columns], self._rows[columns]
        if (first != first[0]).any():
            return None
        offset, count = y - int(first[0]), int(rows.min()) - (y - int(first[0]))
        if offset < 0 or count < 1:
            return None
        return self._band[offset : offset + min(count, height), columns]

    def _keep(self, y: int, x: int, pixels: np.ndarray) -> None:
        height, width = pixels.shape[:2]
        first, last = max(x, self._left), min(x + width, self._left + len(self._first))
        rows = min(self._band.shape[0], height)
        if last > first and rows:
            columns = slice(first - self._left, last - self._left)
            self._band[:rows, columns] = pixels[height - rows :, first - x : last - x]
            self._first[columns], self._rows[columns] = y + height - rows, rows
        count = min(self._columns, width)
        border = pixels[:, width - count :].copy()  # a view would keep the window
        self._border = (y, x + width - count, border) if count else None


def kept_bytes(tiling: Tiling, bytes_per_px: int) -> int:
    """The most memory that the kept pixels take.

    Args:
        tiling: the tiles.
        bytes_per_px: stored intensities of all inputs.
    """
    rows, columns = _overlap(tiling)
    width = tiling.region.width + tiling.shape[1] - tiling.block_width
    width = min(width, _most_columns(rows, bytes_per_px))
    return bytes_per_px * (rows * width + columns * tiling.shape[0])


def _most_columns(rows: int, bytes_per_px: int) -> int:
    return MOST_BYTES // (max(1, rows) * bytes_per_px)


def _overlap(tiling: Tiling) -> tuple[int, int]:
    """Rows and columns that neighbouring tiles share; 0 where there are none, or too many."""
    rows, columns = tiling.grid
    if tiling.blended:
        return 0, 0
    return (
        (tiling.shape[0] - tiling.block_height) * (rows > 1),
        (tiling.shape[1] - tiling.block_width) * (columns > 1),
    )


def _columns(tiling: Tiling, width: int) -> tuple[int, int]:
    """First column of the slide that a tile reads, and the number of columns."""
    _, across = tiling.lines
    first, last = max(0, across[0][0]), min(width, sum(across[-1]))
    return first, max(0, last - first)
