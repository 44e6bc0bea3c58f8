"""The noise of an image, from the image alone: no prediction has a smaller error."""

import numpy as np

from hrpn_tf.evaluation.planes import Plane, spread_windows

BLOCK = 16  # px; noise is told apart within a block
WINDOW, WINDOWS = 512, 32  # side, px, and number of windows that are looked at
LEVELS = 16  # classes of blocks by their mean
_KERNEL = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0])  # its squares add up to 36


def noise_variance(image: Plane) -> float:
    """Mean variance of the noise of a pixel, grey levels^2, photon noise and rounding included.

    Second differences along both axes remove whatever is smooth over three pixels (Immerkaer 1996,
    doi:10.1006/cviu.1996.0060). Their mean square is taken in blocks; blocks are classed by their
    mean, since photon noise rises with the signal, and the median of each class leaves out blocks
    with edges. In images that are sharper than three pixels the value is too large.

    Args:
        image: grey levels, which were not smoothed or compressed with loss since the camera:
            that hides the noise, and the value is too small.

    Example:
        >>> from hrpn_tf.evaluation.planes import ConstantPlane
        >>> noise_variance(ConstantPlane(64, 64, 5.0))
        0.0
    """
    means, variances = [], []
    for window in spread_windows(image, WINDOW, WINDOWS):
        grey = window.read(image).astype(np.float64)
        blocks = min(grey.shape[0] // BLOCK, grey.shape[1] // BLOCK)
        if blocks:
            mean, variance = _of_blocks(grey)
            means.append(mean)
            variances.append(variance)
    if not means:
        return 0.0
    mean, variance = np.concatenate(means), np.concatenate(variances)
    edges = np.quantile(mean, np.linspace(0, 1, LEVELS + 1)[1:-1])
    level = np.searchsorted(edges, mean, side="right")
    typical = [np.median(variance[level == each]) for each in np.unique(level)]
    weights = np.unique(level, return_counts=True)[1]
    return float(np.average(typical, weights=weights))


def _of_blocks(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the noise of each whole block of a window."""
    from scipy.ndimage import convolve

    rows, columns = (length // BLOCK for length in grey.shape)
    whole = np.s_[: rows * BLOCK, : columns * BLOCK]
    squares = convolve(grey, _KERNEL, mode="mirror")[whole] ** 2 / 36

    def each(values: np.ndarray) -> np.ndarray:
        blocks: np.ndarray = values.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
        return blocks.ravel()

    return each(grey[whole]), each(squares)
