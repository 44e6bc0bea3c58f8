"""A look at a slide: small pictures of its channels, and an approximate tissue mask."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hrpn_tf.config import TissueConfig
from hrpn_tf.data.tissue import is_tissue, lies_within_tissue
from hrpn_tf.errors import HrpnError
from hrpn_tf.slides import Slide, open_slide
from hrpn_tf.slides.depth import reading_depth
from hrpn_tf.slides.tiff.folder import FolderSlide
from hrpn_tf.workflows.init.proposal import ProposedSlide
from hrpn_tf.workflows.inspect.slide import spread

SIDE = 512  # longest side of a picture, px
_WHOLE_PX = 3072**2  # a larger level is sampled
_SPOTS, _SPOT = 64, 8
_MOST_CHANNELS = 4


@dataclass(frozen=True)
class Look:
    """What was seen.

    Attributes:
        pictures: role, or name of a channel without one: (h, w) float32 grey levels.
        tissue: (h, w) bool of the size of the pictures; None without inputs.
        within_tissue: whether the slide looks like a field of view within tissue.
        problem: why it could not be looked at; empty if it was.
    """

    pictures: dict[str, np.ndarray]
    tissue: np.ndarray | None = None
    within_tissue: bool = False
    problem: str = ""


def look_at(slide: ProposedSlide, inputs: Sequence[str], config: TissueConfig) -> Look:
    """Read small pictures of a slide, and find its tissue at their resolution.

    Args:
        slide: the slide.
        inputs: roles of the inputs, whose mean tells tissue.
        config: scale of the mask; its method is not used.
    """
    channels = dict(slide.roles.channels) or {
        name: index for index, name in enumerate(slide.info.channels[:_MOST_CHANNELS])
    }
    try:
        with _opened(slide) as opened:
            pictures = {title: _picture(opened, index) for title, index in channels.items()}
    except (HrpnError, OSError) as error:
        return Look({}, problem=str(error).removeprefix(f"{slide.info.path}: "))
    first = next(iter(pictures.values()))
    size = slide.pixel_size_um
    um_per_px = None if size is None else size * slide.info.width / first.shape[1]
    if not all(role in pictures for role in inputs):
        return Look(pictures)
    grey = _blocks(np.mean([pictures[role] for role in inputs], axis=0), um_per_px, config)
    mask = is_tissue(grey, TissueConfig(scale_um=config.scale_um)).astype(np.uint8)
    mask = cv2.resize(mask, first.shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)
    return Look(pictures, mask, lies_within_tissue(grey))


def _opened(slide: ProposedSlide) -> Slide:
    if slide.files:
        with reading_depth(slide.info.depth):
            return FolderSlide(slide.info.path, channel_files=slide.files)
    return open_slide(slide.info.path, z=slide.info.depth)


def _picture(slide: Slide, channel: int) -> np.ndarray:
    """(h, w) float32, at most ``SIDE`` px a side: the coarsest level that is large enough."""
    info = slide.info
    large = [i for i, shape in enumerate(info.level_shapes) if max(shape) >= SIDE]
    level = max(large, default=0)
    height, width = info.level_shapes[level]
    if height * width <= _WHOLE_PX:
        plane = slide.read(0, 0, height, width, [channel], level)[..., 0].astype(np.float32)
        scale = min(1.0, SIDE / max(height, width))
        shape = max(1, round(width * scale)), max(1, round(height * scale))
        return np.asarray(cv2.resize(plane, shape, interpolation=cv2.INTER_AREA))
    rows = [
        [slide.read(*window, [channel], level).mean() for window in row]
        for row in spread(height, width, _SPOTS, _SPOT)
    ]
    scale = SIDE / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(
        cv2.resize(np.asarray(rows, np.float32), shape, interpolation=cv2.INTER_LINEAR)
    )


def _blocks(grey: np.ndarray, um_per_px: float | None, config: TissueConfig) -> np.ndarray:
    """The picture in pixels of the mask, or as it is where those are smaller or not known."""
    side = 1 if um_per_px is None else config.scale_um / um_per_px
    if side <= 1:
        return grey
    shape = tuple(max(1, math.ceil(length / side)) for length in grey.shape[::-1])
    return np.asarray(cv2.resize(grey, shape, interpolation=cv2.INTER_AREA))
