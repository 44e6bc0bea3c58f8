"""Stride multiple, receptive field and cost of a functional model, computed from its graph."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import lcm
from typing import Any

import keras

from hrpn_tf.errors import ModelGraphError
from hrpn_tf.models.layer_rules import macs_of, steps_of
from hrpn_tf.models.steps import Length, Spans

Lengths = tuple[Length, Length]  # of height, of width
_INPUT: Lengths = (Length(Fraction(1), 0), Length(Fraction(1), 0))


def stride_multiple(model: keras.Model) -> int:
    """The number, px, of which height and width of an input must be multiples.

    Raises:
        ModelGraphError: see :func:`receptive_field`.
    """
    return _stride_multiple(_traced(model))


def receptive_field(model: keras.Model) -> int | None:
    """Side length, px, of the input square that an output pixel depends on.

    Read off the graph, in inference mode (batch normalisation depends on nothing then), as the
    largest over all positions relative to the strides; so ``receptive_field // 2`` is the halo
    that a tile needs. None if the whole input matters: corner-aligned resizing, global pooling,
    group or instance normalisation.

    Raises:
        ModelGraphError: not a functional model with one input and one output of equal size, a
            layer type without a rule, or branches that meet with different sizes.
    """
    calls = _traced(model)
    if calls[-1].lengths != _INPUT:
        raise ModelGraphError(f"model {model.name}: the output is not of the input's size")
    period = _stride_multiple(calls)
    spans = [_reach(calls, axis, period) for axis in (0, 1)]
    return None if None in spans else 2 * max(s.reach() for s in spans if s is not None) + 1


def coarsest_output(model: keras.Model) -> Any:
    """The last symbolic tensor (N, h, w, C) of the lowest resolution: the widest view there is.

    Raises:
        ModelGraphError: it lies in a nested model, or see :func:`receptive_field`.
    """
    calls = _traced(model)
    ratios = [call.lengths[0].ratio for call in calls]
    coarsest = min(ratio for ratio in ratios if ratio)
    last = max(i for i, ratio in enumerate(ratios) if ratio == coarsest)
    operation = calls[last].operation
    if operation not in model.operations:
        raise ModelGraphError(f"model {model.name}: {operation.name} lies in a nested model")
    return operation.output


def count_macs(model: keras.Model, height: int, width: int) -> int:
    """Multiply-accumulate operations of one (1, height, width, C) input.

    Convolutions and dense layers count; normalisation, resizing and element-wise work do not.

    Raises:
        ModelGraphError: a side off the stride multiple, or see :func:`receptive_field`.
    """
    return sum(macs_by_layer(model, height, width).values())


def macs_by_layer(model: keras.Model, height: int, width: int) -> dict[str, int]:
    """As :func:`count_macs`, by the name of each layer that has any, in order of execution."""
    calls = _traced(model)
    multiple = _stride_multiple(calls)
    if height % multiple or width % multiple:
        raise ModelGraphError(
            f"model {model.name}: {height} x {width} px is not a multiple of {multiple}"
        )
    macs: dict[str, int] = {}
    for call in calls:
        if not call.sources:
            continue
        source = calls[call.sources[0]]
        pixels_in, pixels_out = (
            rows.at(height) * columns.at(width) for rows, columns in (source.lengths, call.lengths)
        )
        if count := macs_of(call.operation, source.channels, pixels_in, pixels_out):
            macs[call.operation.name] = macs.get(call.operation.name, 0) + count
    return macs


@dataclass(frozen=True)
class _Call:
    """One call of a layer.

    Attributes:
        operation: the layer.
        sources: positions, in the list of calls, of those whose outputs it takes.
        channels: channels of its output.
        merged: height and width of what it takes.
        lengths: height and width of what it gives.
    """

    operation: Any
    sources: tuple[int, ...]
    channels: int
    merged: Lengths
    lengths: Lengths


def _traced(model: keras.Model) -> list[_Call]:
    """All calls in order of execution, nested models opened; the last gives the output."""
    calls: list[_Call] = []

    def record(operation: Any, sources: tuple[int, ...], channels: int) -> int:
        merged = _merge(operation, [calls[i].lengths for i in sources]) if sources else _INPUT
        rows, columns = steps_of(operation)
        lengths = (rows.length(merged[0]), columns.length(merged[1]))
        calls.append(_Call(operation, sources, channels, merged, lengths))
        return len(calls) - 1

    output = _trace(model, None, record)
    if output != len(calls) - 1:
        raise ModelGraphError(f"model {model.name}: layers that do not lead to the output")
    return calls


def _trace(
    model: keras.Model, source: int | None, record: Callable[[Any, tuple[int, ...], int], int]
) -> int:
    """Record each call of ``model``, fed by call ``source`` (None: its own input layer)."""
    model = getattr(model, "_functional", None) or model  # what a Sequential model holds
    if not hasattr(model, "_nodes_by_depth") or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelGraphError(
            f"model {model.name}: expected a functional model with one input and one output"
        )
    places: dict[int, int] = {}  # id of a symbolic tensor: call that gives it
    for node in nodes_of(model):
        tensor = node.outputs[0]
        if node.is_input:
            place = record(node.operation, (), tensor.shape[-1]) if source is None else source
        else:
            sources = tuple(places[id(x)] for x in node.input_tensors)
            if isinstance(node.operation, keras.Model):
                place = _trace(node.operation, sources[0], record)
            else:
                place = record(node.operation, sources, tensor.shape[-1])
        places[id(tensor)] = place
    return places[id(model.outputs[0])]


def nodes_of(model: keras.Model) -> Iterator[Any]:
    """The nodes of a functional model, each after those it depends on.

    Keras has no public way to them; ``_nodes_by_depth`` has been there since Keras 2.
    """
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from model._nodes_by_depth[depth]


def _merge(operation: Any, lengths: list[Lengths]) -> Lengths:
    """The common size of what meets in a layer; one-pixel results of global pooling broadcast."""
    sizes = {each for each in lengths if each[0].ratio and each[1].ratio} or set(lengths)
    if len(sizes) > 1:
        raise ModelGraphError(f"layer {operation.name}: inputs of different height or width meet")
    return sizes.pop()


def _stride_multiple(calls: list[_Call]) -> int:
    return lcm(*(axis.ratio.denominator for call in calls for axis in call.lengths))


def _reach(calls: list[_Call], axis: int, period: int) -> Spans | None:
    """Spans of the output along one axis; None if the whole input matters."""
    spans: list[Spans | None] = []
    for call in calls:
        if not call.sources:
            spans.append(Spans.of_input(period))
            continue
        sources = [spans[i] for i in call.sources]
        if None in sources:
            spans.append(None)
            continue
        merged = reduce(Spans.union, [s for s in sources if s is not None])
        spans.append(merged.after(steps_of(call.operation)[axis], call.merged[axis]))
    return spans[-1]
