"""Bounds of the irreducible error, on data whose floor is known."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.error_floor.estimate import (
    ErrorFloor,
    Sample,
    cross_fitted,
    estimate_floor,
    to_markdown,
)
from hrpn_tf.evaluation.error_floor.noise import noise_variance
from hrpn_tf.evaluation.error_floor.surroundings import scale_of, surroundings
from hrpn_tf.evaluation.planes import Window


@dataclass(frozen=True)
class Array:
    values: np.ndarray

    @property
    def height(self) -> int:
        return self.values.shape[0]

    @property
    def width(self) -> int:
        return self.values.shape[1]

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        return self.values[y : y + height, x : x + width]


def smooth(seed: int, side: int = 256) -> np.ndarray:
    field = gaussian_filter(np.random.default_rng(seed).standard_normal((side, side)), 6)
    return field / field.std()


@pytest.mark.parametrize(("gain", "rounded"), [(0.5, False), (2.0, False), (0.5, True)])
def test_photon_noise_is_found_in_the_image_alone(gain: float, rounded: bool) -> None:
    """Of a structured image, whose variance is many times that of the noise."""
    signal = 40 * np.exp(smooth(1))
    noisy = gain * np.random.default_rng(2).poisson(signal / gain)
    noisy = np.rint(noisy) if rounded else noisy
    expected = gain * signal.mean() + rounded / 12
    assert noise_variance(Array(noisy)) == pytest.approx(expected, rel=0.12)
    assert noise_variance(Array(signal)) < 0.05 * expected
    assert noise_variance(Array(signal[:9, :9])) == 0  # less than a block


def samples(animals: int, floor: float, pixels: int = 1500) -> list[Sample]:
    """A target of two of three features, with hidden parts of animal and pixel."""
    random = np.random.default_rng(5)
    made = []
    for number in range(animals):
        features = random.standard_normal((pixels, 3)).astype(np.float32)
        known = 10 * np.tanh(features[:, 0]) + 4 * features[:, 1]
        hidden = random.standard_normal(pixels) * np.sqrt(floor)
        made.append(Sample(f"m{number}", features, known + hidden, evaluated=number < animals // 2))
    return made


def test_the_floor_lies_between_the_bounds_and_near_the_upper_one_where_much_can_be_learnt() -> (
    None
):
    found = estimate_floor(samples(8, 9.0), noise=2.0)
    assert found.lower == 2.0 < 9.0 < found.upper
    assert found.upper == pytest.approx(9.0, rel=0.15)
    assert found.animals == 8
    better = estimate_floor(samples(8, 9.0), noise=2.0, network=9.1)
    assert better.upper == 9.1
    values = better.to_json()
    low, high = values["explainable_r2"]
    assert low == pytest.approx(1 - 9.1 / found.variance)
    assert high == pytest.approx(1 - 2.0 / found.variance)
    assert values["network_share_of_explainable"][1] == 1
    text = to_markdown(values)
    assert "between 2 (noise of the target alone) and 9.1 grey levels²" in text
    assert "to 100 % of what can be explained" in text


def test_every_pixel_of_the_slides_counts_the_same() -> None:
    """A slide of nine times the area counts nine times as much, with as many pixels drawn."""
    random = np.random.default_rng(0)
    made = [
        Sample(name, np.zeros((400, 1), np.float32), level + random.standard_normal(400), True, w)
        for name, level, w in (("a", 0.0, 9.0), ("b", 10.0, 1.0))
    ]
    found = estimate_floor(made, noise=0.0)
    assert found.variance == pytest.approx(0.9 * 0.1 * 10**2 + 1, rel=0.05)
    assert found.regression == pytest.approx(10**2 + 1, rel=0.05)  # a knows b alone, and b a
    own = [np.square(each).mean() for each in cross_fitted(made) if each is not None]
    assert found.regression == pytest.approx(0.9 * own[0] + 0.1 * own[1])
    assert estimate_floor(made, noise=0.0, variance=7.0).variance == 7.0


def test_no_animal_is_predicted_by_itself() -> None:
    """What only an animal shows is not learnt: each has a level of its own."""
    made = [
        Sample(str(i), np.full((200, 1), float(i), np.float32), np.full(200, 50.0 * (i % 2)))
        for i in range(4)
    ]
    residuals = cross_fitted(made)
    assert all(own is not None and np.abs(own).mean() > 10 for own in residuals)


def test_a_noise_above_every_error_is_no_lower_bound() -> None:
    assert ErrorFloor(7.0, 5.0, 6.0, 20.0, 3).lower == 5.0
    assert ErrorFloor(1.0, 5.0, None, 0.0, 3).explained(1.0) == [None, None]


def test_a_network_that_is_worse_than_the_mean_explains_nothing() -> None:
    text = to_markdown(ErrorFloor(1.0, 5.0, 12.0, 10.0, 6).to_json())
    assert "The network explains nothing of what can be explained." in text


def test_one_animal_is_refused() -> None:
    with pytest.raises(UsageError, match="takes slides of 2 animals"):
        estimate_floor(samples(8, 9.0)[:1], noise=1.0)


@pytest.mark.parametrize("width", [70, 77, 256])
def test_the_scale_of_an_input_is_that_of_all_its_columns(width: int) -> None:
    """Not of each seventh, where a tiled scan has its seams."""
    seams = np.where(np.arange(width) % 7 == 0, 100.0, 10.0) * np.ones((90, 1))
    found = scale_of([Array(seams)])
    assert (found.dark, found.bright) == (10.0, 90.0)


def test_surroundings_do_not_depend_on_the_window() -> None:
    planes = [Array((100 * np.exp(smooth(i, 400))).astype(np.uint16)) for i in (1, 2)]
    scales = [scale_of([plane]) for plane in planes]
    pixel = 2.0  # um, so that the widest kernel ends within the image
    whole = surroundings(planes, scales, pixel, Window(0, 0, 400, 400))
    assert whole.shape == (400, 400, 40)
    assert np.isfinite(whole).all()
    part = surroundings(planes, scales, pixel, Window(150, 160, 90, 80))
    difference = np.abs(part - whole[150:240, 160:240])
    assert np.median(difference) < 0.02 * whole.std()
