"""What several processes write into one array; a spawned process must be able to import it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hrpn_tf.slides.zarr.planes import ZarrPlanes


def noise(height: int, width: int, channels: int = 2, dtype: str = "uint16") -> np.ndarray:
    values = np.random.default_rng(0).random((height, width, channels)) * 254 + 1
    return values.astype(dtype)


def blocks(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    for y in range(0, height, 32):
        for x in range(0, width, 64):
            yield y, x, min(32, height - y), min(64, width - x)


def write_every_second(folder: Path, first: int) -> None:
    """Write every second block of the noise, from this one on."""
    image = noise(200, 300)
    planes = ZarrPlanes.open(folder)
    for y, x, h, w in list(blocks(200, 300))[first::2]:
        planes.write(y, x, image[y : y + h, x : x + w])
