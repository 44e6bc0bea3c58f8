"""Weights with which tiles that overlap by half are joined."""

import numpy as np


def fade(side: int) -> np.ndarray:
    """(side,) float32 weights along one axis of a tile; those of two neighbours sum to one.

    The square of a sine: it begins and ends smoothly, so that no line shows where a tile ends.
    """
    return np.square(np.sin(np.pi * (np.arange(side) + 0.5) / side)).astype(np.float32)


def fade_both(height: int, width: int) -> np.ndarray:
    """(height, width, 1) float32 weights of a tile; the four tiles over a pixel sum to one."""
    return (fade(height)[:, None] * fade(width))[..., None]
