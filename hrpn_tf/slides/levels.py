"""A slide of planes by level and channel: what all readers of TIFF end in."""

from pathlib import Path

import numpy as np

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
) -> SlideInfo:
    """What a slide is, with its sizes, factors and largest segment read off its planes.

    Args:
        path: the file or folder.
        levels: of one channel or more, the full one first.
        channels: names; None for "0", "1", ...
        dtype: that is read.
        pixel_size_um, position_um, format, files: see :class:`SlideInfo`.
    """
    shapes = tuple((planes[0].height, planes[0].width) for planes in levels)
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
    )


def factor(full: tuple[int, int], level: tuple[int, int]) -> float:
    """Downsampling factor; whole where the level's size is the full one over it, rounded.

    >>> factor((65, 66), (33, 33)), factor((1000, 1000), (400, 400))
    (2.0, 2.5)
    """
    exact = (full[0] / level[0] + full[1] / level[1]) / 2
    whole = max(1, round(exact))
    rounded = all(abs(f / whole - n) < 1 for f, n in zip(full, level, strict=True))
    return float(whole) if rounded else exact
