"""The pinball loss against scikit-learn, and that it finds quantiles."""

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from hrpn_tf.training.interval_heads import pinball


@pytest.mark.parametrize("level", [0.05, 0.5, 0.95])
def test_pinball_is_that_of_scikit_learn(level: float) -> None:
    rng = np.random.default_rng(0)
    target, quantile = rng.normal(size=(2, 500)).astype(np.float32)
    expected = mean_pinball_loss(target, quantile, alpha=level)
    assert float(pinball(target, quantile, level)) == pytest.approx(expected, rel=1e-5)


def test_pinball_is_least_at_the_quantile() -> None:
    target = np.random.default_rng(1).exponential(size=2001).astype(np.float32)
    places = np.linspace(0, 4, 401, dtype=np.float32)
    losses = [float(pinball(target, place, 0.9)) for place in places]
    assert places[int(np.argmin(losses))] == pytest.approx(np.quantile(target, 0.9), abs=0.02)
