"""The squared error as the script of the published HRPN computes it: in 8 bits, modulo 256."""

import numpy as np


def squared_error_8bit(true: np.ndarray, pred: np.ndarray) -> int:
    """The sum over pixels of the squared error, in arithmetic of 8 bits without sign.

    The prediction is first cut to 8 bits (decimals are dropped), as the published predictions were.
    The difference of two 8-bit images and its square are then taken modulo 256: right below 16 grey
    levels, and too small from there on.

    Args:
        true: measured grey levels, whole numbers from 0 to 255, of any type.
        pred: predicted grey levels, of the same shape.

    Example:
        >>> squared_error_8bit(np.array([10.0, 10.0]), np.array([13.9, 30.0]))  # 3² + 20² - 256
        153
    """
    seen = np.clip(pred, 0, 255).astype(np.uint8)
    difference = seen - true.astype(np.uint8)
    return int((difference * difference).sum(dtype=np.int64))
