"""Random changes of a training patch, drawn from (seed, pass, patch) alone."""

from dataclasses import dataclass

import cv2
import numpy as np

from hrpn_tf.config import AugmentationConfig
from hrpn_tf.data.window import Window

TURNS = {
    1: cv2.ROTATE_90_COUNTERCLOCKWISE,
    2: cv2.ROTATE_180,
    3: cv2.ROTATE_90_CLOCKWISE,
}


@dataclass(frozen=True)
class Draw:
    """What is done to one patch, in this order: crop, quarter turns, flip, tones.

    A flip of columns and 0 to 3 quarter turns together reach all 8 symmetries of the square.

    Attributes:
        y: first row of the crop, px.
        x: first column of the crop, px.
        side: side of the crop, px.
        corner: first row and column of the part that counts, in the crop as it comes out.
        turns: counter-clockwise quarter turns.
        flip_rows: whether rows are reversed.
        flip_columns: whether columns are reversed.
        tones: (3, inputs) float32, gain, offset and gamma of the input channels.
    """

    y: int
    x: int
    side: int
    corner: tuple[int, int]
    turns: int
    flip_rows: bool
    flip_columns: bool
    tones: np.ndarray


def draw(
    key: tuple[int, ...],
    patch: int,
    inputs: int,
    config: AugmentationConfig | None,
    window: Window | None,
    core: np.ndarray | None = None,
) -> Draw:
    """Draw the changes of one patch; equal arguments give equal draws.

    What counts is drawn: a window with context has its core where a crop of the core's size
    without context would be.

    Args:
        key: non-negative numbers that name this use of the patch: seed, pass, patch number.
        patch: side of the stored patch, px.
        inputs: number of input channels.
        config: what may change; None for nothing but the crop.
        window: sides of the random crop; None for the whole patch.
        core: first row and column of its core in the patch, (2,) int; None to draw it.
    """
    # Every number is drawn whether it is used or not, so that switching one kind of change off
    # leaves the others as they were.
    random = np.random.default_rng(key)
    window = window or Window(patch)
    drawn = random.integers(0, patch - window.core + 1, size=2)
    (y, x), within = window.place(patch, drawn if core is None else core)
    turns, flip_rows, flip_columns = random.integers(0, (4, 2, 2))
    jitter = random.uniform(-1.0, 1.0, size=(3, inputs))
    tone = config or AugmentationConfig()
    tones = [
        1.0 + tone.gain_jitter * jitter[0],
        tone.offset_jitter * jitter[1],
        (1.0 + tone.gamma_jitter) ** jitter[2],
    ]
    turns = int(turns) if config and config.quarter_turns else 0
    flip_rows = config is not None and config.flips and bool(flip_rows)
    flip_columns = config is not None and config.flips and bool(flip_columns)
    return Draw(
        y=int(y),
        x=int(x),
        side=window.side,
        corner=_moved(within, window.room, turns, flip_rows, flip_columns),
        turns=turns,
        flip_rows=flip_rows,
        flip_columns=flip_columns,
        tones=np.array(tones, np.float32),
    )


def _moved(
    corner: np.ndarray, room: int, turns: int, flip_rows: bool, flip_columns: bool
) -> tuple[int, int]:
    """Where the first row and column of the core are after turns and flips of the crop."""
    y, x = (int(value) for value in corner)
    for _ in range(turns):
        y, x = room - x, y
    return room - y if flip_rows else y, room - x if flip_columns else x


def move(patch: np.ndarray, change: Draw) -> list[np.ndarray]:
    """Crop, turn and flip a patch (H, W, C); gives its C planes (side, side).

    Tones are not applied here: they wait until grey levels are floating point. OpenCV, plane by
    plane, is ten times faster than copying turned views of pixels with NumPy.
    """
    window = patch[change.y : change.y + change.side, change.x : change.x + change.side]
    planes = cv2.split(window)
    if change.turns:
        planes = [cv2.rotate(plane, TURNS[change.turns]) for plane in planes]
    if change.flip_rows or change.flip_columns:
        code = -1 if change.flip_rows and change.flip_columns else int(change.flip_columns)
        planes = [cv2.flip(plane, code) for plane in planes]
    return list(planes)
