"""Windows that reach beyond the edges of a slide, filled by reflection."""

from collections.abc import Sequence

import numpy as np

from hrpn_tf.prediction.geometry import reflect
from hrpn_tf.slides import Slide


def read_reflected(
    slide: Slide, y: int, x: int, height: int, width: int, channels: Sequence[int]
) -> np.ndarray:
    """Read a window that may lie partly outside the slide.

    Only the part of the slide that the window needs is read, once.

    Args:
        slide: the slide.
        y, x: first row and column, px; may be negative.
        height, width: of the window, px; may exceed the slide.
        channels: indices of the channels.

    Returns:
        (height, width, len(channels)) grey levels in the stored dtype.
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


def reflected(start: int, length: int, size: int) -> np.ndarray:
    """(length,) the pixels of a line of ``size`` that stand for those from ``start`` on."""
    return np.array([reflect(i, size) for i in range(start, start + length)], dtype=np.intp)
