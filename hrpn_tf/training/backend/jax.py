"""Training with JAX; see :class:`~hrpn_tf.training.backend.Backend`.

JAX compiles pure functions. Keras' ``StatelessScope`` makes one of any code that reads and assigns
variables: within it, variables have the values that are passed in, and what is assigned to them is
read from it at the end. So the steps of a training are written once, for both frameworks.

TensorFlow is there as well, to read the data, and leaves the GPU alone.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import keras
import numpy as np
import tensorflow as tf

Function = Callable[..., Any]
Variables = Sequence[Any]

# JAX has the GPU to itself. TensorFlow takes all of it once it computes anything, so this is first.
tf.config.set_visible_devices([], "GPU")

SUMS = "float32"
SUMS_BY_ROW = True


def compiled(function: Function, variables: Variables, *, updates: bool = True) -> Function:
    """Compile a pure function with ``jax.jit``, and assign the new values after each call."""
    # A CPU's arrays are shared with NumPy, which a donated one must not be.
    donated = (0,) if updates and jax.default_backend() != "cpu" else ()

    def pure(values: list[Any], *arguments: Any) -> tuple[Any, list[Any]]:
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            result = function(*arguments)
        return result, _values(scope, variables) if updates else []

    jitted = jax.jit(pure, donate_argnums=donated)

    def call(*arguments: Any) -> Any:
        values = [variable.value for variable in variables]
        result, values = jitted(values, *tf.nest.map_structure(_plain, arguments))
        for variable, value in zip(variables, values, strict=False):
            variable.assign(value)
        return result

    return call


def fused(function: Function) -> Function:
    """Return it unchanged: JAX compiles everything with XLA."""
    return function


def gradients(
    function: Callable[[], tuple[Any, Any]], trained: Variables, others: Variables
) -> tuple[list[Any], Any]:
    """Differentiate within a scope of its own, whose updates then go to the one around it."""
    kept = [(variable, variable.value) for variable in others]

    def pure(values: list[Any]) -> tuple[Any, Any]:
        mapping = [*kept, *zip(trained, values, strict=True)]
        with keras.StatelessScope(mapping) as scope:
            value, more = function()
        return value, (more, _values(scope, others))

    found = jax.value_and_grad(pure, has_aux=True)([variable.value for variable in trained])
    (_, (more, values)), slopes = found
    _assign(others, values)
    return slopes, more


def unrecorded() -> AbstractContextManager[None]:
    """Do nothing: JAX records no tape."""
    return nullcontext()


def apply(optimizer: Any, gradients: Sequence[Any], trained: Variables) -> None:
    """Apply with Keras' stateless form: the other one tests for infinities outside the graph."""
    slots = optimizer.variables
    values, new = optimizer.stateless_apply(
        [variable.value for variable in slots],
        list(gradients),
        [variable.value for variable in trained],
    )
    _assign(trained, values)
    _assign(slots, new)


def add_parts(
    gradients: Callable[..., tuple[list[Any], Any]], data: Any, parts: int, variables: Variables
) -> tuple[list[Any], Any]:
    """Loop within the graph, so that only the activations of one part are in memory."""
    split = jax.tree.map(lambda tensor: tensor.reshape(parts, -1, *tensor.shape[1:]), data)

    def one(state: Any, part: Any) -> tuple[Any, None]:
        values, total = state
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            new = gradients(*part)
        return (_values(scope, variables), jax.tree.map(lambda a, b: a + b, total, new)), None

    values = [variable.value for variable in variables]
    first = jax.tree.map(lambda tensor: tensor[0], split)
    # Shapes alone are computed here; what is assigned on the way is thrown away with the scope.
    with keras.StatelessScope(list(zip(variables, values, strict=True))):
        shapes = jax.eval_shape(lambda part: gradients(*part), first)
    zeros = jax.tree.map(lambda like: jax.numpy.zeros(like.shape, like.dtype), shapes)
    (values, total), _ = jax.lax.scan(one, (values, zeros), split)
    _assign(variables, values)
    slopes, sums = total
    return slopes, sums


def map_parts(function: Function, tensor: Any, parts: int) -> Any:
    """Loop within the graph."""
    split = tensor.reshape(parts, -1, *tensor.shape[1:])
    return jax.lax.map(function, split).reshape(*tensor.shape[:3], 1)


def frozen(network: keras.Model, inputs: int) -> Function:
    """Call outside any scope: variables that no scope knows are constants of the graph."""
    return lambda images: network(images, training=False)


def cores(image: Any, corner: Any, side: int) -> Any:
    """Cut one slice from each image."""
    size = (side, side, image.shape[-1])

    def core(image: Any, corner: Any) -> Any:
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), size)

    return jax.vmap(core)(image, corner)


def prepare(deterministic: bool) -> None:
    """Do nothing: determinism is requested when JAX is imported."""


def gpu_names() -> list[str]:
    """Name that the driver gives; one GPU trains."""
    return [device.device_kind for device in jax.local_devices()[:1] if device.platform != "cpu"]


def free_on_gpus() -> list[int]:
    """Memory limit of JAX on the GPU less what it has allocated, bytes."""
    statistics = jax.local_devices()[0].memory_stats() if gpu_names() else None
    if not statistics or "bytes_limit" not in statistics:
        return []
    return [statistics["bytes_limit"] - statistics["bytes_in_use"]]


def gpu_bytes(what: str) -> int:
    """Count of JAX's allocator."""
    name = {"current": "bytes_in_use", "peak": "peak_bytes_in_use"}[what]
    return int((jax.local_devices()[0].memory_stats() or {}).get(name, 0))


def forget_peak() -> None:
    """Do nothing: JAX cannot reset its peak, which is that of the process."""


def is_exhausted(error: BaseException) -> bool:
    """Whether XLA reports exhausted memory; JAX has one class for all errors of XLA."""
    return isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)


def versions() -> Mapping[str, str]:
    """Versions of both, since TensorFlow reads the data."""
    return {"jax": jax.__version__, "tensorflow": tf.__version__}


def _values(scope: keras.StatelessScope, variables: Variables) -> list[Any]:
    return [scope.get_current_value(variable) for variable in variables]


def _assign(variables: Variables, values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _plain(value: Any) -> Any:
    """A tensor of ``tf.data`` as an array."""
    return np.asarray(value) if isinstance(value, tf.Tensor) else value
