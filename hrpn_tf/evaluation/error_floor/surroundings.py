"""What surrounds a pixel, in numbers that are alike where surroundings are alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hrpn_tf.evaluation.planes import Plane, Window, spread_windows

SCALES_UM = (2.0, 6.0, 12.0, 25.0, 45.0)  # standard deviations of Gaussians
POWERS = (1, 2, 4, 8)  # the brightest stain counts most in the high ones
TRUNCATE = 3.0  # a kernel ends at this many standard deviations
FINE_PX = 4.0  # a Gaussian is computed on pixels that are at most so much smaller
_LEAST = 1e-9


@dataclass(frozen=True)
class Scale:
    """Grey levels of an input.

    Attributes:
        dark: median of the slides.
        bright: so much above it lie the brightest thousandth.
    """

    dark: float
    bright: float


def scale_of(planes: Sequence[Plane]) -> Scale:
    """The grey levels of an input, from windows spread over all slides."""
    values = [
        window.read(plane).ravel()[:: _step(window.width)].astype(np.float64)
        for plane in planes
        for window in spread_windows(plane, 256, 16)
    ]
    dark, bright = np.quantile(np.concatenate(values), [0.5, 0.999])
    return Scale(float(dark), max(float(bright - dark), _LEAST))


def _step(width: int) -> int:
    """From pixel to pixel of a window: in a divisor of its width it would meet the same columns."""
    return next(step for step in (7, 11, 13) if width % step)  # their product is above any width


def surroundings(
    inputs: Sequence[Plane], scales: Sequence[Scale], pixel_size_um: float, window: Window
) -> np.ndarray:
    """(height, width, features) float32 of a window.

    For every input and each of ``SCALES_UM``: the logarithm of its smoothed intensity above the
    median, and those of the ratios of smoothed powers of it, which tell few bright structures from
    many faint ones.

    Args:
        inputs: planes of one size.
        scales: of each input, the same for all slides.
        pixel_size_um: um per pixel.
        window: of the planes.
    """
    reach = int(np.ceil(TRUNCATE * max(SCALES_UM) / pixel_size_um))
    maps = []
    for plane, scale in zip(inputs, scales, strict=True):
        outer = window.grown(reach, plane)
        grey = outer.read(plane).astype(np.float32)
        stain = np.maximum((grey - scale.dark) / scale.bright, 0).astype(np.float32)
        stain = _smooth(stain, 0.5 / pixel_size_um)
        inner = window.within(outer)
        for um in SCALES_UM:
            smooth = [_smooth(stain**p, um / pixel_size_um)[inner] for p in POWERS]
            maps.append(np.log(smooth[0] + 1e-6))
            maps += [np.log((b + 1e-12) / (a + _LEAST)) for a, b in pairwise(smooth)]
    return np.stack(maps, axis=-1)


def _smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    """By a Gaussian, reflected at the border; wide ones on pixels that are several times larger."""
    import cv2

    if sigma < 0.3:
        return image
    by = int(sigma // FINE_PX)
    height, width = image.shape
    if by < 2 or min(height, width) < 2 * by:
        size = 2 * int(TRUNCATE * sigma + 0.5) + 1
        return cv2.GaussianBlur(image, (size, size), sigma, borderType=cv2.BORDER_REFLECT)
    small = cv2.resize(image, (-(-width // by), -(-height // by)), interpolation=cv2.INTER_AREA)
    size = 2 * int(TRUNCATE * sigma / by + 0.5) + 1
    smooth = cv2.GaussianBlur(small, (size, size), sigma / by, borderType=cv2.BORDER_REFLECT)
    return cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
