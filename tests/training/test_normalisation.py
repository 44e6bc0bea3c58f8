"""Batch normalisation that is frozen, or whose statistics are measured for averaged weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.tiny_training import TINY_RUN
from support.training_results import assert_same_run, final_state, interrupted

from hrpn_tf.config import load_config
from hrpn_tf.runs import load_run
from hrpn_tf.training.distribution import Devices
from hrpn_tf.training.fit import fit
from hrpn_tf.training.normalisation import Estimator, frozen, holding, moving_statistics


def network() -> keras.Model:
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.BatchNormalization(momentum=0.9)(inputs)
    return keras.Model(inputs, keras.layers.SpatialDropout2D(0.5, seed=1)(x))


def test_frozen_normalisation_uses_moving_statistics_and_trains_its_weights():
    model = network()
    images = tf.constant(np.random.default_rng(0).normal(3, 2, (8, 4, 4, 1)).astype(np.float32))
    count = len(model.trainable_variables)
    with frozen(model), tf.GradientTape() as tape:
        assert len(model.trainable_variables) == count == 2
        loss = tf.reduce_mean(tf.square(model.layers[1](images, training=True)))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    assert all(abs(float(gradient[0])) > 0 for gradient in gradients)
    assert float(loss) == pytest.approx(float(tf.reduce_mean(images**2)), rel=1e-2)  # as they are
    np.testing.assert_array_equal(moving_statistics(model)[0], [0.0])
    model(images, training=True)
    assert float(moving_statistics(model)[0][0]) > 0.2  # not frozen any more


def test_measured_statistics_are_those_of_all_pixels_and_leave_the_network():
    model = network()
    batches = np.random.default_rng(0).normal(3, 2, (5, 8, 4, 4, 1)).astype(np.float32)
    before = [v.numpy() for v in model.variables]
    estimator = Estimator(model, Devices(tf.distribute.get_strategy()))
    mean, variance = estimator.measure((tf.constant(batch), None) for batch in batches)
    assert mean == pytest.approx(batches.mean(), rel=1e-5)
    assert variance == pytest.approx(batches.var(), rel=1e-4)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    with holding(model, (mean, variance)):
        assert float(tf.math.reduce_std(model(batches[0]))) == pytest.approx(1, rel=0.1)
    np.testing.assert_array_equal(moving_statistics(model)[0], before[2])


def test_a_training_with_both_resumes_to_the_same_numbers(store, tmp_path, monkeypatch):
    options = [*TINY_RUN, "training.epochs=3", "training.ema=0.9", "training.pictures_every=0"]
    options += ["training.reestimate_normalisation=2", "training.freeze_normalisation=0.5"]
    config = load_config(overrides=options)
    run, reference = tmp_path / "run", tmp_path / "reference"
    fit(store.path, reference, config, progress=False)
    with interrupted(monkeypatch, before_epoch=1):
        fit(store.path, run, config, progress=False)
    first, moving = load_run(run)[0], final_state(run)
    kept = [value.numpy() for value in moving_statistics(first)]
    fit(store.path, run, config, progress=False)
    assert_same_run(run, reference)
    last = final_state(run)
    # before the freeze the kept statistics are measured ones, not the moving ones of the training
    stored = [v for name, v in moving.items() if name.startswith("network/")]
    assert not any(v.shape == kept[0].shape and np.array_equal(v, kept[0]) for v in stored)
    assert moving.keys() == last.keys()
