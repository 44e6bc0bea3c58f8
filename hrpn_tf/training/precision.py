"""Measures the cost of a precision policy on this device; no API reports it."""

import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import keras
import tensorflow as tf
from keras import layers

SIDE, WIDTH, ROUNDS = 64, 16, 5  # under two seconds on two cores, graphs included
WORTH_A_WARNING = 1.2


def precision_cost(policy: str) -> float:
    """Time of a small forward and backward pass under ``policy``, in units of that in float32.

    Three 3x3 convolutions with batch normalisation; the two take turns, so that whatever else the
    machine does hits both alike. Neither seeds nor names of layers built later change.

    >>> precision_cost("float32")
    1.0
    """
    if policy == "float32":
        return 1.0
    images = tf.random.stateless_uniform((2, SIDE, SIDE, WIDTH), seed=(0, 0))
    reference, other = _pass("float32", images), _pass(policy, images)
    times = [(_seconds(other), _seconds(reference)) for _ in range(ROUNDS)]
    return median(one / base for one, base in times)


def warn_if_slow(policy: str) -> None:
    """Warn, with the measured cost, of a mixed policy that this processor is bad at.

    A GPU is not measured: on a small network it would show the launches of its kernels, no more.
    """
    if policy == "float32" or tf.config.list_physical_devices("GPU"):
        return
    cost = precision_cost(policy)
    if cost > WORTH_A_WARNING:
        others = [name for name in ("float32", "mixed_bfloat16") if name != policy]
        warnings.warn(
            f"{policy} takes {cost:.1f} times as long as float32 on this processor (measured); "
            f"use training.precision={' or '.join(others)}",
            stacklevel=2,
        )


def _pass(policy: str, images: tf.Tensor) -> Callable[[], Any]:
    """A traced function of no arguments, run twice."""
    x = start = keras.Input(images.shape[1:], name="cost_input")
    for number in range(3):
        options = {"dtype": policy, "name": f"cost_convolution{number}"}
        kernel = keras.initializers.GlorotUniform(seed=number)
        x = layers.Conv2D(WIDTH, 3, padding="same", kernel_initializer=kernel, **options)(x)
        x = layers.BatchNormalization(dtype=policy, name=f"cost_norm{number}")(x)
        x = layers.ReLU(dtype=policy, name=f"cost_relu{number}")(x)
    network = keras.Model(start, x, name="cost")

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            y = tf.cast(network(images, training=True), tf.float32)
            loss = tf.reduce_mean(tf.square(y))
        gradients = tape.gradient(loss, network.trainable_variables)
        return loss + sum(tf.reduce_sum(gradient) for gradient in gradients)

    step().numpy()
    step().numpy()
    return step


def _seconds(step: Callable[[], Any]) -> float:
    start = time.perf_counter()
    step().numpy()
    return time.perf_counter() - start
