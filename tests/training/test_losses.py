import doctest

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize_scalar
from skimage.metrics import structural_similarity
from sklearn.metrics import mean_absolute_error, mean_squared_error

from hrpn_tf.config import load_config
from hrpn_tf.errors import ConfigError
from hrpn_tf.losses import CHARBONNIER_EPSILON, LOSSES, QUASI_POISSON_OFFSET, SSIM_RANGE
from hrpn_tf.training import losses
from hrpn_tf.training.losses import build_loss


@pytest.fixture
def pair() -> np.ndarray:
    """Target and prediction, (2, 3, 16, 20, 1), grey levels."""
    return np.random.default_rng(0).normal(100, 30, (2, 3, 16, 20, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "reference"), [("mse", mean_squared_error), ("mae", mean_absolute_error)]
)
def test_the_loss_is_in_units_of_the_target(pair, name, reference):
    expected = reference(pair[0].ravel() / 30, pair[1].ravel() / 30)
    assert float(build_loss({name: 1.0}, 30.0)(*pair)) == pytest.approx(expected, rel=1e-5)


def test_charbonnier_is_quadratic_near_zero_and_linear_far_from_it():
    loss = build_loss({"charbonnier": 1.0}, 1.0)
    zero = np.zeros((1, 1, 1, 1), np.float32)
    small = CHARBONNIER_EPSILON / 10
    assert float(loss(zero, zero)) == pytest.approx(0.0, abs=1e-7)
    expected = small**2 / (2 * CHARBONNIER_EPSILON)
    assert float(loss(zero, zero + small)) == pytest.approx(expected, rel=0.01)
    assert float(loss(zero, zero + 9.0)) == pytest.approx(9.0 - CHARBONNIER_EPSILON, rel=1e-3)


def test_ssim_is_that_of_scikit_image(pair):
    found = float(build_loss({"ssim": 1.0}, 30.0)(*pair))
    inner = slice(3, -3)
    maps = [
        structural_similarity(
            t[..., 0] / 30, p[..., 0] / 30, win_size=7, data_range=SSIM_RANGE, full=True
        )[1][inner, inner]
        for t, p in zip(*pair, strict=True)
    ]
    assert found == pytest.approx(1 - np.mean(maps), abs=1e-4)
    assert float(build_loss({"ssim": 1.0}, 30.0)(pair[0], pair[0])) == pytest.approx(0, abs=1e-5)


def test_quasi_poisson_has_the_slope_of_the_poisson_likelihood(pair):
    """Keras' Poisson loss leaves out what does not depend on the prediction."""
    target, prediction = (tf.constant(np.maximum(image, 0) / 30) for image in pair)
    offset = QUASI_POISSON_OFFSET

    def slope(loss):
        with tf.GradientTape() as tape:
            tape.watch(prediction)
            value = loss(target, prediction)
        return tape.gradient(value, prediction).numpy()

    expected = slope(
        lambda t, p: 2 * offset * tf.reduce_mean(keras.losses.poisson(t + offset, p + offset))
    )
    found = slope(build_loss({"quasi_poisson": 1.0}, 1.0))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-9)


def test_quasi_poisson_is_the_squared_error_at_and_below_zero():
    quasi, squared = (build_loss({name: 1.0}, 1.0) for name in ("quasi_poisson", "mse"))
    target = np.full((1, 1, 1, 1), 1e-3, np.float32)
    for prediction in (target - 0.5, target + 1e-3):
        found, expected = float(quasi(target, prediction)), float(squared(target, prediction))
        assert found == pytest.approx(expected, rel=0.02)


def test_quasi_poisson_is_least_for_the_mean():
    target = np.random.default_rng(0).gamma(0.3, 4.0, (1, 40, 40, 1)).astype(np.float32)
    loss = build_loss({"quasi_poisson": 1.0}, 1.0)
    best = minimize_scalar(lambda c: float(loss(target, np.full_like(target, c))), (0.1, 3.0))
    assert best.x == pytest.approx(target.mean(), rel=0.01)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_least_for_a_perfect_prediction(name):
    """In a graph, as training computes it; the gradient is finite there and elsewhere."""
    random = np.random.default_rng(0)
    target, other = tf.constant(random.gamma(1.0, 2.0, (2, 1, 9, 9, 1)).astype(np.float32))
    loss = build_loss({name: 1.0}, 1.0)

    @tf.function
    def value_and_slope(prediction):
        with tf.GradientTape() as tape:
            tape.watch(prediction)
            value = loss(target, prediction)
        return value, tape.gradient(value, prediction)

    perfect, slope = value_and_slope(target)
    worse, other_slope = value_and_slope(other)
    assert perfect.shape == ()
    assert float(perfect) == pytest.approx(0.0, abs=1e-5)
    assert float(worse) > 0.01
    assert np.isfinite(slope).all()
    assert np.isfinite(other_slope).all()


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_name_a_formula_and_a_use(name):
    loss = LOSSES[name]
    assert loss.name == name
    assert loss.formula
    assert loss.suits
    assert loss.unit in ("1", "unit", "unit²")


def test_a_mix_is_the_weighted_sum(pair):
    mse, mae = (float(build_loss({name: 1.0}, 30.0)(*pair)) for name in ("mse", "mae"))
    mix = float(build_loss({"mse": 0.5, "mae": 2.0, "ssim": 0.0}, 30.0)(*pair))
    assert mix == pytest.approx(0.5 * mse + 2 * mae, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("mae", {"mae": 1.0}),
        ("mse+ssim", {"mse": 1.0, "ssim": 1.0}),
        ("{mse: 1, ssim: 0.2}", {"mse": 1.0, "ssim": 0.2}),
    ],
)
def test_losses_are_chosen_by_name(text, weights):
    assert load_config(overrides=[f"training.loss={text}"]).training.loss == weights


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("huber", "training.loss: no loss 'huber'; there are mse, mae, charbonnier, ssim"),
        ("{mse: 0}", "at least one part with a positive weight"),
        ("{mse: -1, mae: 2}", "positive weight"),
    ],
)
def test_what_is_no_loss_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=[f"training.loss={text}"])


def test_docstrings():
    result = doctest.testmod(losses)
    assert result.attempted > 0
    assert result.failed == 0
