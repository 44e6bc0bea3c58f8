"""Linear filters and Otsu's threshold in NumPy alone, for what a prediction waits for.

They give what ``scipy.ndimage`` and ``skimage.filters`` give, whose import takes a sixth of a
second of the processor, more than the filters themselves.
"""

from collections.abc import Callable

import numpy as np

# Bytes that are filtered at once, so that they stay in the cache of a core.
_AT_ONCE = 2**17
_TRUNCATE = 4.0  # standard deviations of a Gaussian
_BINS = 256


def gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """An image blurred by a Gaussian; reflected at its edges.

    Args:
        image: (h, w) float32 or float64.
        sigma: standard deviation, px.

    Returns:
        (h, w), of the type of the image.

    Example:
        >>> gaussian(np.array([[0.0, 0.0, 1.0, 0.0, 0.0]]), 0.5).round(2).tolist()
        [[0.0, 0.11, 0.79, 0.11, 0.0]]
    """
    reach = int(_TRUNCATE * sigma + 0.5)
    weights = np.exp(-0.5 / (sigma * sigma) * np.arange(-reach, reach + 1) ** 2)
    return symmetric(image, weights / weights.sum())


def symmetric(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """An image correlated with a symmetric kernel along both axes; reflected at its edges.

    Args:
        image: (h, w) float32 or float64; computed in float64 along each axis.
        kernel: (n,) with an odd number of weights, the same in both directions.

    Returns:
        (h, w), of the type of the image.
    """
    reach = len(kernel) // 2

    def along(lines: np.ndarray) -> np.ndarray:
        length = lines.shape[0] - 2 * reach
        out = lines[reach : reach + length] * kernel[reach]
        for far in range(reach, 0, -1):
            pair = lines[reach - far : reach - far + length] + lines[reach + far :][:length]
            pair *= kernel[reach - far]
            out += pair
        return out

    return _along_both(image, reach, along)


def local_mean(image: np.ndarray, side: int) -> np.ndarray:
    """The mean of the square around each pixel; reflected at the edges of the image.

    Args:
        image: (h, w) float64.
        side: of the square, px; odd.

    Returns:
        (h, w) float64.
    """

    def along(lines: np.ndarray) -> np.ndarray:
        steps = np.empty((lines.shape[0] - side + 1, *lines.shape[1:]))
        steps[0] = lines[:side].cumsum(axis=0)[-1]
        np.subtract(lines[side:], lines[:-side], out=steps[1:])
        sums = steps.cumsum(axis=0, out=steps)
        sums /= side
        return sums

    return _along_both(image, side // 2, along)


def otsu(image: np.ndarray) -> float:
    """The threshold between two classes of pixels, by Otsu's method on 256 bins.

    Args:
        image: (h, w) floats that are not all equal.

    Example:
        >>> float(otsu(np.array([[0.0, 0.1, 0.9, 1.0]]))) < 0.9
        True
    """
    counts, edges = np.histogram(image, _BINS)
    counts, centres = counts.astype(np.float32), (edges[:-1] + edges[1:]) / 2.0
    below, above = np.cumsum(counts), np.cumsum(counts[::-1])[::-1]
    sums = counts * centres
    dark = np.cumsum(sums) / below
    bright = (np.cumsum(sums[::-1]) / above[::-1])[::-1]
    between = below[:-1] * above[1:] * (dark[:-1] - bright[1:]) ** 2
    threshold: float = centres[np.argmax(between)]
    return threshold


def _along_both(
    image: np.ndarray, reach: int, along: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Filter the columns, then the rows.

    Args:
        image: (h, w).
        reach: pixels beyond each end that a line needs.
        along: filters (n + 2 * reach, m) float64 along the first axis to (n, m).
    """
    for _ in range(2):  # the second time, rows are columns
        image = _along_columns(image, reach, along).T
    return np.ascontiguousarray(image)


def _along_columns(
    image: np.ndarray, reach: int, along: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    height, width = image.shape
    lines = np.pad(image, ((reach, reach), (0, 0)), mode="symmetric")
    out = np.empty(image.shape, image.dtype)
    step = max(1, _AT_ONCE // (8 * (height + 2 * reach)))
    for x in range(0, width, step):
        columns = np.s_[:, x : x + step]
        out[columns] = along(np.ascontiguousarray(lines[columns], np.float64))
    return out
