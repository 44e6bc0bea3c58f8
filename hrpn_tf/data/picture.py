"""A picture of a slide as it was cut: its channels in colour, its tissue, and its patches."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from hrpn_tf.data.tissue import Blocks
from hrpn_tf.slides.roles import suggested_role

SIDE = 900  # longest side at most, px
_CONTRAST = (1.0, 99.8)  # percentiles shown as black and full colour
# red, green, blue from 0 to 1
_COLOURS = {"nuclei": (0.25, 0.42, 1.0), "vessels": (0.1, 0.95, 0.35)}
_TARGET = (1.0, 0.35, 0.1)
_OTHERS = ((0.2, 0.9, 0.95), (0.95, 0.9, 0.2), (0.75, 0.75, 0.75))
_OUTLINE, _PATCH = (1.0, 0.9, 0.1), (1.0, 1.0, 1.0)
_PATCH_OPACITY = 0.45
_MOST_PX = 4  # of the picture for a block, which says no more if it is larger
_SMALLEST_PATCH = 6  # px of the picture; smaller ones are not drawn one by one


def draw_picture(
    blocks: Blocks,
    mask: np.ndarray,
    corners: np.ndarray,
    patch: int,
    size: tuple[int, int],
    inputs: Sequence[str],
) -> np.ndarray:
    """Draw a slide from its blocks, so that nothing of it is read again.

    Args:
        blocks: the slide; its channels are the inputs and then the target.
        mask: (h, w) bool, which blocks are tissue; outlined in yellow.
        corners: (N, 2) y, x of the patches that are kept, px; framed in white.
        patch: side of a patch, px.
        size: (height, width) of the slide, px.
        inputs: roles of the inputs.

    Returns:
        (h, w, 3) uint8, red, green, blue; the longer side is at most 900 px.
    """
    scale = min(SIDE / max(size), _MOST_PX / blocks.side)
    h, w = (max(1, round(length * scale)) for length in size)
    image = np.zeros((h, w, 3), np.float32)
    for channel, colour in enumerate(_colours(inputs)):
        image += _shown(blocks.mean[..., channel], h, w)[..., None] * np.array(colour, np.float32)
    image = np.clip(image, 0, 1)
    frames = image.copy()
    thickness = 1 if patch * scale >= _SMALLEST_PATCH else cv2.FILLED
    for y, x in corners * scale:
        first = round(x), round(y)
        last = round(x + patch * scale) - 1, round(y + patch * scale) - 1
        cv2.rectangle(frames, first, last, _PATCH, thickness)
    opacity = _PATCH_OPACITY if thickness == 1 else _PATCH_OPACITY / 3
    image = np.ascontiguousarray((1 - opacity) * image + opacity * frames)
    shape = (max(1, round(mask.shape[1] * blocks.side * scale)),
             max(1, round(mask.shape[0] * blocks.side * scale)))  # fmt: skip
    large = cv2.resize(mask.astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST)[:h, :w]
    lines, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(image, lines, -1, _OUTLINE, 1)
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)


def save_picture(path: Path, image: np.ndarray) -> None:
    """Write a picture (h, w, 3), red, green, blue, as PNG.

    Raises:
        OSError: it cannot be written.
    """
    done, encoded = cv2.imencode(".png", image[..., ::-1])
    assert done
    path.write_bytes(encoded.tobytes())


def _colours(inputs: Sequence[str]) -> list[tuple[float, float, float]]:
    others = iter(_OTHERS * len(inputs))
    found = [_COLOURS.get(suggested_role(role) or role) or next(others) for role in inputs]
    return [*found, _TARGET]


def _shown(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width) float32 from 0 to 1."""
    low, high = np.percentile(plane, _CONTRAST)
    if high <= low:
        low, high = float(plane.min()), float(plane.max())
    grey = np.clip((plane - low) / max(high - low, 1e-9), 0, 1).astype(np.float32)
    smaller = grey.shape[0] > height
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (width, height), interpolation=way))
