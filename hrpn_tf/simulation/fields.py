"""Smooth random fields: the outline of the tissue, crowding, texture."""

import numpy as np
from scipy import ndimage

COARSE = 4  # a field of correlation length L is drawn on a grid of step L / COARSE


def smooth_field(
    shape: tuple[int, int], correlation_px: float, rng: np.random.Generator
) -> np.ndarray:
    """A Gaussian random field.

    Args:
        shape: height, width, px.
        correlation_px: standard deviation of the Gaussian that white noise is smoothed with, px.
        rng: source of the noise.

    Returns:
        (height, width) float32 with mean 0 and standard deviation 1 over the ensemble.
    """
    step = max(1.0, correlation_px / COARSE)
    sigma = correlation_px / step
    margin = int(np.ceil(4 * sigma))
    import cv2

    coarse = tuple(int(np.ceil(side / step)) + 2 * margin for side in shape)
    noise = rng.standard_normal(coarse, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    noise /= np.float32(_spread_left(sigma))
    inner = noise[margin : coarse[0] - margin, margin : coarse[1] - margin]
    if step == 1.0:
        return np.ascontiguousarray(inner[: shape[0], : shape[1]])
    size = (int(np.ceil(inner.shape[1] * step)), int(np.ceil(inner.shape[0] * step)))
    field = cv2.resize(inner, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(field[: shape[0], : shape[1]])


def _spread_left(sigma: float) -> float:
    """Standard deviation of white noise of unit variance after the Gaussian filter."""
    impulse = np.zeros(2 * int(np.ceil(4 * sigma)) + 3)
    impulse[len(impulse) // 2] = 1
    return float((ndimage.gaussian_filter1d(impulse, sigma) ** 2).sum())


def tissue_coverage(shape: tuple[int, int], share: float, rng: np.random.Generator) -> np.ndarray:
    """One piece of tissue with an irregular outline, its middle near the middle of the slide.

    Args:
        shape: height, width, px.
        share: share of the slide that the tissue covers; 1 fills it.
        rng: source of the outline.

    Returns:
        (height, width) float32, the share of each pixel that is tissue.
    """
    import cv2

    if share == 1:
        return np.ones(shape, np.float32)
    scale = max(1, max(shape) // 512)
    small = (-(-shape[0] // scale), -(-shape[1] // scale))
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in small)
    distance = np.hypot(y[:, None], x[None, :])
    rough = smooth_field(small, max(small) / 10, rng) + 0.3 * smooth_field(
        small, max(small) / 40, rng
    )
    level = distance + 0.12 * rough
    level -= np.quantile(level, share)
    inside, pieces = ndimage.label(level < 0)
    if pieces > 1:
        largest = 1 + np.argmax(np.bincount(inside.ravel())[1:])
        level[(inside > 0) & (inside != largest)] = 1.0
    size = (small[1] * scale, small[0] * scale)
    level = cv2.resize(level, size, interpolation=cv2.INTER_CUBIC)[: shape[0], : shape[1]]
    slope = np.float32(2.0 / max(shape))  # change of `distance` over one pixel
    return np.clip(0.5 - level / slope, 0, 1).astype(np.float32)
