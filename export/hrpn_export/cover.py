"""The picture of a model for bioimage.io: an example of its input beside the prediction."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

FILE = "cover.png"
SIDE = 256  # px of each half; bioimage.io wants 2:1 and at most 500 kB
# Colours of the inputs, blue, green, red, as OpenCV has them; further ones start again.
_COLOURS = np.array([(40, 230, 0), (255, 90, 60), (230, 0, 200)], np.float64)
_BLACK, _BRIGHT = 0.5, 99.5  # percentiles


def write_covers(
    folder: Path, covers: Sequence[Path], sample: np.ndarray, expected: np.ndarray
) -> list[str]:
    """Copy the pictures into a bundle, or draw one; names of the files.

    Args:
        folder: of the bundle.
        covers: pictures; empty to draw one.
        sample, expected: (1, H, W, channels) grey levels of input and prediction.
    """
    if not covers:
        draw_cover(folder / FILE, sample[0], expected[0])
        return [FILE]
    names = [f"cover-{number}{path.suffix.lower()}" for number, path in enumerate(covers, 1)]
    for name, path in zip(names, covers, strict=True):
        shutil.copyfile(path, folder / name)
    return names


def draw_cover(path: Path, sample: np.ndarray, expected: np.ndarray) -> None:
    """Draw a PNG of 2 ``SIDE`` x ``SIDE`` px: inputs in colours, and the first output.

    Args:
        path: file to write.
        sample: (H, W, inputs) grey levels.
        expected: (H, W, outputs) grey levels.
    """
    import cv2

    shown = np.stack([_stretched(sample[..., i]) for i in range(sample.shape[-1])], axis=-1)
    colours = _COLOURS[np.arange(shown.shape[-1]) % len(_COLOURS)]
    inputs = np.clip(shown @ colours, 0, 255).astype(np.uint8)
    grey = np.rint(_stretched(expected[..., 0]) * 255).astype(np.uint8)
    halves = [inputs, cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)]
    squares = [cv2.resize(_square(half), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
               for half in halves]  # fmt: skip
    path.write_bytes(cv2.imencode(".png", np.hstack(squares))[1].tobytes())


def _stretched(plane: np.ndarray) -> np.ndarray:
    """0 to 1 between dark and bright; a plane without contrast is black."""
    finite = np.nan_to_num(plane.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = np.percentile(finite, [_BLACK, _BRIGHT])
    found: np.ndarray = np.clip((finite - low) / (high - low if high > low else np.inf), 0, 1)
    return found


def _square(image: np.ndarray) -> np.ndarray:
    """The middle of an image."""
    side = min(image.shape[:2])
    y, x = ((length - side) // 2 for length in image.shape[:2])
    return np.ascontiguousarray(image[y : y + side, x : x + side])
