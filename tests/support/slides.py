"""Small slides, written by tifffile."""

from pathlib import Path

import numpy as np
import tifffile

CHANNELS = ("CD31", "DAPI", "QD")


def write_slide(
    path: Path, image: np.ndarray, pixel_size_um: float | None = 0.5, channels=CHANNELS
) -> Path:
    """An OME-TIFF of an image (H, W, C)."""
    metadata: dict[str, object] = {"axes": "CYX", "Channel": {"Name": list(channels)}}
    if pixel_size_um is not None:
        metadata |= {"PhysicalSizeX": pixel_size_um, "PhysicalSizeY": pixel_size_um}
        metadata |= {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    planes = np.moveaxis(image, -1, 0)
    tifffile.imwrite(path, planes, metadata=metadata, tile=(64, 64), photometric="minisblack")
    return path


def noise(seed: int, height: int, width: int, dtype: str = "uint8", channels: int = 3):
    """An image (H, W, C) without two equal windows, brighter than 0 everywhere."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 200, (height, width, channels)).astype(dtype)
