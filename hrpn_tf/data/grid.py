"""The geometry of the patch grid: positions of patches, and the tissue share of each."""

from typing import Literal

import numpy as np

Edge = Literal["shift", "pad", "drop"]


def positions(length: int, patch: int, stride: int, edge: Edge) -> np.ndarray:
    """First pixels of the patches along one axis.

    Args:
        length: pixels along the axis.
        patch: side of a patch, px.
        stride: step, px.
        edge: what the last patch does where it would stick out. ``shift``: it moves inside;
            ``pad``: it sticks out (the caller pads with zeros); ``drop``: it is left out.

    Returns:
        int64, rising, without repeats; empty where no patch fits.

    >>> positions(1000, 512, 512, "shift").tolist()
    [0, 488]
    >>> positions(1000, 512, 512, "pad").tolist()
    [0, 512]
    """
    if length < patch:
        return np.arange(1 if edge == "pad" else 0)
    inside = np.arange(0, length - patch + 1, stride)
    rest = length - patch - int(inside[-1])
    if rest == 0 or edge == "drop":
        return inside
    return np.append(inside, length - patch if edge == "shift" else inside[-1] + stride)


def patch_grid(height: int, width: int, patch: int, stride: int, edge: Edge) -> np.ndarray:
    """Top left corners (N, 2) as y, x, px, row by row; see :func:`positions`."""
    y = positions(height, patch, stride, edge)
    x = positions(width, patch, stride, edge)
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)


def block_edges(length: int, block: int) -> np.ndarray:
    """Borders, px, of blocks along one axis; the last block may be shorter.

    >>> block_edges(10, 4).tolist()
    [0, 4, 8, 10]
    """
    return np.append(np.arange(0, length, block), length)


def tissue_shares(
    mask: np.ndarray, block: int, height: int, width: int, corners: np.ndarray, patch: int
) -> np.ndarray:
    """Share of each patch that is tissue, exact to the mask.

    Args:
        mask: (ceil(height / block), ceil(width / block)) bool; one value per block of pixels.
        block: side of a block, px.
        height: of the slide, px.
        width: of the slide, px.
        corners: (N, 2) y, x of the patches, px.
        patch: side of a patch, px.

    Returns:
        float64 (N,), 0 to 1; what lies outside the slide counts as background.
    """
    y_edges, x_edges = block_edges(height, block), block_edges(width, block)
    areas = np.outer(np.diff(y_edges), np.diff(x_edges)) * mask
    integral = np.pad(areas.cumsum(axis=0).cumsum(axis=1).astype(float), ((1, 0), (1, 0)))

    def below(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        from scipy.ndimage import map_coordinates  # a prediction need not wait for it

        # Within a block the integral image is bilinear, so interpolation loses nothing.
        rows = np.interp(y, y_edges, np.arange(len(y_edges)))
        columns = np.interp(x, x_edges, np.arange(len(x_edges)))
        return map_coordinates(integral, [rows, columns], order=1, mode="nearest")

    top, left = corners[:, 0], corners[:, 1]
    bottom, right = top + patch, left + patch
    area = below(bottom, right) - below(top, right) - below(bottom, left) + below(top, left)
    return np.clip(area / patch**2, 0.0, 1.0)
