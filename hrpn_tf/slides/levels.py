"""A slide of planes by level and channel: what all readers of TIFF end in."""

import math
from pathlib import Path

import numpy as np

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.depth import chosen_depth
from hrpn_tf.slides.planes import StoredPlane
from hrpn_tf.slides.slide import SlideInfo

# planes by level, and in it by channel
Levels = tuple[tuple[StoredPlane, ...], ...]


def describe(
    path: Path,
    levels: Levels,
    *,
    channels: tuple[str, ...] | None,
    dtype: np.dtype,
    pixel_size_um: float | None,
    position_um: tuple[float, float] | None = None,
    format: str,
    files: tuple[Path, ...] = (),
    stack: int = 1,
) -> SlideInfo:
    """What a slide is, with its sizes, factors and largest segment read off its planes.

    Args:
        path: the file or folder.
        levels: of one channel or more, the full one first.
        channels: names; None for "0", "1", ...
        dtype: that is read.
        pixel_size_um, position_um, format, files: see :class:`SlideInfo`.
        stack: planes in depth that the file holds.

    Raises:
        SlideFormatError: a smaller level is no reduced copy of the full one.
    """
    shapes = tuple((planes[0].height, planes[0].width) for planes in levels)
    for shape in shapes[1:]:
        if not reduces(shapes[0], shape):
            raise SlideFormatError(
                f"{path}: malformed: a level of {shape[0]} x {shape[1]} px is no reduced copy of "
                f"the full image of {shapes[0][0]} x {shapes[0][1]} px; remove it from the pyramid"
            )
    return SlideInfo(
        path=path,
        height=shapes[0][0],
        width=shapes[0][1],
        channels=channels or tuple(map(str, range(len(levels[0])))),
        dtype=dtype,
        pixel_size_um=pixel_size_um,
        levels=tuple(factor(shapes[0], shape) for shape in shapes),
        level_shapes=shapes,
        position_um=position_um,
        format=format,
        files=files,
        segment_bytes=max(plane.segment_bytes for planes in levels for plane in planes),
        planes=stack,
        depth=chosen_depth(stack, path),
    )


def reduces(full: tuple[int, int], level: tuple[int, int]) -> bool:
    """Whether an image of this size can be a reduced copy of the full one.

    A label, an overview or a crop in the place of a level has another shape. Each side must be the
    full one over the same factor, within one pixel of rounding, and the level must be smaller.

    Args:
        full, level: (height, width), px.

    >>> reduces((1000, 1001), (500, 501)), reduces((1024, 1024), (512, 256))
    (True, False)
    """
    if min(level) < 1 or level == full or any(n > f for f, n in zip(full, level, strict=True)):
        return False
    # the factors that give each side, were it rounded up or down
    smallest = max(f / (n + 1) for f, n in zip(full, level, strict=True))
    largest = min(f / (n - 1) if n > 1 else math.inf for f, n in zip(full, level, strict=True))
    return smallest <= largest


def factor(full: tuple[int, int], level: tuple[int, int]) -> float:
    """Downsampling factor; whole where the level's size is the full one over it, rounded.

    >>> factor((65, 66), (33, 33)), factor((1000, 1000), (400, 400))
    (2.0, 2.5)
    """
    exact = (full[0] / level[0] + full[1] / level[1]) / 2
    whole = max(1, round(exact))
    rounded = all(abs(f / whole - n) < 1 for f, n in zip(full, level, strict=True))
    return float(whole) if rounded else exact
