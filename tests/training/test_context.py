"""A margin that the network sees and that does not count, and how ``auto`` becomes numbers."""

import logging

import numpy as np
import pytest
import tensorflow as tf
from support.tiny_training import TINY_RUN

from hrpn_tf.config import load_config
from hrpn_tf.data.splits import Split
from hrpn_tf.runs.configuration import read_config
from hrpn_tf.training.batches import Batches
from hrpn_tf.training.core import weighted
from hrpn_tf.training.distribution import Devices
from hrpn_tf.training.fit import fit
from hrpn_tf.training.losses import build_loss
from hrpn_tf.training.resolving import adopt_context
from hrpn_tf.training.sums import metrics_of
from hrpn_tf.training.trained_model import RegressionModel


class Recorder:
    """An optimizer that only remembers the gradients."""

    variables = ()

    def scale_loss(self, loss):
        return loss

    def apply(self, gradients, variables):
        self.gradients = [gradient.numpy() for gradient in gradients]


def blur() -> tf.keras.Model:
    inputs = tf.keras.Input((None, None, 1))
    kernel = tf.keras.initializers.Constant(0.1)
    layer = tf.keras.layers.Conv2D(1, 3, padding="same", kernel_initializer=kernel)
    return tf.keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_only_the_core_counts_and_it_has_its_context(accumulate):
    """Loss, sums and gradients of crops with context are those of the whole image's core."""
    rng = np.random.default_rng(0)
    image = rng.random((4, 12, 12, 1)).astype(np.float32)
    target = rng.random((4, 4, 4, 1)).astype(np.float32)
    corners = np.array([[0, 0], [2, 4], [4, 2], [8, 8]], np.int32)
    network, optimizer = blur(), Recorder()
    model = RegressionModel(
        network, optimizer, build_loss({"mse": 1.0}, 1.0), accumulate=accumulate
    )
    data = tf.constant(image), tf.constant(target), {"corner": tf.constant(corners)}
    found = metrics_of(model.names, model.train_step(data).numpy())

    with tf.GradientTape() as tape:
        whole = network(image, training=True)
        cores = tf.stack([whole[i, y : y + 4, x : x + 4] for i, (y, x) in enumerate(corners)])
        expected = tf.reduce_mean(tf.square(cores - target))
    gradients = tape.gradient(expected, [v.value for v in network.trainable_variables])
    assert found["loss"] == pytest.approx(float(expected), rel=1e-6)
    assert found["mse"] == pytest.approx(float(expected), rel=1e-6)
    for mine, reference in zip(optimizer.gradients, gradients, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-5)


@pytest.mark.parametrize(
    ("overrides", "halo", "expected"),
    [
        (["training.crop=auto", "training.context=auto"], 141, (256, 64)),
        (["training.crop=auto", "training.context=auto"], 5, (144, 5)),
        (["training.crop=auto", "training.context=auto", "data.patch=192"], 141, (192, 48)),
        (["training.crop=auto", "training.context=auto"], None, (512, 0)),
        (["training.crop=auto", "training.context=96"], 141, (320, 96)),
        (["training.crop=auto"], 141, (256, 0)),
        (["training.crop=auto"], 5, (144, 0)),
        ([], 141, (256, 0)),
        (["training.crop=384", "training.context=auto"], 141, (384, 96)),
        (["training.crop=null", "training.context=auto"], 100, (None, 100)),
    ],
)
def test_the_rule_of_auto(overrides, halo, expected):
    training = adopt_context(load_config(overrides=overrides), halo, 16).training
    assert (training.crop, training.context) == expected


def test_auto_is_told_recorded_as_numbers_and_resumed(store, run, caplog):
    options = [*TINY_RUN, "training.epochs=1", "training.pictures_every=0"]
    options += ["training.crop=auto", "training.context=auto"]
    with caplog.at_level(logging.INFO):
        fit(store.path, run, load_config(overrides=options), progress=False)
    halo = "tiny has a halo of 2 px: training.crop=32, training.context=2; the network sees 32 x 32"
    assert halo in caplog.text
    recorded = read_config(run).training
    assert (recorded.crop, recorded.context) == (32, 2)

    (run / "history.csv").unlink()  # killed at its end
    assert fit(store.path, run, load_config(overrides=options), progress=False).epoch == 1


@pytest.mark.parametrize("parts", ["mse+ssim", "quasi_poisson"])
def test_equal_weights_give_the_loss_itself_and_others_count_as_they_say(parts):
    rng = np.random.default_rng(0)
    target, prediction = rng.random((2, 3, 8, 8, 1)).astype(np.float32)
    loss = build_loss(dict.fromkeys(parts.split("+"), 1.0), 1.0)

    @tf.function
    def of(weight):
        return weighted(loss, {"weight": weight}, tf.constant(target), tf.constant(prediction))

    assert float(of(tf.ones(3))) == pytest.approx(float(loss(target, prediction)), rel=1e-5)
    second = float(loss(target[1:2], prediction[1:2]))
    assert float(of(tf.constant([0.0, 3.0, 0.0]))) == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize(("crop", "batch", "largest"), [(16, 4, 1), (16, 12, 3), (None, 4, 4)])
def test_a_validation_batch_has_no_more_pixels_than_one_of_crops(
    store, config, crop, batch, largest
):
    """Its patches are whole, and would need more memory than a training step."""
    config = load_config(config, {"training.crop": crop, "training.batch_size": batch})
    devices = Devices(tf.distribute.get_strategy())
    batches = Batches(store, Split(("a",), ("b",), ("c",)), config, devices)
    counts = [len(inputs) for inputs, _ in batches.validation()]
    assert sum(counts) == 6
    assert max(counts) == largest
