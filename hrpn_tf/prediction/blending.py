"""Weights for blending tiles that overlap by half."""

import numpy as np


def fade(side: int) -> np.ndarray:
    """(side,) float32 weights along one axis of a tile; those of two neighbours sum to one.

    The square of a sine, which starts and ends smoothly, so that tile borders are invisible.
    """
    return np.square(np.sin(np.pi * (np.arange(side) + 0.5) / side)).astype(np.float32)


def fade_both(height: int, width: int) -> np.ndarray:
    """(height, width, 1) float32 weights of a tile; the four tiles over a pixel sum to one."""
    return (fade(height)[:, None] * fade(width))[..., None]
