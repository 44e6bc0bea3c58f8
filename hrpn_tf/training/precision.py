"""Measures the cost of a precision policy on this device; no API reports it."""

import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from hrpn_tf.training.backend import backend

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
    images = np.random.default_rng(0).random((2, SIDE, SIDE, WIDTH), np.float32)
    reference, other = _pass("float32", images), _pass(policy, images)
    times = [(_seconds(other), _seconds(reference)) for _ in range(ROUNDS)]
    return median(one / base for one, base in times)


def warn_if_slow(policy: str) -> None:
    """Warn, with the measured cost, of a mixed policy that this processor is bad at.

    A GPU is not measured: on a small network it would show the launches of its kernels, no more.
    """
    if policy == "float32" or backend.gpu_names():
        return
    cost = precision_cost(policy)
    if cost > WORTH_A_WARNING:
        others = [name for name in ("float32", "mixed_bfloat16") if name != policy]
        warnings.warn(
            f"{policy} takes {cost:.1f} times as long as float32 on this processor (measured); "
            f"use training.precision={' or '.join(others)}",
            stacklevel=2,
        )


def _pass(policy: str, images: np.ndarray) -> Callable[[], Any]:
    """A traced function of no arguments, run twice."""
    x = start = keras.Input(images.shape[1:], name="cost_input")
    for number in range(3):
        options = {"dtype": policy, "name": f"cost_convolution{number}"}
        kernel = keras.initializers.GlorotUniform(seed=number)
        x = layers.Conv2D(WIDTH, 3, padding="same", kernel_initializer=kernel, **options)(x)
        x = layers.BatchNormalization(dtype=policy, name=f"cost_norm{number}")(x)
        x = layers.ReLU(dtype=policy, name=f"cost_relu{number}")(x)
    network = keras.Model(start, x, name="cost")

    def loss() -> tuple[Any, None]:
        y = ops.cast(network(images, training=True), "float32")
        return ops.mean(ops.square(y)), None

    def step() -> Any:
        trained, others = network.trainable_variables, network.non_trainable_variables
        gradients, _ = backend.gradients(loss, trained, others)
        return sum(ops.sum(gradient) for gradient in gradients)

    compiled = backend.compiled(step, network.variables)
    for _ in range(2):
        np.asarray(compiled())
    return compiled


def _seconds(step: Callable[[], Any]) -> float:
    start = time.perf_counter()
    np.asarray(step())
    return time.perf_counter() - start
