from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from hrpn_tf.config import load_config
from hrpn_tf.errors import ConfigError
from hrpn_tf.training.optimizers import Schedule, averaged_weights, build_optimizer


def section(*overrides: str) -> Any:
    return load_config(overrides=[f"training.optimizer.{o}" for o in overrides]).training.optimizer


def build(variables: list[Any], *overrides: str, ema: float = 0.0, scale: bool = False) -> Any:
    return build_optimizer(section(*overrides), variables, steps=100, ema=ema, scale_loss=scale)


@pytest.fixture
def variables() -> list[Any]:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(3, 3, bias_initializer="ones")(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization()(x)).trainable_variables


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cosine", {0: 0.1, 4: 0.5, 9: 1.0, 55: 0.5, 100: 0.0}),
        ("linear", {0: 0.1, 9: 1.0, 55: 0.5, 100: 0.0}),
        ("constant", {0: 0.1, 4: 0.5, 9: 1.0, 55: 1.0, 100: 1.0}),
    ],
)
def test_the_learning_rate_rises_linearly_then_follows_its_schedule(schedule, expected):
    rate = Schedule(section("learning_rate=1", f"schedule={schedule}", "warmup_share=0.1"), 100)
    assert {step: float(rate(step)) for step in expected} == pytest.approx(expected, abs=1e-6)


def test_the_rate_is_held_before_it_falls():
    options = ("learning_rate=1", "schedule=linear", "warmup_share=0", "hold_share=0.5")
    rate = Schedule(section(*options), 100)
    expected = {0: 1.0, 50: 1.0, 75: 0.5, 100: 0.0}
    assert {step: float(rate(step)) for step in expected} == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ConfigError, match="warmup_share and hold_share together must be below 1"):
        section("warmup_share=0.5", "hold_share=0.5")


def test_adamw_decays_kernels_only(variables):
    optimizer = build(variables, "weight_decay=0.1", "schedule=constant")
    before = {v.path: v.numpy() for v in variables}
    optimizer.apply([tf.zeros(v.shape) for v in variables])
    changed = {v.name for v in variables if (v.numpy() != before[v.path]).any()}
    assert changed == {"kernel"}


@pytest.mark.parametrize("name", ["adamw", "adam", "rmsprop"])
def test_without_weight_decay_nothing_decays(variables, name):
    optimizer = build(variables, f"name={name}", "weight_decay=0", "schedule=constant")
    before = [v.numpy() for v in variables]
    optimizer.apply([tf.zeros(v.shape) for v in variables])
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_gradients_are_clipped_by_their_global_norm(variables):
    """Adam's update hides the norm; its first moment shows it."""
    optimizer = build(variables, "name=adam", "clip_norm=0.5", "beta_1=0.9")
    optimizer.apply([100 * tf.ones(v.shape) for v in variables])
    moments = [v.numpy() / 0.1 for v in optimizer._momentums]
    norm = np.sqrt(sum((m**2).sum() for m in moments))
    assert norm == pytest.approx(0.5, rel=1e-5)


@pytest.mark.slow  # importing PyTorch takes seconds
def test_the_published_optimizer_steps_as_in_pytorch():
    torch = pytest.importorskip("torch")
    published = load_config("published").training.optimizer
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4)).astype(np.float32)
    gradients = rng.normal(size=(20, 3, 4)).astype(np.float32)

    theirs = torch.nn.Parameter(torch.tensor(start))
    reference = torch.optim.RMSprop([theirs], lr=1e-5, momentum=0.9, weight_decay=1e-8)
    kernel = keras.Variable(start)
    optimizer = build_optimizer(published, [kernel], steps=20, ema=0.0, scale_loss=False)
    for gradient in gradients:
        theirs.grad = torch.tensor(gradient)
        reference.step()
        optimizer.apply([tf.constant(gradient)])
    moved = kernel.numpy() - start
    np.testing.assert_allclose(moved, theirs.detach().numpy() - start, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("scale", [False, True])
def test_averaged_weights_are_the_mean_that_keras_keeps_and_are_given_back(variables, scale):
    optimizer = build(variables, "schedule=constant", "warmup_share=0", ema=0.5, scale=scale)
    factor = optimizer.scale_loss(1.0)
    kernel, seen = variables[0], []
    for _ in range(3):
        optimizer.apply([factor * tf.ones(v.shape) for v in variables])
        seen.append(kernel.numpy())
    with averaged_weights(optimizer, variables):
        averaged = kernel.numpy()
    np.testing.assert_allclose(averaged, seen[0] / 4 + seen[1] / 4 + seen[2] / 2, rtol=1e-6)
    np.testing.assert_array_equal(kernel.numpy(), seen[2])


def test_an_infinite_gradient_skips_the_step_and_halves_the_loss_scale(variables):
    optimizer = build(variables, scale=True)
    before, scale = [v.numpy() for v in variables], float(optimizer.scale_loss(1.0))
    optimizer.apply([tf.fill(v.shape, np.inf) for v in variables])
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert float(optimizer.scale_loss(1.0)) == scale / 2
