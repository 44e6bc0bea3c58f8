"""Which operations of a graph are the network proper, and which scale grey levels at its ends.

The same for every file format: a graph is a list of operations in order of execution.
"""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass

# Kinds, in the formats' own names, that multiply by weights, and those that only look at a size.
_ONNX = ("Conv", "ConvTranspose")
_TFLITE = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE", "FULLY_CONNECTED")
CONVOLUTIONS = frozenset((*_ONNX, *_TFLITE))
_SIZES = frozenset(("Shape", "Size", "SHAPE"))


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: unique in its graph.
        kind: in the words of the format.
        inputs: the values that it takes.
        outputs: the values that it gives.
    """

    name: str
    kind: str
    inputs: tuple[Hashable, ...]
    outputs: tuple[Hashable, ...]


@dataclass(frozen=True)
class Parts:
    """Names of operations, in order of execution.

    Attributes:
        network: the convolutions, and all that lies on a way from one to another.
        first: the convolutions that no other comes before.
        inner: all of ``network`` that is neither among the first nor among the last.
        last: the convolutions that no other comes after.
    """

    network: tuple[str, ...]
    first: tuple[str, ...]
    inner: tuple[str, ...]
    last: tuple[str, ...]


def parts_of(operations: Sequence[Operation], grey_levels: Hashable) -> Parts:
    """Divide the operations of a graph.

    What depends on the size of the input alone (``Shape`` and what follows) belongs to no part.

    Args:
        operations: in order of execution.
        grey_levels: the input of the graph.
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
    """Values that pixels of ``start`` flow into, itself included."""
    values = set(start)
    for operation in operations:
        if operation.kind not in _SIZES and values.intersection(operation.inputs):
            values.update(operation.outputs)
    return values


def _needed(operations: Sequence[Operation], start: Collection[Hashable]) -> set[Hashable]:
    """Values that ``start`` is computed from, itself included."""
    values = set(start)
    for operation in reversed(operations):
        if values.intersection(operation.outputs):
            values.update(operation.inputs)
    return values
