"""Where the channels of a network come in and go out, read off its graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from hrpn_tf.errors import ModelGraphError
from hrpn_tf.models.graph import nodes_of

# Of each channel of a tensor: the number of the network's input channel that it is, scaled or
# padded but not mixed with others; None for a feature.
Origins = tuple[int | None, ...]

NORMALISATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
)


@dataclass(frozen=True)
class Ends:
    """The first and the last layers with weights.

    Attributes:
        reads: by name of each layer that reads input channels, the origins of all that it reads.
        gives: names of the layers whose channels are those of the output.
    """

    reads: Mapping[str, Origins]
    gives: frozenset[str]


def ends_of(model: keras.Model) -> Ends:
    """The ends of a functional model; channels of several inputs are numbered through.

    Layers without weights that leave the number of channels as it is, such as scaling, padding and
    activation, pass channels on, and so does normalisation.

    Raises:
        ModelGraphError: it has no graph.

    Example:
        >>> grey = keras.Input((None, None, 2))
        >>> x = keras.layers.Conv2D(4, 3, name="first")(keras.layers.Rescaling(0.1)(grey))
        >>> y = keras.layers.ReLU()(keras.layers.Conv2D(1, 1, name="last")(x))
        >>> ends = ends_of(keras.Model(grey, y))
        >>> dict(ends.reads), sorted(ends.gives)
        ({'first': (0, 1)}, ['last'])
    """
    model = getattr(model, "_functional", None) or model  # what a Sequential model holds
    if not hasattr(model, "_nodes_by_depth"):
        raise ModelGraphError(f"model {model.name}: expected a functional model")
    origins = _input_origins(model)
    makers: dict[int, Any] = {}  # id of a tensor: node that gives it
    reads: dict[str, Origins] = {}
    for node in nodes_of(model):
        for tensor in node.outputs:
            makers[id(tensor)] = node
        if node.is_input:
            continue
        sources = [origins[id(tensor)] for tensor in node.input_tensors]
        if _weights(node.operation) and len(sources) == 1 and set(sources[0]) != {None}:
            reads[node.operation.name] = sources[0]
        for tensor in node.outputs:
            origins[id(tensor)] = _passed_on(node.operation, sources, tensor.shape[-1] or 0)
    return Ends(reads, frozenset(_givers(model, makers)))


def _input_origins(model: keras.Model) -> dict[int, Origins]:
    origins: dict[int, Origins] = {}
    first = 0
    for tensor in model.inputs:
        count = tensor.shape[-1] or 0
        origins[id(tensor)] = tuple(range(first, first + count))
        first += count
    return origins


def _passed_on(operation: Any, sources: Sequence[Origins], channels: int) -> Origins:
    """The origins of what an operation gives."""
    if isinstance(operation, keras.layers.Concatenate) and operation.axis in (-1, 3):
        return tuple(origin for source in sources for origin in source)
    if len(sources) == 1 and len(sources[0]) == channels and _keeps_channels(operation):
        return sources[0]
    return (None,) * channels


def _givers(model: keras.Model, makers: Mapping[int, Any]) -> set[str]:
    """Layers with weights from which the output is reached channel by channel."""
    found: set[str] = set()
    pending = list(model.outputs)
    while pending:
        tensor = pending.pop()
        node = makers[id(tensor)]
        if node.is_input:
            continue
        if _weights(node.operation):
            found.add(node.operation.name)
        if _keeps_channels(node.operation):
            pending += [x for x in node.input_tensors if x.shape[-1] == tensor.shape[-1]]
    return found


def _keeps_channels(operation: Any) -> bool:
    """Whether an operation that leaves the number of channels does not mix them, either."""
    return not _weights(operation) or isinstance(operation, NORMALISATIONS)


def _weights(operation: Any) -> list[Any]:
    return list(getattr(operation, "weights", ()))  # operations that are no layers have none
