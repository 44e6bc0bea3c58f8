"""The distribution of permeability, and how much of it the look tells."""

import numpy as np
import pytest
from scipy import stats

from hrpn_tf.config.simulation import PermeabilityConfig
from hrpn_tf.simulation.permeability import draw_permeability, permeability, visible_score

COUNT = 200_000


@pytest.fixture
def look() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((COUNT, 3))


@pytest.mark.parametrize("visible_share", [0.0, 0.5, 0.95, 1.0])
def test_most_vessels_are_tight_and_the_rest_log_normal(
    look: np.ndarray, visible_share: float
) -> None:
    config = PermeabilityConfig(visible_share=visible_share)
    drawn = draw_permeability(look, config, np.random.default_rng(1))
    assert (drawn > 0).mean() == pytest.approx(0.2, abs=0.005)
    logarithm = np.log10(drawn[drawn > 0] * 1e-4)
    low, high = np.percentile(logarithm, [2.5, 97.5])
    assert high - low == pytest.approx(2.0, rel=0.03)
    assert np.median(logarithm) == pytest.approx(np.log10(config.median_cm_per_s), abs=0.02)
    assert stats.skew(logarithm) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("visible_share", [0.0, 0.4, 1.0])
def test_visible_share_is_the_share_of_variance_that_the_look_explains(
    look: np.ndarray, visible_share: float
) -> None:
    config = PermeabilityConfig(visible_share=visible_share, leaky_share=1.0)
    drawn = np.log(draw_permeability(look, config, np.random.default_rng(1)))
    explained = stats.linregress(visible_score(look, config), drawn).rvalue ** 2
    assert explained == pytest.approx(visible_share, abs=0.01)


def test_leakier_with_a_higher_score() -> None:
    score = np.linspace(-4, 8, 1000)
    value = permeability(score, PermeabilityConfig())
    assert (np.diff(value) >= 0).all()
    assert np.isfinite(value).all()


def test_weights_choose_what_shows(look: np.ndarray) -> None:
    config = PermeabilityConfig(stain_weight=0, radius_weight=-1, tortuosity_weight=0)
    np.testing.assert_allclose(visible_score(look, config), -look[:, 1])
