import keras
import numpy as np
import pytest
import tensorflow as tf

from hrpn_tf.config import load_config
from hrpn_tf.training.optimizers import averaged_weights, build_optimizer, build_schedule


def training(*overrides: str):
    return load_config(overrides=[f"training.{o}" for o in overrides]).training


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(3, 3, bias_initializer="ones")(inputs)
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cosine", {0: 0.1, 5: 0.55, 10: 1.0, 55: 0.5, 100: 0.0}),
        ("constant", {0: 0.1, 5: 0.55, 10: 1.0, 55: 1.0, 100: 1.0}),
    ],
)
def test_the_learning_rate_rises_linearly_then_follows_its_schedule(schedule, expected):
    config = training(
        "optimizer.learning_rate=1.0",
        f"optimizer.schedule={schedule}",
        "optimizer.warmup_share=0.1",
    )
    rate = build_schedule(config, steps=100)
    assert {step: float(rate(step)) for step in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_without_warm_up_the_first_step_has_the_full_rate(schedule):
    config = training(f"optimizer.schedule={schedule}", "optimizer.warmup_share=0")
    assert float(build_schedule(config, 100)(0)) == pytest.approx(2e-3)


def test_adamw_decays_kernels_only(model):
    config = training("optimizer.weight_decay=0.1", "optimizer.schedule=constant")
    optimizer = build_optimizer(config, model, steps=100)
    optimizer.build(model.trainable_variables)
    before = {v.path: v.numpy() for v in model.trainable_variables}
    optimizer.apply([tf.zeros(v.shape) for v in model.trainable_variables])
    changed = {v.name for v in model.trainable_variables if (v.numpy() != before[v.path]).any()}
    assert changed == {"kernel"}


def test_gradients_are_clipped_by_their_global_norm(model):
    config = training("optimizer.name=rmsprop", "optimizer.clip_norm=0.5")
    optimizer = build_optimizer(config, model, steps=100)
    assert optimizer.global_clipnorm == 0.5


@pytest.mark.slow  # importing PyTorch takes seconds
def test_the_published_optimizer_steps_as_in_pytorch():
    torch = pytest.importorskip("torch")
    published = load_config("published").training
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4)).astype(np.float32)
    gradients = rng.normal(size=(20, 3, 4)).astype(np.float32)

    theirs = torch.nn.Parameter(torch.tensor(start))
    reference = torch.optim.RMSprop([theirs], lr=1e-5, momentum=0.9, weight_decay=1e-8)
    kernel = keras.Variable(start)
    model = keras.Sequential()
    optimizer = build_optimizer(published, model, steps=20)
    optimizer.build([kernel])
    for gradient in gradients:
        theirs.grad = torch.tensor(gradient)
        reference.step()
        optimizer.apply([tf.constant(gradient)])
    moved = kernel.numpy() - start
    np.testing.assert_allclose(moved, theirs.detach().numpy() - start, rtol=1e-2, atol=1e-6)


def test_averaged_weights_are_the_mean_that_keras_keeps_and_are_given_back(model):
    config = training("ema=0.5", "optimizer.schedule=constant", "optimizer.warmup_share=0")
    model.compile(build_optimizer(config, model, steps=10), loss="mse")
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    kernel = model.trainable_variables[0]
    seen = []
    for _ in range(3):
        optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables])
        seen.append(kernel.numpy())
    with averaged_weights(model):
        averaged = kernel.numpy()
    np.testing.assert_allclose(averaged, seen[0] / 4 + seen[1] / 4 + seen[2] / 2, rtol=1e-6)
    np.testing.assert_array_equal(kernel.numpy(), seen[2])
