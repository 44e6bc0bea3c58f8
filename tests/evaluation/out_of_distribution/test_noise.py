"""The noise of a channel for its brightness."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hrpn_tf.evaluation.out_of_distribution import describe, join_profiles, judge, learn_profile
from hrpn_tf.evaluation.out_of_distribution.noise import noise_level
from hrpn_tf.evaluation.out_of_distribution.profile import TrainingProfile
from hrpn_tf.evaluation.out_of_distribution.statistics import SlideStatistics

SIDE, GAIN = 96, 0.8  # px, grey levels of a photon


def photons(seed: int, stain: float = 1.0) -> list[np.ndarray]:
    """Windows of one channel: blurred structure, photons; slides differ by a third in staining."""
    random = np.random.default_rng(seed)
    fields = [gaussian_filter(random.standard_normal((SIDE, SIDE)), 4) for _ in range(6)]
    stain *= float(np.exp(0.3 * random.standard_normal()))
    means = [60 * stain * np.exp(0.5 * field / field.std()) for field in fields]
    return [random.poisson(mean).astype(float) for mean in means]


def image(windows: list[np.ndarray], gain: float = GAIN) -> list[np.ndarray]:
    """As a camera of 8 bits stores them, one channel."""
    return [np.clip(np.rint(gain * each), 0, 255)[..., None].astype(np.uint8) for each in windows]


@pytest.fixture(scope="module")
def profile() -> TrainingProfile:
    slides = {f"s{i}": (f"s{i}", describe(image(photons(i)))) for i in range(7)}
    return learn_profile(("vessels",), slides, SIDE)


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.5, 3.0])
def test_the_level_is_the_gain(gain: float) -> None:
    """Rounding is taken off; structure and staining have no say."""
    for stain in (0.5, 1.0):
        planes = [np.rint(gain * each) for each in photons(1, stain)]
        assert noise_level(planes) == pytest.approx(gain, rel=0.06)
        assert noise_level([gain * each for each in photons(1, stain)]) == pytest.approx(
            gain, rel=0.06
        )


def test_where_it_cannot_be_told_it_is_unknown() -> None:
    smooth = gaussian_filter(np.random.default_rng(0).random((SIDE, SIDE)), 8)
    for plane in (np.full((SIDE, SIDE), 7.0), np.rint(1000 * smooth), np.zeros((4, 4)), -smooth):
        assert np.isnan(noise_level([plane]))


@pytest.mark.parametrize("factor", [1.5, 2.0, 0.6])
def test_another_gain_is_noticed_although_staining_varies_as_much(
    profile: TrainingProfile, factor: float
) -> None:
    found = [judge(profile, describe(image(photons(s), factor * GAIN))) for s in range(20, 30)]
    assert all(each.scores["noise of vessels"] > 1 for each in found)
    assert "times the noise that its brightness has" in "; ".join(found[0].reasons)


def test_another_staining_has_the_same_noise(profile: TrainingProfile) -> None:
    found = [judge(profile, describe(image(photons(s, 0.6)))) for s in range(20, 40)]
    assert sum(each.scores["noise of vessels"] > 1 for each in found) <= 1


def test_resampled_slides_and_old_profiles_are_not_compared(profile: TrainingProfile) -> None:
    resampled = judge(profile, describe(image(photons(20)), resampled=True))
    assert "noise of vessels: the slide has none, or was resampled" in resampled.left_out
    old = {
        f"s{i}": (f"s{i}", SlideStatistics(found.quantiles, found.structure_px, None, 6))
        for i, found in enumerate(describe(image(photons(i))) for i in range(4))
    }
    judged = judge(learn_profile(("vessels",), old, SIDE), describe(image(photons(20))))
    assert "noise of vessels: it is not known of the training slides" in judged.left_out
    assert "noise of vessels" not in judged.scores


def test_joined_profiles_keep_it(profile: TrainingProfile) -> None:
    joined = join_profiles([profile, profile])
    assert joined is not None
    np.testing.assert_array_equal(joined.noise, profile.noise)
