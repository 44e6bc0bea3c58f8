"""Read windows of a slide beyond its edges, and within a time limit."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from hrpn_tf.prediction.queues import within
from hrpn_tf.slides import Slide, Windows


def read_reflected(
    slide: Windows, y: int, x: int, height: int, width: int, channels: Sequence[int]
) -> np.ndarray:
    """Read a window that may lie partly outside the slide.

    Each pixel of the slide that the window needs is read once.

    Args:
        slide: the slide.
        y, x: first row and column, px; may be negative.
        height, width: size of the window, px; may exceed the slide.
        channels: indices of the channels.

    Returns:
        (height, width, len(channels)) intensities in the stored dtype.
    """
    info = slide.info
    if y >= 0 and x >= 0 and y + height <= info.height and x + width <= info.width:
        return slide.read(y, x, height, width, channels)
    rows = reflected(y, height, info.height)
    columns = reflected(x, width, info.width)
    top, left = int(rows.min()), int(columns.min())
    block = slide.read(
        top, left, int(rows.max()) - top + 1, int(columns.max()) - left + 1, channels
    )
    return block[rows[:, None] - top, columns[None, :] - left]


class TimedReads:
    """Reads windows of a slide, each within a time limit.

    Args:
        slide: the open slide.
        seconds: longest wait for one window, s.
    """

    def __init__(self, slide: Slide, seconds: float) -> None:
        self._slide, self._seconds = slide, seconds
        self.info = slide.info

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`.

        Raises:
            StalledError: it took longer than the limit.
        """
        read = partial(self._slide.read, y, x, height, width, channels, level)
        return within(self._seconds, f"{self.info.path}: reading", read)


def reflected(start: int, length: int, size: int) -> np.ndarray:
    """(length,) indices within a line of ``size`` px that represent those from ``start`` on.

    Reflection about the outer border of the edge pixel, repeated as often as needed (numpy's
    ``symmetric``): ... 1 0 | 0 1 2 | 2 1 0 | 0 1 ... It is defined for lines of one pixel too.
    """
    places = np.arange(start, start + length, dtype=np.intp) % (2 * size)
    return np.minimum(places, 2 * size - 1 - places)
