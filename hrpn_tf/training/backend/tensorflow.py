"""Training with TensorFlow; see :class:`~hrpn_tf.training.backend.Backend`."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf
from hrpn_export.tracing import with_constant_weights
from tensorflow.python.client import device_lib

Function = Callable[..., Any]
Variables = Sequence[Any]

_tapes = threading.local()  # each replica of a device has a thread and tapes of its own

SUMS = "float64"
SUMS_BY_ROW = False


def compiled(function: Function, variables: Variables, *, updates: bool = True) -> Function:
    """Compile with ``tf.function``, which finds the variables itself."""
    graph: Function = tf.function(function, reduce_retracing=not updates)
    return graph


def fused(function: Function) -> Function:
    """Compile with XLA as a nested ``tf.function``."""
    graph: Function = tf.function(function, jit_compile=True)
    return graph


def gradients(
    function: Callable[[], tuple[Any, Any]], trained: Variables, others: Variables
) -> tuple[list[Any], Any]:
    """Differentiate with ``tf.GradientTape``."""
    with tf.GradientTape() as tape:
        _tapes.stack = [*getattr(_tapes, "stack", []), tape]
        try:
            value, more = function()
        finally:
            _tapes.stack = _tapes.stack[:-1]
    return tape.gradient(value, [variable.value for variable in trained]), more


def unrecorded() -> AbstractContextManager[None]:
    """Stop the tape of this thread: replicas meet when they apply, which no tape may record."""
    found: AbstractContextManager[None] = _tapes.stack[-1].stop_recording()
    return found


def apply(optimizer: Any, gradients: Sequence[Any], trained: Variables) -> None:
    """Apply with the optimizer's own ``apply``."""
    optimizer.apply(gradients, trained)


def add_parts(
    gradients: Callable[..., tuple[list[Any], Any]], data: Any, parts: int, variables: Variables
) -> tuple[list[Any], Any]:
    """Loop within the graph, so that only the activations of one part are in memory."""
    size = tf.shape(data[0])[0] // parts

    def part_of(part: Any) -> Any:
        here = slice(part * size, (part + 1) * size)
        return tf.nest.map_structure(lambda tensor: tensor[here], data)

    def one(part: tf.Tensor, total: list[tf.Tensor], sums: tf.Tensor) -> tuple[Any, ...]:
        new, more = gradients(*part_of(part))
        return part + 1, [a + b for a, b in zip(total, new, strict=True)], sums + more

    first, sums = gradients(*part_of(0))
    _, total, sums = tf.while_loop(
        lambda part, *_: part < parts, one, (tf.constant(1), first, sums), parallel_iterations=1
    )
    return total, sums


def map_parts(function: Function, tensor: Any, parts: int) -> Any:
    """Loop within the graph."""
    shape = tf.shape(tensor)
    split = tf.reshape(tensor, [parts, -1, *tensor.shape[1:]])
    found = tf.map_fn(function, split, parallel_iterations=1)
    return tf.reshape(found, [shape[0], *tensor.shape[1:3], 1])


def frozen(network: keras.Model, inputs: int) -> Function:
    """Trace with constant weights, as exports do."""
    return with_constant_weights(network, inputs)


def cores(image: Any, corner: Any, side: int) -> Any:
    """Gather rows, then columns."""
    rows, columns = (corner[:, axis, None] + tf.range(side) for axis in (0, 1))
    image = tf.gather(image, rows, axis=1, batch_dims=1)
    return tf.gather(image, columns, axis=2, batch_dims=1)


def prepare(deterministic: bool) -> None:
    """Request deterministic operations."""
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def gpu_names() -> list[str]:
    """Names that the driver gives."""
    return [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]


def free_on_gpus() -> list[int]:
    """Memory limit of TensorFlow on each GPU less what it has allocated, bytes."""
    if not tf.config.list_physical_devices("GPU"):
        return []
    return [
        device.memory_limit
        - tf.config.experimental.get_memory_info(device.name.removeprefix("/device:"))["current"]
        for device in device_lib.list_local_devices()
        if device.device_type == "GPU"
    ]


def gpu_bytes(what: str) -> int:
    """Count of TensorFlow's allocator."""
    return int(tf.config.experimental.get_memory_info("GPU:0")[what])


def forget_peak() -> None:
    """Reset the peak counter of the first GPU."""
    tf.config.experimental.reset_memory_stats("GPU:0")


def is_exhausted(error: BaseException) -> bool:
    """Whether it is a ``ResourceExhaustedError``."""
    return isinstance(error, tf.errors.ResourceExhaustedError)


def versions() -> Mapping[str, str]:
    """Version of the module, whether tensorflow or tensorflow-cpu is installed."""
    return {"tensorflow": tf.__version__}
