"""Patches with other gains, so that an int8 file follows slides brighter than its patches."""

import numpy as np

# Exposure and staining make slides of one laboratory differ by such factors.
GAINS = (0.5, 1.5, 3.0)


def brighter(patches: np.ndarray, grey_max: float) -> np.ndarray:
    """Patches with the gains above 1; see :func:`with_gains`."""
    gains = [gain for gain in GAINS if gain > 1]
    scaled = [np.minimum(patches * np.float32(gain), np.float32(grey_max)) for gain in gains]
    return np.concatenate(scaled).astype(np.float32)


def with_gains(patches: np.ndarray, grey_max: float) -> np.ndarray:
    """Patches to calibrate on: as they are, and the brighter half of them with each gain.

    Args:
        patches: (N, H, W, inputs) float32 grey levels.
        grey_max: largest grey level, where brighter pixels end.

    Returns:
        (M, H, W, inputs) float32 grey levels, the patches first.

    Example:
        >>> with_gains(np.full((2, 1, 1, 1), 50, "float32"), 100.0).ravel().tolist()
        [50.0, 50.0, 25.0, 75.0, 100.0]
    """
    order = np.argsort(-patches.mean(axis=(1, 2, 3)), kind="stable")
    half = patches[order[: -(-len(patches) // 2)]]
    scaled = [np.minimum(half * np.float32(gain), np.float32(grey_max)) for gain in GAINS]
    return np.concatenate([patches, *scaled]).astype(np.float32)
