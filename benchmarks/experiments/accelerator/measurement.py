"""One measurement of the experiment, run in its own process; prints one line of JSON.

Runs on the TensorFlow or the JAX backend of Keras, according to ``KERAS_BACKEND``.
"""

import argparse
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from keras import ops

from experiments.accelerator.timing import (
    BACKWARD,
    arguments,
    peak_resident,
    processor,
    resident,
    timed,
    warm_up,
)
from hrpn_tf.models.build import build_model
from hrpn_tf.models.graph import count_macs
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.models.traffic import least_traffic

BACKEND = keras.backend.backend()
if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax
else:
    raise SystemExit(f"KERAS_BACKEND={BACKEND}: set it to tensorflow or jax")

Step = Callable[[], Any]  # starts some work; returns a value that is ready when the work is done

SCALING = Scaling(
    input_mean=(60.0, 60.0),
    input_std=(40.0, 40.0),
    target_scale=20.0,
    input_peak=(255.0, 255.0),
    target_peak=255.0,
)


def main() -> None:
    """Run the measurement that the arguments describe and print it."""
    options = arguments("One measurement of the experiment accelerator.").parse_args()
    measure = _measure_limits if options.work == "limits" else _measure_network
    print(json.dumps({**measure(options), **_where()}))


def _measure_network(options: argparse.Namespace) -> dict[str, Any]:
    """Time of each step, memory, and the least that a step must compute and move."""
    ops.zeros(1) + 1.0  # starts the device
    before = resident()
    keras.config.set_dtype_policy(options.precision)
    network = build_model(options.preset, inputs=2, scaling=SCALING)
    inputs, target = (
        255.0 * keras.random.uniform((options.batch, options.size, options.size, channels), seed=0)
        for channels in (2, 1)
    )
    macs = options.batch * count_macs(network, options.size, options.size)
    moved = least_traffic(network, options.batch, options.size, options.size)
    passes = 1 + BACKWARD if options.work == "train" else 1
    if options.work == "train":
        step = _training_step(network, inputs, target, options.xla)
    else:
        step = _forward_pass(network, inputs, options.xla)
    work = _waited(step)
    warm_up(work)
    return {
        "seconds": timed(work, options.steps, options.seconds),
        "memory": _peak_on_device() or peak_resident() - before,
        "operations": 2 * passes * macs,
        "bytes": passes * moved,
    }


def _measure_limits(options: argparse.Namespace) -> dict[str, Any]:
    """Rates of a large matrix product in the compute type and of a large copy, per second."""
    dtype = keras.DTypePolicy(options.precision).compute_dtype
    side, count = (8192, 2**28) if _on_accelerator() else (2048, 2**26)
    matrix = keras.random.uniform((side, side), dtype=dtype, seed=0)
    multiply = _compiled(lambda x: ops.matmul(x, x), options.xla)
    copy = _copying(count, options.xla)
    return {
        "operations_per_second": 2 * side**3 / _fastest(lambda: multiply(matrix)),
        "bytes_per_second": 2 * 4 * count / _fastest(copy),  # read and written, float32
    }


def _copying(count: int, xla: bool) -> Step:
    """Copy the previous copy, into memory that is reused, so that none is newly allocated."""
    vector = keras.random.uniform((count,), seed=0)
    if BACKEND == "tensorflow":
        add = tf.function(lambda x: x + 1.0, jit_compile=xla)
    else:
        add = jax.jit(lambda x: x + 1.0, donate_argnums=0)

    def step() -> Any:
        nonlocal vector
        vector = add(vector)
        return vector

    return step


def _fastest(step: Step) -> float:
    work = _waited(step)
    warm_up(work)
    return min(timed(work, least=5, seconds=1.0))


def _training_step(network: keras.Model, inputs: Any, target: Any, xla: bool) -> Step:
    """Forward and backward pass of the mean squared error, and an AdamW update."""
    optimizer = keras.optimizers.AdamW(1e-4)
    optimizer.build(network.trainable_variables)
    if BACKEND == "tensorflow":

        @tf.function(jit_compile=xla)
        def step(inputs: Any, target: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = ops.mean(ops.square(network(inputs, training=True) - target))
            gradients = tape.gradient(loss, network.trainable_variables)
            optimizer.apply(gradients, network.trainable_variables)
            return loss

        return lambda: step(inputs, target)

    def loss_of(trainable: Any, rest: Any, inputs: Any, target: Any) -> Any:
        prediction, rest = network.stateless_call(trainable, rest, inputs, training=True)
        return ops.mean(ops.square(prediction - target)), rest

    def update(state: Any, inputs: Any, target: Any) -> Any:
        trainable, rest, slots = state
        gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, rest), gradients = gradient(trainable, rest, inputs, target)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, rest, slots), loss

    compiled = jax.jit(update, donate_argnums=0)
    variables = (network.trainable_variables, network.non_trainable_variables, optimizer.variables)
    state = jax.tree.map(lambda v: ops.copy(v.value), tuple(map(list, variables)))

    def jax_step() -> Any:
        nonlocal state
        state, loss = compiled(state, inputs, target)
        return state, loss

    return jax_step


def _forward_pass(network: keras.Model, inputs: Any, xla: bool) -> Step:
    if BACKEND == "tensorflow":
        compiled = _compiled(lambda x: network(x, training=False), xla)
        return lambda: compiled(inputs)

    def predict(trainable: Any, rest: Any, inputs: Any) -> Any:
        return network.stateless_call(trainable, rest, inputs, training=False)[0]

    compiled = jax.jit(predict)
    variables = (network.trainable_variables, network.non_trainable_variables)
    trainable, rest = ([v.value for v in part] for part in variables)
    return lambda: compiled(trainable, rest, inputs)


def _compiled(function: Callable[[Any], Any], xla: bool) -> Callable[[Any], Any]:
    if BACKEND == "tensorflow":
        return tf.function(function, jit_compile=xla)
    return jax.jit(function)


def _waited(step: Step) -> Callable[[], None]:
    """A step that returns when the device has finished it."""

    def work() -> None:
        result = step()
        if BACKEND == "tensorflow":
            tf.test.experimental.sync_devices()
        else:
            jax.block_until_ready(result)

    return work


def _on_accelerator() -> bool:
    if BACKEND == "tensorflow":
        return bool(tf.config.list_physical_devices("GPU"))
    return jax.devices()[0].platform != "cpu"


def _peak_on_device() -> int | None:
    """Peak memory that the framework allocated on the device, bytes; None on a CPU."""
    if not _on_accelerator():
        return None
    if BACKEND == "tensorflow":
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    return int(jax.devices()[0].memory_stats()["peak_bytes_in_use"])


def _where() -> dict[str, Any]:
    if not _on_accelerator():
        device = processor()
    elif BACKEND == "tensorflow":
        gpu = tf.config.list_physical_devices("GPU")[0]
        device = tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
    else:
        device = jax.devices()[0].device_kind
    framework = tf.__version__ if BACKEND == "tensorflow" else jax.__version__
    return {
        "device": device,
        "accelerator": _on_accelerator(),
        "versions": {BACKEND: framework, "keras": version("keras")},
    }


if __name__ == "__main__":
    main()
