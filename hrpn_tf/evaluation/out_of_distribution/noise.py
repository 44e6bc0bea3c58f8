"""The noise of a channel for its brightness: a detector's gain changes it, staining does not."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from hrpn_tf.filters import local_mean, symmetric

# Fourth differences along both axes: structure that the optics have blurred has next to none.
_KERNEL = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
_REACH = len(_KERNEL) // 2
# Of the squares, the lowest share is kept, so that edges do not count; and the mean of that share
# of the squares of a normal distribution of variance 1.
_KEPT, _KEPT_MEAN = 0.75, 0.3684
# Bright pixels, where the photons' noise outweighs that of the camera: between these quantiles of
# the local mean, in so many classes.
_BRIGHT = np.linspace(0.74, 0.98, 4)
_FEWEST = 100  # pixels of a class
_ROUNDING = 1 / 12  # variance that rounding to whole grey levels adds


def noise_level(planes: Sequence[np.ndarray]) -> float:
    """Variance of the noise divided by the grey level, in the bright part of a channel.

    A detector that counts photons has a variance in proportion to the grey level. The factor is
    the number of grey levels of a photon: the gain (Janesick, *Photon Transfer*, 2007). A slide
    that is stained more strongly has more photons and the same factor; one that is multiplied has
    another.

    Args:
        planes: windows (h, w) of one channel, grey levels.

    Returns:
        Grey levels; NaN with too few pixels to tell, or no more noise than rounding adds.

    Example:
        >>> photons = np.random.default_rng(0).poisson(50.0, (128, 128))
        >>> round(noise_level([photons]), 1), round(noise_level([1.5 * photons]), 1)
        (1.0, 1.5)
    """
    pairs = [_detail_and_mean(plane) for plane in planes if min(plane.shape) > 2 * _REACH]
    if not pairs:
        return float("nan")
    square = np.concatenate([detail.ravel() ** 2 for detail, _ in pairs])
    mean = np.concatenate([local.ravel() for _, local in pairs])
    whole = all(np.array_equal(plane, np.rint(plane)) for plane in planes)
    rounding = _ROUNDING if whole else 0.0
    edges = np.quantile(mean, _BRIGHT)
    found = []
    for low, high in pairwise(edges):
        inside = (mean >= low) & (mean <= high)
        if np.count_nonzero(inside) < _FEWEST or low <= 0:
            continue
        variance = _trimmed(square[inside]) - rounding
        if variance <= rounding:
            return float("nan")
        found.append(variance / float(mean[inside].mean()))
    return float(np.mean(found)) if found else float("nan")


def _detail_and_mean(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(h - 4, w - 4) differences of which noise of variance 1 has variance 1, and local means."""
    image = plane.astype(np.float64)
    kernel = _KERNEL / np.sqrt(np.square(_KERNEL).sum())
    detail = symmetric(image, kernel)
    inner = (slice(_REACH, -_REACH),) * 2
    return detail[inner], local_mean(image, len(_KERNEL))[inner]


def _trimmed(squares: np.ndarray) -> float:
    kept = int(_KEPT * squares.size)
    return float(np.partition(squares, kept)[:kept].mean()) / _KEPT_MEAN
