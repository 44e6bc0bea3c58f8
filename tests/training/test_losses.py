import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error

from hrpn_tf.training.losses import build_loss


@pytest.mark.parametrize(
    ("name", "ours"), [("mse", mean_squared_error), ("mae", mean_absolute_error)]
)
def test_the_loss_is_in_units_of_the_target_scale(name, ours):
    rng = np.random.default_rng(0)
    target, prediction = rng.normal(100, 30, (2, 3, 4, 5, 1)).astype(np.float32)
    loss = build_loss(name, target_scale=30.0)(target, prediction)
    assert loss.shape == (3, 4, 5)
    expected = ours(target.ravel() / 30, prediction.ravel() / 30)
    assert float(np.mean(loss)) == pytest.approx(expected, rel=1e-5)
