"""Whether an image has more structure along the rows and columns than along the diagonals.

Diffusion knows no direction, so the measured tracer has about as much power along the axes as along
the diagonals. A network whose upsampling draws boxes around vessels has more along the axes.
"""

import numpy as np

BLOCK = 256
_FIRST_RING = 2  # below it, a ring has frequencies on the axes only


def axis_excess(image: np.ndarray, block: int = BLOCK) -> float:
    """Energy of an image along the axes, divided by that along the diagonals.

    The image is cut into square blocks. The power spectra of their deviations from the mean, under
    a Hann window (which keeps the edges of a block from looking like structure along the axes), are
    averaged. Frequencies of about the same length form rings up to half a cycle per pixel. The two
    halves of a ring, within 22.5 degrees of an axis and within 22.5 degrees of a diagonal, are
    compared by their mean power, so that neither has more frequencies than the other. The energies
    are the sums over rings of that mean power times the number of frequencies of the ring.

    Args:
        image: (H, W) of any real type, such as the error of a prediction in grey levels.
        block: largest side of a block, px; the smaller side of the image if that is less. A rest at
            the right and at the bottom is left out.

    Returns:
        1 for an image without a preferred direction, more if it is aligned with the axes, less if
        it is aligned with the diagonals; NaN for a constant image.

    Raises:
        ValueError: no image, or less than 16 px wide or high.

    Example:
        >>> stripes = np.tile(np.sin(np.arange(256) / 3), (256, 1))
        >>> axis_excess(stripes) > 100
        True
        >>> noise = np.random.default_rng(0).normal(size=(512, 512))
        >>> round(axis_excess(noise), 1)
        1.0
    """
    if image.ndim != 2 or min(image.shape) < 16:
        raise ValueError(f"an image of at least 16 x 16 px is needed, not {image.shape}")
    power = _power(image, min(block, *image.shape))
    axis, diagonal = _energies(power)
    return float(axis / diagonal) if diagonal > 0 else float("nan")


def _power(image: np.ndarray, side: int) -> np.ndarray:
    """Mean power spectrum of the blocks, (side, side // 2 + 1)."""
    window = np.hanning(side)[:, None] * np.hanning(side)[None, :]
    weights = window / window.sum()
    total = np.zeros((side, side // 2 + 1))
    for top in range(0, image.shape[0] - side + 1, side):
        for left in range(0, image.shape[1] - side + 1, side):
            part = image[top : top + side, left : left + side].astype(np.float64)
            part = (part - (part * weights).sum()) * window
            total += np.abs(np.fft.rfft2(part)) ** 2
    return total


def _energies(power: np.ndarray) -> tuple[float, float]:
    """Energy along the axes and along the diagonals of a half-plane spectrum."""
    side = power.shape[0]
    down = np.fft.fftfreq(side)[:, None] * side
    right = np.fft.rfftfreq(side)[None, :] * side
    ring = np.rint(np.hypot(down, right)).astype(int)
    angle = np.degrees(np.arctan2(np.abs(down), np.abs(right)))  # from 0 to 90
    near_axis = np.abs(angle - 45) > 22.5
    twice = np.where((right == 0) | (right * 2 == side), 1.0, 2.0) * np.ones_like(power)
    rings = (ring >= _FIRST_RING) & (ring <= side // 2)

    def by_ring(values: np.ndarray, half: np.ndarray) -> np.ndarray:
        return np.bincount(ring[rings & half], values[rings & half], side)

    halves = near_axis, ~near_axis
    counts = [by_ring(twice, half) for half in halves]
    both = (counts[0] > 0) & (counts[1] > 0)
    size = (counts[0] + counts[1])[both]
    means = [
        by_ring(twice * power, half)[both] / count[both]
        for half, count in zip(halves, counts, strict=True)
    ]
    axis, diagonal = (float((mean * size).sum()) for mean in means)
    return axis, diagonal
