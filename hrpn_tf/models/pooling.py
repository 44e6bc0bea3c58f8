"""Features of a network pooled over an image, whatever runs the network."""

from collections.abc import Callable

import numpy as np

Features = Callable[[np.ndarray], np.ndarray]


def pooled(run: Callable[[np.ndarray], np.ndarray], multiple: int) -> Features:
    """A function from grey levels to mean and deviation of channels over the image.

    Args:
        run: maps (N, H, W, inputs) float32 grey levels, H and W multiples of ``multiple``, to
            (N, h, w, D / 2) float32.
        multiple: px; an image is extended by reflection to a multiple of it.

    Returns:
        Of (N, H, W, inputs) float32 grey levels, to (N, D) float32, the means and then the standard
        deviations over the image's pixels.

    Example:
        >>> features = pooled(lambda batch: batch[:, ::2, ::2], multiple=2)
        >>> features(np.ones((1, 3, 5, 2), np.float32)).tolist()
        [[1.0, 1.0, 0.0, 0.0]]
    """

    def features(batch: np.ndarray) -> np.ndarray:
        height, width = (-side % multiple for side in batch.shape[1:3])
        whole = np.pad(batch, [(0, 0), (0, height), (0, width), (0, 0)], mode="symmetric")
        values = run(whole)
        return np.concatenate([values.mean(axis=(1, 2)), values.std(axis=(1, 2))], axis=-1)

    return features
