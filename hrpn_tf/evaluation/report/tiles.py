"""Tiles as script files: a page that is opened from a disk may load scripts, but fetch nothing.

A file calls ``hrpnTile(address, {key: values})``. Values are integers ``code`` of 8 or 16 bits, or
``offset + step * code``. Each row is stored as differences from pixel to pixel, modulo 256 or
65 536; 16-bit differences as all high bytes, then all low ones; then zlib, then base64.
``assets/tiles.js`` is the reader.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from isal import isal_zlib

_MOST = 2**16 - 1


@dataclass(frozen=True)
class Coded:
    """An image as integers.

    Attributes:
        codes: (H, W) uint8 or uint16.
        offset, step: values are ``offset + step * codes``.
    """

    codes: np.ndarray
    offset: float
    step: float

    def values(self) -> np.ndarray:
        """(H, W) float64."""
        return self.offset + self.step * self.codes.astype(np.float64)


def encode(image: np.ndarray, resolution: float) -> Coded:
    """Integers as they are; other values rounded to a step.

    Args:
        image: (H, W) uint8, uint16 or float, finite.
        resolution: step wanted; a larger one is taken where 16 bits do not reach.
    """
    if image.dtype in (np.uint8, np.uint16):
        return Coded(image, 0.0, 1.0)
    exact = image.astype(np.float64)
    low, high = float(exact.min()), float(exact.max())
    step = max((high - low) / _MOST, resolution)
    if step == 0:
        return Coded(np.zeros(image.shape, np.uint8), low, 1.0)
    codes = np.rint((exact - low) / step)
    return Coded(codes.astype(np.uint8 if codes.max() < 256 else np.uint16), low, step)


def pack(codes: np.ndarray) -> str:
    """(H, W) uint8 or uint16 as text; see the module."""
    differences = np.diff(codes, axis=1, prepend=codes.dtype.type(0))
    if codes.dtype == np.uint8:
        raw = differences.tobytes()
    else:
        raw = (differences >> 8).astype(np.uint8).tobytes()
        raw += (differences & 255).astype(np.uint8).tobytes()
    return base64.b64encode(isal_zlib.compress(raw, 2)).decode("ascii")


def unpack(text: str, dtype: np.dtype, shape: tuple[int, int]) -> np.ndarray:
    """What :func:`pack` packed."""
    raw = np.frombuffer(isal_zlib.decompress(base64.b64decode(text)), np.uint8)
    if dtype == np.uint8:
        differences = raw.reshape(shape)
    else:
        halves = raw.reshape(2, *shape).astype(np.uint16)
        differences = (halves[0] << 8) | halves[1]
    return np.cumsum(differences, axis=1, dtype=dtype)


def write_tile(
    folder: Path, address: tuple[int, int, int], images: dict[str, np.ndarray],
    resolutions: dict[str, float],
) -> int:  # fmt: skip
    """Write one tile of all layers, and say how many bytes it takes.

    Args:
        folder: of the tiles of a slide.
        address: level, row, column.
        images: key: (H, W).
        resolutions: key: see :func:`encode`.
    """
    level, row, column = address
    height, width = next(iter(images.values())).shape
    layers = {}
    for key, image in images.items():
        coded = encode(image, resolutions[key])
        layers[key] = {
            "bits": 8 * coded.codes.itemsize,
            "offset": coded.offset,
            "step": coded.step,
            "data": pack(coded.codes),
        }
    values = {"height": height, "width": width, "layers": layers}
    path = folder / str(level) / f"{column}_{row}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f'hrpnTile("{level}/{column}_{row}",{json.dumps(values, separators=(",", ":"))});\n'
    return path.write_text(text, encoding="ascii")
