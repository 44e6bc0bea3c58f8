"""Microscope and scanner: from stain and concentration to grey levels."""

import numpy as np

from hrpn_tf.config.simulation import OpticsConfig

STRIP = 512  # rows of noise drawn at once, so that the double precision copies stay small
TABLE_LEVELS = 400
TABLE_DRAWS = 5000


def full_scale(config: OpticsConfig) -> int:
    """The largest grey level of the written type."""
    return int(2**config.bits - 1)


def light(shape: tuple[int, int], pixel_size_um: float, config: OpticsConfig) -> np.ndarray:
    """Uneven light, (height, width) float32: 1 in the middle of each field of view, less around."""
    side = config.field_um / pixel_size_um
    y, x = (
        (2 * np.mod(np.arange(length, dtype=np.float32) + 0.5, side) / side - 1) ** 2 / 2
        for length in shape
    )
    falloff: np.ndarray = 1 - np.float32(config.uneven_light) * (y[:, None] + x[None, :])
    return falloff


def point_spread(image: np.ndarray, pixel_size_um: float, config: OpticsConfig) -> np.ndarray:
    """Blur with the Gaussian point spread; (height, width) float32."""
    import cv2

    sigma = config.psf_um / pixel_size_um
    if sigma == 0:
        return image
    blurred: np.ndarray = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return blurred


def record(light: np.ndarray, config: OpticsConfig, rng: np.random.Generator) -> np.ndarray:
    """Record one channel: photon noise, offset, read noise, digitisation.

    Args:
        light: (height, width) float32, light on the detector, 8-bit grey levels.
        config: noise and bits.
        rng: source of the noise.

    Returns:
        (height, width) uint8 or uint16.
    """
    recorded = np.empty(light.shape, np.uint8 if config.bits == 8 else np.uint16)
    for top in range(0, len(light), STRIP):
        rows = slice(top, top + STRIP)
        recorded[rows] = _digitise(light[rows], config, rng)
    return recorded


def _digitise(light: np.ndarray, config: OpticsConfig, rng: np.random.Generator) -> np.ndarray:
    level = np.maximum(light, 0).astype(np.float32)
    if config.photon_gain:
        level = (rng.poisson(level / config.photon_gain) * config.photon_gain).astype(np.float32)
    level += np.float32(config.offset)
    level += np.float32(config.read_noise) * rng.standard_normal(level.shape, dtype=np.float32)
    level *= np.float32(full_scale(config) / 255)
    return np.clip(np.rint(level), 0, full_scale(config))


def noise_variance(light: np.ndarray, config: OpticsConfig) -> np.ndarray:
    """Variance of a recorded pixel, (height, width) float32, grey levels^2 of the written type.

    Args:
        light: (height, width) float32, light on the detector in 8-bit grey levels.
        config: noise and bits.

    Read off a table that the recording itself fills, so that rounding and clipping count.
    """
    rng = np.random.default_rng(0)
    top = max(float(light.max()), 1.0)
    levels = (np.linspace(0, 1, TABLE_LEVELS) ** 2 * top).astype(np.float32)
    draws = np.broadcast_to(levels, (TABLE_DRAWS, TABLE_LEVELS))
    variance = _digitise(draws, config, rng).var(axis=0, ddof=1)
    return np.interp(light, levels, variance).astype(np.float32)
