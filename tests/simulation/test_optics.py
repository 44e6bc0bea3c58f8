"""Noise, light, and the smooth fields, against their definitions."""

import numpy as np
import pytest

from hrpn_tf.config.simulation import OpticsConfig
from hrpn_tf.simulation.fields import smooth_field, tissue_coverage
from hrpn_tf.simulation.optics import light, noise_variance, point_spread, record


@pytest.mark.parametrize("level", [1.0, 12.0, 100.0])
def test_noise_has_the_variance_of_photons_and_reading(level: float) -> None:
    config = OpticsConfig(photon_gain=0.5, read_noise=2.0, offset=20, bits=8)
    flat = np.full((400, 500), level, np.float32)
    image = record(flat, config, np.random.default_rng(0)).astype(float)
    expected = 0.5 * level + 2.0**2 + 1 / 12  # photons, reading, rounding
    assert image.mean() == pytest.approx(level + 20, abs=0.05)
    assert image.var() == pytest.approx(expected, rel=0.03)
    assert noise_variance(flat, config).mean() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("level", [0.0, 0.3, 2.0, 254.0])
def test_noise_variance_counts_rounding_and_clipping(level: float) -> None:
    config = OpticsConfig()
    flat = np.full((300, 300), level, np.float32)
    image = record(flat, config, np.random.default_rng(1)).astype(float)
    assert noise_variance(flat, config).mean() == pytest.approx(image.var(), rel=0.06)


def test_sixteen_bits_use_the_full_range() -> None:
    noiseless = {"photon_gain": 0, "read_noise": 0, "offset": 0}
    flat = np.full((8, 8), 100, np.float32)
    rng = np.random.default_rng(0)
    assert record(flat, OpticsConfig(bits=8, **noiseless), rng).max() == 100
    deep = record(flat, OpticsConfig(bits=16, **noiseless), rng)
    assert deep.dtype == np.uint16
    assert deep.max() == round(100 * 65535 / 255)


def test_light_falls_off_to_the_corners_of_each_field_of_view() -> None:
    lamp = light((240, 240), 1.0, OpticsConfig(uneven_light=0.1, field_um=120))
    assert lamp.max() == pytest.approx(1, abs=1e-3)
    assert lamp[0, 0] == pytest.approx(0.9, abs=2e-3)
    np.testing.assert_allclose(lamp[:120, :120], lamp[120:, 120:], rtol=1e-5)


def test_point_spread_keeps_the_light_and_has_its_width() -> None:
    image = np.zeros((101, 101), np.float32)
    image[50, 50] = 1
    blurred = point_spread(image, 0.25, OpticsConfig(psf_um=0.5))
    x = np.arange(101) - 50
    assert blurred.sum() == pytest.approx(1, rel=1e-4)
    assert np.sqrt((blurred.sum(0) * x**2).sum()) == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize("correlation_px", [0.4, 1.0, 3.0, 25.0])
def test_smooth_field_is_standardised_and_correlated(correlation_px: float) -> None:
    rng = np.random.default_rng(0)
    field = np.stack([smooth_field((300, 301), correlation_px, rng) for _ in range(6)])
    assert field.std() == pytest.approx(1, rel=0.12)
    lag = max(1, round(2 * correlation_px))
    found = (field[:, :, lag:] * field[:, :, :-lag]).mean() / field.var()
    # white noise smoothed with sigma has the correlation exp(-(lag / (2 sigma))^2)
    assert found == pytest.approx(np.exp(-((lag / (2 * correlation_px)) ** 2)), abs=0.15)


@pytest.mark.parametrize("share", [0.3, 0.8, 1.0])
def test_tissue_covers_its_share_in_one_piece(share: float) -> None:
    coverage = tissue_coverage((700, 900), share, np.random.default_rng(4))
    assert coverage.mean() == pytest.approx(share, abs=0.06)
    assert coverage.dtype == np.float32
    assert coverage.min() >= 0
    assert coverage.max() == 1
