"""The tensors of a network and their bytes, computed from its graph."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from hrpn_tf.models.layer_rules import PIXELWISE, macs_of, steps_of


@dataclass(frozen=True)
class SizedCall:
    """One call of a layer.

    Attributes:
        operation: the layer.
        inputs: symbolic tensors that it takes, of known shape and type.
        outputs: those that it gives; the same object where another call takes it.
    """

    operation: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


def sized_calls(model: keras.Model, batch: int, height: int, width: int) -> list[SizedCall]:
    """Every call of a layer in order of execution, nested models opened.

    Args:
        model: functional; may have several inputs and outputs, and layers of any type.
        batch: images.
        height, width: of every input, px; multiples of the stride multiple.
    """
    calls: list[SizedCall] = []
    inputs = [keras.KerasTensor((batch, height, width, x.shape[-1]), x.dtype) for x in model.inputs]
    _walk(model, inputs, calls)
    return calls


def tensor_bytes(tensor: Any, dtype: str | None = None) -> int:
    """Bytes of a tensor or variable of known shape, in ``dtype`` or in its own type."""
    bits = re.search(r"\d+", dtype or str(tensor.dtype))
    return math.prod(tensor.shape) * (int(bits[0]) // 8 if bits else 1)


def least_traffic(model: keras.Model, batch: int, height: int, width: int) -> int:
    """Bytes that a forward pass must move between memory and the processor, at least.

    Every convolution, pooling and resizing reads its inputs and weights once and writes its output
    once, in the type that it computes in. What works pixel by pixel (normalisation, activation,
    padding) is taken to happen on the way and costs nothing; a sum costs the reading of its other
    terms. Only a program that keeps whole layers in the processor's caches can move less.

    Raises:
        ModelGraphError: a layer type without a rule.
    """
    moved = 0
    for call in sized_calls(model, batch, height, width):
        read, written = _bytes_of(call.inputs), _bytes_of(call.outputs)
        if _on_the_way(call):
            moved += max(read - written, 0)
        else:
            dtype = getattr(call.operation, "compute_dtype", None)
            weights = getattr(call.operation, "weights", ())
            moved += read + written + sum(tensor_bytes(weight, dtype) for weight in weights)
    return moved


def _walk(model: keras.Model, inputs: Sequence[Any], calls: list[SizedCall]) -> Any:
    """Record each call of ``model`` on ``inputs``; gives its outputs.

    Keras computes shapes in the same way (``Functional.compute_output_spec``), but has no public
    way to look on.
    """

    def recorded(operation: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            taken = _tensors((args, kwargs))
            if isinstance(operation, keras.Model):
                return _walk(operation, taken, calls)
            given = operation.compute_output_spec(*args, **kwargs)
            calls.append(SizedCall(operation, taken, _tensors(given)))
            return given

        return call

    functional = getattr(model, "_functional", None) or model  # what a Sequential model holds
    return functional._run_through_graph(inputs, operation_fn=recorded)


def _tensors(structure: Any) -> tuple[Any, ...]:
    return tuple(x for x in keras.tree.flatten(structure) if isinstance(x, keras.KerasTensor))


def _bytes_of(tensors: Sequence[Any]) -> int:
    return sum(tensor_bytes(tensor) for tensor in tensors)


def _on_the_way(call: SizedCall) -> bool:
    if isinstance(call.operation, keras.layers.ZeroPadding2D | keras.layers.Cropping2D):
        return True
    multiplies = macs_of(call.operation, call.inputs[0].shape[-1], pixels_in=1, pixels_out=1)
    return steps_of(call.operation) == PIXELWISE and not multiplies
