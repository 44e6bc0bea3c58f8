import numpy as np
import pytest
from sklearn.metrics import mean_squared_error, r2_score

from hrpn_tf.training.sums import batch_sums, metrics_of, sum_names

NAMES = sum_names(("loss",))


@pytest.mark.parametrize("offset", [0.0, 60000.0])
def test_batches_of_any_size_are_pooled_pixel_by_pixel(offset):
    rng = np.random.default_rng(0)
    target = (offset + rng.normal(0, 4, (7, 9, 5, 1))).astype(np.float32)
    prediction = (target + rng.normal(0, 2, target.shape)).astype(np.float32)
    totals = np.zeros(len(NAMES))
    for part, loss in ((slice(0, 4), 1.0), (slice(4, 7), 8.0)):
        totals += np.asarray(batch_sums({"loss": loss}, target[part], prediction[part]))
    found = metrics_of(NAMES, totals)
    true, pred = (values.ravel().astype(float) for values in (target, prediction))
    assert found["loss"] == pytest.approx((4 * 1.0 + 3 * 8.0) / 7)
    assert found["mse"] == pytest.approx(mean_squared_error(true, pred), rel=1e-6)
    assert found["r2"] == pytest.approx(r2_score(true, pred), rel=1e-5)


def test_a_constant_target_has_no_r2():
    sums = batch_sums({"loss": 0.0}, np.ones((1, 2, 2, 1)), np.zeros((1, 2, 2, 1)))
    assert np.isnan(metrics_of(NAMES, np.asarray(sums))["r2"])
