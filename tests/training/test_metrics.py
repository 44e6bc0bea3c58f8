import numpy as np
import pytest
from sklearn.metrics import mean_squared_error, r2_score

from hrpn_tf.training.metrics import PooledMSE, PooledR2


@pytest.mark.parametrize(
    ("metric", "reference"), [(PooledMSE, mean_squared_error), (PooledR2, r2_score)]
)
@pytest.mark.parametrize("offset", [0.0, 60000.0])
def test_batches_of_any_size_are_pooled_pixel_by_pixel(metric, reference, offset):
    rng = np.random.default_rng(0)
    target = (offset + rng.normal(0, 4, (7, 9, 5, 1))).astype(np.float32)
    prediction = (target + rng.normal(0, 2, target.shape)).astype(np.float32)
    ours = metric()
    for part in (slice(0, 4), slice(4, 7)):
        ours.update_state(target[part], prediction[part])
    expected = reference(target.ravel().astype(float), prediction.ravel().astype(float))
    assert float(ours.result()) == pytest.approx(expected, rel=1e-5)


def test_a_new_epoch_forgets_the_last_one():
    metric = PooledR2()
    metric.update_state(np.array([0.0, 8.0]), np.array([9.0, 1.0]))
    metric.reset_state()
    metric.update_state(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    assert float(metric.result()) == 1.0
