"""Heads for the lower and upper bound of a prediction interval, added to a trained network.

The trained network stays as it is, weight for weight: its prediction is the first channel. Two
small outputs on its last shared features say how far the bounds lie below and above it, so that
the bounds cannot cross (as in simultaneous quantile regression by positive increments, e.g.
Gasthaus et al. 2019).
"""

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from hrpn_tf.errors import ModelGraphError
from hrpn_tf.models.layers import AlignedUpsample, IntervalBounds, Upsample

BOUNDS, HEAD = "interval", "interval_head"
_RESIZING = (AlignedUpsample, Upsample, layers.UpSampling2D)
_CONVOLUTIONS = (layers.Conv2D, layers.Conv2DTranspose)
# What may lie between the last convolution and the output.
_PASSED = (layers.Activation, layers.Identity, layers.Rescaling, layers.ReLU, *_RESIZING)


def add_interval_heads(model: keras.Model, unit: float) -> keras.Model:
    """A network with an untrained lower and upper bound beside its prediction.

    The heads read what the network's last convolution reads, by a convolution of the same kind;
    what resizes its result resizes theirs. If several layers meet after the last convolution,
    they read where these meet.

    Args:
        model: functional, (N, H, W, inputs) to (N, H, W, 1), grey levels; its layers are shared
            with the result and frozen.
        unit: grey levels that count as one of the heads' numbers, positive.

    Returns:
        (N, H, W, inputs) to (N, H, W, 3): prediction, lower and upper bound. Only the layer
        ``interval_head`` can be trained; the layer ``interval`` holds the correction.

    Raises:
        ModelGraphError: not one output channel, or intervals are there already.
    """
    if model.output_shape[-1] != 1:
        raise ModelGraphError(
            f"model {model.name}: intervals are for networks of one output channel, not "
            f"{model.output_shape[-1]}"
        )
    for layer in model.layers:
        layer.trainable = False
    end = _find_end(model)
    x = end.head(end.features)
    for layer in end.resizing:
        config = {**layer.get_config(), "name": f"{HEAD}_{layer.name}"}
        x = type(layer).from_config(config)(x)
    # above -1, linear where it is large, and as cheap as an exponential
    x = layers.Activation("elu", dtype="float32", name=f"{HEAD}_spread")(x)
    bounds = IntervalBounds(unit, name=BOUNDS)([model.output, x])
    return keras.Model(model.input, bounds, name=model.name)


def with_factors(
    model: keras.Model, edges: tuple[float, ...], factors: tuple[float, ...]
) -> keras.Model:
    """A network of :func:`add_interval_heads` with another correction; layers are shared.

    Args:
        model: with intervals.
        edges, factors: see :class:`~hrpn_tf.models.layers.IntervalBounds`.
    """
    layer = bounds_of(model)
    config = {**layer.get_config(), "edges": list(edges), "factors": list(factors)}
    mean, spreads = layer.input
    bounds = IntervalBounds.from_config(config)([mean, spreads])
    return keras.Model(model.input, bounds, name=model.name)


def with_spreads(model: keras.Model, bounds: bool) -> keras.Model:
    """What a calibration looks at: the spreads in grey levels, before any factor.

    Args:
        model: with intervals.
        bounds: whether lower and upper bound are given as well.

    Returns:
        (N, H, W, inputs) to mean, spread below, spread above; with bounds to mean, lower, upper,
        spread below, spread above; all in grey levels.
    """
    layer = bounds_of(model)
    mean, spreads = layer.input
    offset = layer.unit * (1.0 + layer.LEAST)
    grey = layers.Rescaling(layer.unit, offset, dtype="float32", name="spreads")(spreads)
    first = model.output if bounds else mean
    return keras.Model(model.input, layers.Concatenate(name="both")([first, grey]))


def without_intervals(model: keras.Model) -> keras.Model:
    """The prediction of a network alone; layers are shared, and one without bounds stays as it is.

    Args:
        model: (N, H, W, inputs) to (N, H, W, 3) with intervals, or to any outputs without.

    Returns:
        (N, H, W, inputs) to (N, H, W, 1), or ``model``.
    """
    if not any(isinstance(layer, IntervalBounds) for layer in model.layers):
        return model
    return keras.Model(model.input, bounds_of(model).input[0], name=model.name)


def bounds_of(model: keras.Model) -> IntervalBounds:
    """The layer that makes the bounds.

    Raises:
        ModelGraphError: the network has none.
    """
    for layer in model.layers:
        if isinstance(layer, IntervalBounds):
            return layer
    raise ModelGraphError(f"model {model.name}: no prediction intervals")


@dataclass(frozen=True)
class _End:
    """How a network ends.

    Attributes:
        features: what its last convolution reads.
        head: a new convolution of the same kind with two channels.
        resizing: layers that resize what the convolution gives, in order.
    """

    features: Any
    head: keras.layers.Layer
    resizing: tuple[keras.layers.Layer, ...]


def _find_end(model: keras.Model) -> _End:
    tensor = model.output
    resizing: list[keras.layers.Layer] = []
    while True:
        operation, index, _ = tensor._keras_history
        sources = operation._inbound_nodes[index].input_tensors
        if isinstance(operation, _CONVOLUTIONS):
            return _End(sources[0], _head_like(operation), tuple(reversed(resizing)))
        if not isinstance(operation, _PASSED) or len(sources) != 1:
            plain = layers.Conv2D(2, 1, **_ZEROS, dtype="float32", name=HEAD)
            return _End(tensor, plain, tuple(reversed(resizing)))
        if isinstance(operation, _RESIZING):
            resizing.append(operation)
        tensor = sources[0]


_ZEROS = {"kernel_initializer": "zeros", "bias_initializer": "zeros"}


def _head_like(convolution: keras.layers.Layer) -> keras.layers.Layer:
    kept = ("kernel_size", "strides", "padding", "dilation_rate")
    config = {key: value for key, value in convolution.get_config().items() if key in kept}
    return type(convolution)(2, **config, **_ZEROS, dtype="float32", name=HEAD)
