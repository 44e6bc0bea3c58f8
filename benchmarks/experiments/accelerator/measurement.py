"""One measurement of the experiment, run in its own process; prints one line of JSON.

Runs on the TensorFlow or the JAX backend of Keras, according to ``KERAS_BACKEND``.
"""

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from keras import ops

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

BACKWARD = 2  # forward passes that a backward pass costs, in operations and in bytes
SCALING = Scaling(
    input_mean=(60.0, 60.0),
    input_std=(40.0, 40.0),
    target_scale=20.0,
    input_peak=(255.0, 255.0),
    target_peak=255.0,
)


def main() -> None:
    """Run the measurement that the arguments describe and print it."""
    options = _options()
    measure = _measure_limits if options.work == "limits" else _measure_network
    print(json.dumps({**measure(options), **_where()}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="One measurement of the experiment accelerator.")
    parser.add_argument("work", choices=["train", "forward", "limits"])
    parser.add_argument("--preset", default="hrpn-m")
    parser.add_argument("--precision", default="float32", help="a Keras dtype policy")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=512, help="side of a patch, px")
    parser.add_argument("--steps", type=int, default=10, help="timed steps, at least")
    parser.add_argument("--seconds", type=float, default=5.0, help="timed seconds, at least")
    parser.add_argument("--xla", action="store_true", help="XLA on TensorFlow; JAX always uses it")
    return parser.parse_args()


def _measure_network(options: argparse.Namespace) -> dict[str, Any]:
    """Time of each step, memory, and the least that a step must compute and move."""
    ops.zeros(1) + 1.0  # starts the device
    before = _resident()
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
    _warm_up(step)
    return {
        "seconds": _timed(step, options.steps, options.seconds),
        "memory": _peak_on_device() or _peak_resident() - before,
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
    _warm_up(step)
    return min(_timed(step, least=5, seconds=1.0))


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


def _warm_up(step: Step) -> None:
    """Run 3 to 20 times, until a step is hardly faster than those before."""
    fastest = math.inf
    for number in range(20):
        seconds = _seconds(step)
        if number >= 2 and seconds > 0.9 * fastest:
            return
        fastest = min(fastest, seconds)


def _timed(step: Step, least: int, seconds: float) -> list[float]:
    times: list[float] = []
    while len(times) < least or sum(times) < seconds:
        times.append(_seconds(step))
    return times


def _seconds(step: Step) -> float:
    """Time from the start of a step until the device has finished it, s."""
    start = time.perf_counter()
    result = step()
    if BACKEND == "tensorflow":
        tf.test.experimental.sync_devices()
    else:
        jax.block_until_ready(result)
    return time.perf_counter() - start


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


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak_resident() -> int:
    status = Path("/proc/self/status").read_text(
        encoding="utf-8"
    )  # ru_maxrss starts at the parent's peak
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _where() -> dict[str, Any]:
    if not _on_accelerator():
        device = f"{_processor()}, {len(os.sched_getaffinity(0))} cores"
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


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


if __name__ == "__main__":
    main()
