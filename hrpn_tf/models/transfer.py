"""The weights of one network for another of nearly the same architecture.

A layer that its preset gave a name is found by this name. Names that Keras made, such as
``conv2d_3``, number the layers that a process has built, so these are found by their order: both
lists of layers, in the order of the graph, are aligned by kind and shape, so that a layer that only
one of them has shifts nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import prod
from typing import Any

import keras
import numpy as np

from hrpn_tf.models.channel_map import ChannelMap
from hrpn_tf.models.ends import NORMALISATIONS, Ends, Origins, ends_of

_OUTPUT = -2  # in place of a number of channels that may differ; odd ones stand for inputs
# Axes (input channels, output channels) of kernel and bias.
_AXES: dict[type, tuple[tuple[int | None, int | None], ...]] = {
    keras.layers.Conv2D: ((-2, -1), (None, -1)),
    keras.layers.Conv2DTranspose: ((-1, -2), (None, -1)),
    keras.layers.Dense: ((0, 1), (None, -1)),
}


@dataclass(frozen=True)
class LayerTransfer:
    """What becomes of one layer of the new network.

    Attributes:
        layer: its name.
        source: name of the layer that its weights come from; None if it keeps its own.
        weights: how many it has.
        adapted: whether they are changed on the way; see :class:`ChannelMap`.
        at_end: whether it reads the inputs or gives the outputs of the network.
        values: of its weights in turn; empty if it keeps its own.
    """

    layer: str
    source: str | None
    weights: int
    adapted: bool
    at_end: bool
    values: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Transfer:
    """What becomes of all layers with weights of the new network, in the order of the graph.

    Attributes:
        layers: of the new network.
        unused: names of the old network's layers whose weights go nowhere.
    """

    layers: tuple[LayerTransfer, ...]
    unused: tuple[str, ...]

    @property
    def share(self) -> float:
        """Part of the new network's weights that come from the old one, 0 to 1."""
        taken = sum(each.weights for each in self.layers if each.source is not None)
        return taken / max(sum(each.weights for each in self.layers), 1)

    def apply(self, network: keras.Model) -> None:
        """Give the new network the weights; layers that keep their own are left alone."""
        layers = {layer.name: layer for layer in network.layers}
        for each in self.layers:
            if each.source is not None:
                for variable, value in zip(layers[each.layer].weights, each.values, strict=True):
                    variable.assign(value)


@dataclass(frozen=True)
class _Part:
    """A layer with weights.

    Attributes:
        layer: of Keras.
        shapes: of its weights, with marks for numbers of the network's own channels.
    """

    layer: Any
    shapes: tuple[tuple[int, ...], ...]

    @property
    def kind(self) -> tuple[object, ...]:
        return (type(self.layer).__name__, self.shapes)


def transfer_weights(
    old: keras.Model, new: keras.Model, inputs: ChannelMap, outputs: ChannelMap
) -> Transfer:
    """Match the layers of two functional models; neither is changed.

    Args:
        old: the network that weights come from.
        new: the network that they are for, which may have another number of inputs and outputs.
        inputs, outputs: how its channels are made of the old ones; the channels of several inputs
            follow one another.

    Raises:
        ModelGraphError: a model has no graph.

    Example:
        >>> from hrpn_tf.models.build import build_model
        >>> from hrpn_tf.models.channel_map import map_inputs, map_outputs
        >>> old, new = (build_model("hrpn-s", inputs=2) for _ in range(2))
        >>> inputs = map_inputs(2, ("vessels", "nuclei"))
        >>> transfer_weights(old, new, inputs, map_outputs(("qd",), ("qd",))).share
        1.0
    """
    old_ends, new_ends = ends_of(old), ends_of(new)
    before, after = _parts(old, old_ends), _parts(new, new_ends)
    pairs = _pairs(before, after)
    layers = []
    for part in after:
        layer, source = part.layer, pairs.get(part.layer.name)
        values, adapted = None, False
        if source is not None:
            values, adapted = _values(source.layer, layer, (old_ends, new_ends), inputs, outputs)
        weights = sum(prod(w.shape) for w in layer.weights)
        at_end = layer.name in new_ends.reads or layer.name in new_ends.gives
        found = None if source is None or values is None else source.layer.name
        layers.append(
            LayerTransfer(layer.name, found, weights, adapted, at_end, tuple(values or ()))
        )
    used = {each.source for each in layers}
    unused = tuple(part.layer.name for part in before if part.layer.name not in used)
    return Transfer(tuple(layers), unused)


def is_generated(layer: Any) -> bool:
    """Whether Keras made the name of a layer.

    Example:
        >>> is_generated(keras.layers.Conv2DTranspose(1, 1))
        True
        >>> is_generated(keras.layers.Conv2D(1, 1, name="head"))
        False
    """
    kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
    kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()
    return re.fullmatch(rf"{kind}(_\d+)?", layer.name) is not None


def _parts(model: keras.Model, ends: Ends) -> list[_Part]:
    return [_Part(layer, _shapes(layer, ends)) for layer in model.layers if layer.weights]


def _shapes(layer: Any, ends: Ends) -> tuple[tuple[int, ...], ...]:
    """The shapes of a layer's weights; numbers of inputs and outputs of the network are marks."""
    shapes = [list(weight.shape) for weight in layer.weights]
    for shape, (read, given) in zip(shapes, _axes(layer), strict=False):
        if layer.name in ends.reads and read is not None:
            features = sum(origin is None for origin in ends.reads[layer.name])
            shape[read] = -1 - 2 * features
        if layer.name in ends.gives and given is not None:
            shape[given] = _OUTPUT
    return tuple(tuple(shape) for shape in shapes)


def _axes(layer: Any) -> Sequence[tuple[int | None, int | None]]:
    """Of each weight; none for layers whose channels cannot be adapted."""
    if isinstance(layer, NORMALISATIONS):
        return ((-1, -1),) * len(layer.weights)
    if getattr(layer, "groups", 1) != 1:
        return ()
    return _AXES.get(type(layer), ())


def _pairs(before: Sequence[_Part], after: Sequence[_Part]) -> Mapping[str, _Part]:
    """The part that belongs to each layer of the new network, by its name."""
    named = {part.layer.name: part for part in before if not is_generated(part.layer)}
    pairs = {}
    for part in after:
        other = None if is_generated(part.layer) else named.get(part.layer.name)
        if other is not None and other.kind == part.kind:
            pairs[part.layer.name] = other
    rest = [part for part in before if is_generated(part.layer)]
    open_ = [part for part in after if is_generated(part.layer)]
    kinds = [part.kind for part in rest], [part.kind for part in open_]
    for i, j, length in SequenceMatcher(None, *kinds, autojunk=False).get_matching_blocks():
        for k in range(length):
            pairs[open_[j + k].layer.name] = rest[i + k]
    return pairs


def _values(
    old: Any, new: Any, ends: tuple[Ends, Ends], inputs: ChannelMap, outputs: ChannelMap
) -> tuple[list[np.ndarray] | None, bool]:
    """The values for a layer, and whether they were adapted; None if they cannot be."""
    values = [np.asarray(weight.numpy(), np.float32) for weight in old.weights]
    adapted = False
    for number, (read, given) in enumerate(_axes(new)[: len(values)]):
        if new.name in ends[1].reads and read is not None:
            matrix = _mixed(ends[0].reads[old.name], ends[1].reads[new.name], inputs.matrix)
            values[number], changed = _along(values[number], read, matrix)
            adapted |= changed
        if new.name in ends[1].gives and given is not None:
            values[number], changed = _along(values[number], given, outputs.matrix)
            adapted |= changed
    if adapted and isinstance(new, NORMALISATIONS):
        return None, False  # statistics of other channels
    return values, adapted


def _mixed(old: Origins, new: Origins, inputs: np.ndarray) -> np.ndarray:
    """(new, old): what a layer reads in place of what the other one read."""
    rows, columns = _numbered(new), _numbered(old)
    matrix = np.zeros((len(rows), len(columns)), np.float32)
    for i, (channel, turn) in enumerate(rows):
        for j, (other, other_turn) in enumerate(columns):
            if turn != other_turn or (channel is None) != (other is None):
                continue
            matrix[i, j] = 1.0 if channel is None or other is None else inputs[channel, other]
    return matrix


def _numbered(origins: Origins) -> list[tuple[int | None, int]]:
    """Each with the number of times that it came before: features are told apart by it."""
    return [(origin, origins[:i].count(origin)) for i, origin in enumerate(origins)]


def _along(value: np.ndarray, axis: int, matrix: np.ndarray) -> tuple[np.ndarray, bool]:
    """An array with other channels along an axis, and whether they are others at all."""
    if matrix.shape[0] == matrix.shape[1] and (matrix == np.eye(len(matrix))).all():
        return value, False
    return np.moveaxis(np.tensordot(matrix, value, (1, axis)), 0, axis), True
