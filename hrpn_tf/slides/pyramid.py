"""The smaller levels of a slide: each halves the one before by area mean."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from hrpn_tf.slides.description import Planes, WritablePlanes
from hrpn_tf.slides.slide import iter_windows
from hrpn_tf.slides.threads import ahead, count

# The pyramid ends with the first level whose longer side is at most this, px.
_SMALLEST = 1024
_WINDOW = 512


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
        source: the level above; read by several threads at once.
        target: the level to fill.
        block: (height, width) of what is written at once, px of ``target``.
    """
    for y in range(0, target.height, block[0]):
        for x in range(0, target.width, block[1]):
            h, w = min(block[0], target.height - y), min(block[1], target.width - x)
            means = np.empty((h, w, target.channels), target.dtype)
            for _ in ahead(partial(_fill, source, means, y, x), _parts(means), count()):
                pass
            target.write(y, x, means)


Part = tuple[int, int, int, int, int]


def _parts(means: np.ndarray) -> Iterator[Part]:
    """Windows of a block, by channel."""
    for channel in range(means.shape[2]):
        for window in iter_windows(means.shape[0], means.shape[1], _WINDOW):
            yield channel, *window


def _fill(source: Planes, means: np.ndarray, y: int, x: int, part: Part) -> None:
    """Fill a part of the block of means at row ``y``, column ``x``."""
    channel, top, left, h, w = part
    pixels = _inside(source, channel, y + top, x + left, h, w)
    means[top : top + h, left : left + w, channel] = area_mean(pixels)


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
    even = np.pad(plane, odd, mode="edge") if any(after for _, after in odd) else plane
    mean = np.add(even[::2, ::2], even[::2, 1::2], dtype=np.float32)
    mean += even[1::2, ::2]
    mean += even[1::2, 1::2]
    mean *= np.float32(0.25)
    return (np.rint(mean) if plane.dtype.kind == "u" else mean).astype(plane.dtype, copy=False)
