"""The axis-aligned excess against images whose spectrum is known."""

import numpy as np
import pytest

from hrpn_tf.evaluation.axis_excess import axis_excess

SIDE = 256
DOWN, RIGHT = np.mgrid[:SIDE, :SIDE] - SIDE // 2


def sinc_box(width: int) -> float:
    """The excess of a centred box from its closed form: a product of two Dirichlet kernels."""
    frequency = np.fft.fftfreq(SIDE) * SIDE
    x = np.pi * frequency / SIDE
    with np.errstate(invalid="ignore"):
        kernel = np.where(x == 0, width, np.sin(width * x) / np.sin(x)) ** 2
    power = kernel[:, None] * kernel[None, :]
    length = np.rint(np.hypot(frequency[:, None], frequency[None, :]))
    angle = np.degrees(np.arctan2(np.abs(frequency)[:, None], np.abs(frequency)[None, :]))
    along = np.abs(angle - 45) > 22.5
    energies = [0.0, 0.0]
    for ring in range(2, SIDE // 2 + 1):
        for number, half in enumerate((along, ~along)):
            here = length == ring
            energies[number] += power[here & half].mean() * here.sum()
    return energies[0] / energies[1]


@pytest.mark.parametrize("sigma", [1.5, 4.0])
def test_a_round_spot_has_no_excess(sigma: float) -> None:
    spot = np.exp(-(DOWN**2 + RIGHT**2) / (2 * sigma**2))
    assert axis_excess(100 * spot + 7) == pytest.approx(1, abs=0.02)


def test_a_smooth_random_field_has_no_excess() -> None:
    frequency = np.hypot(np.fft.fftfreq(1024)[:, None], np.fft.fftfreq(1024)[None, :])
    noise = np.fft.fft2(np.random.default_rng(0).normal(size=(1024, 1024)))
    field = np.fft.ifft2(noise * np.exp(-((frequency * 8) ** 2))).real
    assert axis_excess(field) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("width", [5, 17])
def test_a_box_has_that_of_its_closed_form(width: int) -> None:
    reach = width // 2
    box = ((np.abs(DOWN) <= reach) & (np.abs(RIGHT) <= reach)).astype(np.float32)
    assert sinc_box(width) > 1.2
    assert axis_excess(box) == pytest.approx(sinc_box(width), rel=0.05)


def test_a_box_on_its_corner_has_too_little() -> None:
    diamond = (np.abs(DOWN) + np.abs(RIGHT) <= 12).astype(np.uint8)
    assert axis_excess(diamond) < 0.8


def test_smaller_images_and_rests() -> None:
    noise = np.random.default_rng(1).normal(size=(600, 300))
    assert axis_excess(noise) == axis_excess(noise[:512, :256])
    assert axis_excess(noise[:40, :33]) > 0
    assert np.isnan(axis_excess(np.full((32, 32), 3)))
    with pytest.raises(ValueError, match="at least 16"):
        axis_excess(noise[:8])
