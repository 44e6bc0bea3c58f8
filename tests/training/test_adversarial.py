"""The adversarial step against the same step written out with plain gradients."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from hrpn_tf.config import AdversarialConfig, OptimizerConfig
from hrpn_tf.training.adversarial import AdversarialModel
from hrpn_tf.training.losses import build_loss
from hrpn_tf.training.optimizers import build_optimizer
from hrpn_tf.training.sums import metrics_of

PLAIN_STEPS = OptimizerConfig(
    name="adam", learning_rate=0.01, weight_decay=0, schedule="constant", warmup_share=0,
    clip_norm=None, beta_1=0.5,
)  # fmt: skip


def build(config: AdversarialConfig, **options: Any) -> AdversarialModel:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 2))
    generator = keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same")(inputs))
    target = keras.Input((4, 4, 1))
    score = keras.layers.Dense(1)(
        keras.layers.Flatten()(keras.layers.Concatenate()([inputs, target]))
    )
    discriminator = keras.Model([inputs, target], score)

    def optimizer(network: keras.Model) -> Any:
        return build_optimizer(
            PLAIN_STEPS, network.trainable_variables, 100, ema=0.0, scale_loss=False
        )

    return AdversarialModel(
        generator,
        optimizer(generator),
        build_loss({"mse": 1.0}, 1.0),
        discriminator,
        optimizer(discriminator),
        config,
        **options,
    )


@pytest.fixture
def batch() -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(0)
    shapes = (6, 4, 4, 2), (6, 4, 4, 1)
    return tuple(tf.constant(rng.normal(size=shape).astype(np.float32)) for shape in shapes)


def cross_entropy(scores: Any, real: bool) -> Any:
    labels = tf.ones_like(scores) if real else tf.zeros_like(scores)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, scores))


def least_squares(scores: Any, real: bool) -> Any:
    return tf.reduce_mean((scores - float(real)) ** 2)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize(
    ("kind", "judge"), [("least_squares", least_squares), ("cross_entropy", cross_entropy)]
)
def test_the_discriminator_steps_first_then_the_generator(kind, judge, parts, batch):
    config = AdversarialConfig(loss=kind, weight=2.0, reconstruction=7.0, discriminator=0.5)
    ours, theirs = build(config, accumulate=parts), build(config)
    inputs, target = batch
    sums = np.asarray(ours.train_step(batch))

    generator, discriminator = theirs.network, theirs.discriminator
    before = generator(inputs)
    with tf.GradientTape() as tape:
        judged = 0.5 * (
            judge(discriminator([inputs, target]), True)
            + judge(discriminator([inputs, before]), False)
        )
    weights = [v.value for v in discriminator.trainable_variables]
    keras.optimizers.Adam(0.01, 0.5).apply(
        tape.gradient(judged, weights), discriminator.trainable_variables
    )
    with tf.GradientTape() as tape:
        predicted = generator(inputs)
        distance = tf.reduce_mean((predicted - target) ** 2)
        fooled = judge(discriminator([inputs, predicted]), True)
        loss = 2.0 * fooled + 7.0 * distance
    weights = [v.value for v in generator.trainable_variables]
    keras.optimizers.Adam(0.01, 0.5).apply(
        tape.gradient(loss, weights), generator.trainable_variables
    )

    for one, other in ((ours.network, generator), (ours.discriminator, discriminator)):
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    shown = metrics_of(ours.names, sums)
    expected = {
        "loss": loss, "reconstruction": distance, "adversarial": fooled, "discriminator": judged
    }  # fmt: skip
    for name, value in expected.items():
        assert shown[name] == pytest.approx(float(value), rel=1e-4), name


def test_validation_does_not_ask_the_discriminator(batch):
    model = build(AdversarialConfig())
    shown = metrics_of(model.names, np.asarray(model.test_step(batch)))
    assert shown["loss"] == shown["reconstruction"]
    assert shown["loss"] == pytest.approx(shown["mse"], rel=1e-6)
    assert shown["adversarial"] == shown["discriminator"] == 0.0


def test_all_that_the_next_step_depends_on_is_named():
    model = build(AdversarialConfig())
    names = [name for name, _ in model.state_variables()]
    assert len(set(names)) == len(names)
    parts = {name.split("/")[0] for name in names}
    assert parts == {"network", "optimizer", "discriminator", "discriminator_optimizer"}
