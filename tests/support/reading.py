"""Read slides in a line."""

from pathlib import Path

import numpy as np

from hrpn_tf.slides import SlideInfo, iter_windows, open_slide


def info_of(path: Path) -> SlideInfo:
    with open_slide(path) as slide:
        return slide.info


def whole(path: Path, level: int = 0) -> np.ndarray:
    """(H, W, C) of a level."""
    with open_slide(path) as slide:
        return slide.read(
            0, 0, *slide.info.level_shapes[level], range(len(slide.info.channels)), level
        )


def read_all(path: Path) -> None:
    """Read windows of a slide, those of a huge one in part."""
    with open_slide(path) as slide:
        for window in list(iter_windows(slide.info.height, slide.info.width, 64))[:50]:
            slide.read(*window, range(len(slide.info.channels)))
