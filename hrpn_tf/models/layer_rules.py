"""Rules for each type of Keras layer: its effect on height and width, and its operations.

Looked up by exact type: a subclass may do something else, and a type that is not here is an error,
never a guess.
"""

from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import keras

from hrpn_tf.errors import ModelGraphError
from hrpn_tf.models import layers as own
from hrpn_tf.models.steps import Blend, Everything, SlidingWindow, Spread, Step

Steps = tuple[Step, Step]  # along height, along width
Rule = Callable[[Any], Steps]

PIXELWISE: Steps = (SlidingWindow(), SlidingWindow())
_WHOLE: Steps = (Everything(), Everything())


def steps_of(operation: Any) -> Steps:
    """Steps of a layer or operation along height and width.

    Raises:
        ModelGraphError: a type or a setting without a rule.
    """
    if getattr(operation, "data_format", None) == "channels_first":
        raise _unknown(operation, "channels first")
    if type(operation) in _RULES:
        return _RULES[type(operation)](operation)
    module, name = type(operation).__module__, type(operation).__name__
    if module.startswith("keras.src.ops.") and name in _PIXELWISE_OPERATIONS:
        return _on_channels(operation) if hasattr(operation, "axis") else PIXELWISE
    raise _unknown(operation, "no rule for this type")


def macs_of(operation: Any, channels: int, pixels_in: int, pixels_out: int) -> int:
    """Multiply-accumulate operations of one call: convolutions and dense layers, others 0.

    Args:
        operation: a layer.
        channels: channels of its input.
        pixels_in: height times width of its input.
        pixels_out: height times width of its output.
    """
    match operation:
        case keras.layers.DepthwiseConv2D():
            kernels = channels * operation.depth_multiplier
            return pixels_out * prod(operation.kernel_size) * kernels
        case keras.layers.SeparableConv2D():
            kernels = channels * operation.depth_multiplier
            return pixels_out * kernels * (prod(operation.kernel_size) + operation.filters)
        case keras.layers.Conv2DTranspose():
            return pixels_in * prod(operation.kernel_size) * channels * operation.filters
        case keras.layers.Conv2D():
            inputs = channels // operation.groups
            return pixels_out * prod(operation.kernel_size) * inputs * operation.filters
        case keras.layers.Dense():
            return int(pixels_out * channels * operation.units)
        case _:
            return 0


def _unknown(operation: Any, why: str) -> ModelGraphError:
    return ModelGraphError(
        f"layer {operation.name} ({type(operation).__name__}): {why}; "
        "add one to hrpn_tf/models/layer_rules.py"
    )


def _pixelwise(layer: Any) -> Steps:
    return PIXELWISE


def _whole(layer: Any) -> Steps:
    return _WHOLE


def _on_channels(layer: Any) -> Steps:
    """Fine along the channels; along anything else, not."""
    axes = layer.axis if isinstance(layer.axis, Iterable) else [layer.axis]
    if all(axis in (-1, 3) for axis in axes):
        return PIXELWISE
    raise _unknown(layer, f"no rule for axis {layer.axis}")


def _layer_normalization(layer: Any) -> Steps:
    axes = layer.axis if isinstance(layer.axis, Iterable) else [layer.axis]
    return PIXELWISE if all(axis in (-1, 3) for axis in axes) else _WHOLE


def _windows(layer: Any, sizes: Iterable[int], strides: Iterable[int]) -> Steps:
    if layer.padding not in ("valid", "same"):
        raise _unknown(layer, f"no rule for padding {layer.padding!r}")
    same = layer.padding == "same"
    height, width = (SlidingWindow(k, s, same=same) for k, s in zip(sizes, strides, strict=True))
    return height, width


def _convolution(layer: Any) -> Steps:
    dilated = ((k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation_rate, strict=True))
    return _windows(layer, dilated, layer.strides)


def _pooling(layer: Any) -> Steps:
    return _windows(layer, layer.pool_size, layer.strides)


def _transposed(layer: Any) -> Steps:
    if layer.output_padding is not None or any(d != 1 for d in layer.dilation_rate):
        raise _unknown(layer, "no rule for output padding or dilation")
    return _spreads(layer, zip(layer.kernel_size, layer.strides, strict=True))


def _spreads(layer: Any, sizes_and_strides: Iterable[tuple[int, int]]) -> Steps:
    spreads = []
    for size, stride in sizes_and_strides:
        if size < stride:
            raise _unknown(layer, "no rule for a kernel smaller than the stride")
        same = layer.padding == "same"
        crop, tail = ((size - stride) // 2, 0) if same else (0, size - stride)
        spreads.append(Spread(size, stride, crop, tail))
    height, width = spreads
    return height, width


def _zero_padding(layer: Any) -> Steps:
    (top, bottom), (left, right) = layer.padding
    return SlidingWindow(before=top, after=bottom), SlidingWindow(before=left, after=right)


def _cropping(layer: Any) -> Steps:
    (top, bottom), (left, right) = layer.cropping
    return SlidingWindow(before=-top, after=-bottom), SlidingWindow(before=-left, after=-right)


def _upsampling(layer: Any) -> Steps:
    tall, wide = layer.size
    if layer.interpolation == "nearest":
        return Spread(tall, tall), Spread(wide, wide)
    if layer.interpolation == "bilinear":
        return Blend(tall), Blend(wide)
    raise _unknown(layer, f"no rule for {layer.interpolation} interpolation")


def _global_pooling(layer: Any) -> Steps:
    if not layer.keepdims:
        raise _unknown(layer, "no rule without keepdims=True")
    return Everything(0), Everything(0)


def _both(step: Callable[[int], Step]) -> Rule:
    """Rule of this project's layers: the same along both axes, by their factor."""
    return lambda layer: (step(layer.factor), step(layer.factor))


_PIXELWISE_LAYERS = (
    keras.layers.InputLayer,
    keras.layers.Identity,
    keras.layers.Rescaling,
    keras.layers.Dense,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.GaussianNoise,
    keras.layers.Add,
    keras.layers.Subtract,
    keras.layers.Multiply,
    keras.layers.Average,
    keras.layers.Maximum,
    keras.layers.Minimum,
)

_RULES: dict[type, Rule] = {
    keras.layers.Conv2D: _convolution,
    keras.layers.DepthwiseConv2D: _convolution,
    keras.layers.SeparableConv2D: _convolution,
    keras.layers.Conv2DTranspose: _transposed,
    keras.layers.MaxPooling2D: _pooling,
    keras.layers.AveragePooling2D: _pooling,
    keras.layers.ZeroPadding2D: _zero_padding,
    keras.layers.Cropping2D: _cropping,
    keras.layers.UpSampling2D: _upsampling,
    keras.layers.GlobalAveragePooling2D: _global_pooling,
    keras.layers.GlobalMaxPooling2D: _global_pooling,
    keras.layers.GroupNormalization: _whole,
    keras.layers.LayerNormalization: _layer_normalization,
    keras.layers.BatchNormalization: _on_channels,
    keras.layers.Normalization: _on_channels,
    keras.layers.Concatenate: _on_channels,
    own.LogScaling: _pixelwise,
    own.IntervalBounds: _pixelwise,
    own.Upsample: _both(Blend),
    own.AlignedUpsample: _both(Everything),
    **dict.fromkeys(_PIXELWISE_LAYERS, _pixelwise),
}

# Classes behind keras.ops functions; they are not public, so they go by name.
_PIXELWISE_OPERATIONS = frozenset(
    {
        *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum"),
        *("Absolute", "Cast", "Clip", "Exp", "Log", "Negative", "Sqrt", "Square", "Concatenate"),
        *("Elu", "Gelu", "LeakyRelu", "Relu", "Relu6", "Sigmoid", "Silu", "Softplus", "Tanh"),
    }
)
