"""Divide a graph into the network itself and the scaling of grey levels at its ends.

This works for every file format: a graph is a list of operations in order of execution.
"""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass

# Operations that multiply by weights, in the names of each format, and those that read a size.
_ONNX = ("Conv", "ConvTranspose")
_TFLITE = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE", "FULLY_CONNECTED")
CONVOLUTIONS = frozenset((*_ONNX, *_TFLITE))
_SIZES = frozenset(("Shape", "Size", "SHAPE"))


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: unique name in its graph.
        kind: type of the operation, as the format names it.
        inputs: values that it takes.
        outputs: values that it produces.
    """

    name: str
    kind: str
    inputs: tuple[Hashable, ...]
    outputs: tuple[Hashable, ...]


@dataclass(frozen=True)
class Parts:
    """Names of operations, in order of execution.

    Attributes:
        network: the convolutions, and every operation on a path between two of them.
        first: convolutions that depend on no other.
        inner: operations of ``network`` that are neither in ``first`` nor in ``last``.
        last: convolutions that no other depends on.
    """

    network: tuple[str, ...]
    first: tuple[str, ...]
    inner: tuple[str, ...]
    last: tuple[str, ...]


def parts_of(operations: Sequence[Operation], grey_levels: Hashable) -> Parts:
    """Divide the operations of a graph.

    Operations that depend only on the size of the input (``Shape`` and its successors) belong to
    no part.

    Args:
        operations: operations in order of execution.
        grey_levels: input of the graph.
    """
    pixels = _reached(operations, {grey_levels})
    on_pixels = [o for o in operations if pixels.intersection(o.inputs) and o.kind not in _SIZES]
    convolutions = [o for o in on_pixels if o.kind in CONVOLUTIONS]
    below = _reached(on_pixels, {value for o in convolutions for value in o.outputs})
    above = _needed(on_pixels, {value for o in convolutions for value in o.inputs})

    def after_one(o: Operation) -> bool:
        return bool(below.intersection(o.inputs))

    def before_one(o: Operation) -> bool:
        return bool(above.intersection(o.outputs))

    between = [o for o in on_pixels if after_one(o) and before_one(o)]
    ends = [o for o in convolutions if not (after_one(o) and before_one(o))]
    members = {o.name for o in (*between, *ends)}
    return Parts(
        network=tuple(o.name for o in on_pixels if o.name in members),
        first=tuple(o.name for o in ends if not after_one(o)),
        inner=tuple(o.name for o in between),
        last=tuple(o.name for o in ends if not before_one(o)),
    )


def _reached(operations: Sequence[Operation], start: Collection[Hashable]) -> set[Hashable]:
    """Values that depend on the pixels of ``start``, itself included."""
    values = set(start)
    for operation in operations:
        if operation.kind not in _SIZES and values.intersection(operation.inputs):
            values.update(operation.outputs)
    return values


def _needed(operations: Sequence[Operation], start: Collection[Hashable]) -> set[Hashable]:
    """Values that ``start`` depends on, itself included."""
    values = set(start)
    for operation in reversed(operations):
        if values.intersection(operation.outputs):
            values.update(operation.inputs)
    return values
