"""The smaller levels of a slide: each halves the one before by area mean."""

import numpy as np

from hrpn_tf.slides.description import Planes, WritablePlanes
from hrpn_tf.slides.slide import iter_windows

# The pyramid ends with the first level whose longer side is at most this, px.
_SMALLEST = 1024
_WINDOW = 1024


def pyramid_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """(height, width) of every level, px, the full one first; halves are rounded up.

    >>> pyramid_shapes(1500, 3000)
    [(1500, 3000), (750, 1500), (375, 750)]
    """
    shapes = [(height, width)]
    while max(shapes[-1]) > _SMALLEST:
        height, width = (height + 1) // 2, (width + 1) // 2
        shapes.append((height, width))
    return shapes


def halve(source: Planes, target: WritablePlanes, block: tuple[int, int]) -> None:
    """Fill ``target``, of half the size rounded up, with the area means of ``source``.

    Args:
        source: the level above.
        target: the level to fill.
        block: (height, width) of what is written at once, px of ``target``.
    """
    for y in range(0, target.height, block[0]):
        for x in range(0, target.width, block[1]):
            h, w = min(block[0], target.height - y), min(block[1], target.width - x)
            means = np.empty((h, w, target.channels), target.dtype)
            for top, left, rows, columns in iter_windows(h, w, _WINDOW):
                for channel in range(target.channels):
                    means[top : top + rows, left : left + columns, channel] = area_mean(
                        _inside(source, channel, y + top, x + left, rows, columns)
                    )
            target.write(y, x, means)


def _inside(source: Planes, channel: int, y: int, x: int, height: int, width: int) -> np.ndarray:
    """The pixels of ``source`` that a window of the halved level is made of."""
    return source.read(
        channel,
        2 * y,
        2 * x,
        min(2 * height, source.height - 2 * y),
        min(2 * width, source.width - 2 * x),
    )


def area_mean(plane: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 px of a plane (H, W), in its type; at an odd end, of the pixels there are.

    Integers are rounded to the nearest, halves to even.
    """
    odd = [(0, side % 2) for side in plane.shape]
    # repeating the last row leaves the mean of a pair of rows that lacks its second one unchanged
    even = np.pad(plane, odd, mode="edge").astype(np.float32)
    rows = even[::2] + even[1::2]
    mean = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    return (np.rint(mean) if plane.dtype.kind == "u" else mean).astype(plane.dtype)
