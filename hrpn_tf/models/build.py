"""Builds the Keras models of a preset, which take and return grey levels."""

import importlib
from collections.abc import Callable
from typing import Any

import keras

from hrpn_tf.errors import ConfigError
from hrpn_tf.models.layers import LogScaling
from hrpn_tf.models.presets import Preset, find_preset
from hrpn_tf.models.scaling import Scaling, ScalingKind


def build_model(
    preset: str | Preset, inputs: int, outputs: int = 1, scaling: Scaling | None = None
) -> keras.Model:
    """Build the functional model of a preset.

    Args:
        preset: name that ``hrpn-tf models`` lists, or a :class:`Preset`.
        inputs: number of input channels.
        outputs: number of output channels.
        scaling: learnt from the training set; becomes the first and last layers, as the preset's
            ``scaling`` says. None: the network sees and gives raw grey levels.

    Returns:
        A model from (N, H, W, inputs) to (N, H, W, outputs), grey levels, float32 under every
        precision policy; H and W are free multiples of its stride multiple.

    Raises:
        ConfigError: unknown preset (the nearest is named), no channels, or a scaling of another
            number of channels.

    Example:
        >>> build_model("hrpn-published", inputs=2).output_shape
        (None, None, None, 1)
    """
    preset = find_preset(preset) if isinstance(preset, str) else preset
    _check_channels(inputs, outputs, scaling)
    grey_levels = _grey_levels("grey_levels", None, inputs)
    x = _scale_inputs(grey_levels, preset.scaling, scaling)
    y = _function(preset.builder)(x, outputs, **preset.arguments)
    return keras.Model(grey_levels, _to_grey_levels(y, preset.scaling, scaling), name=preset.name)


def build_discriminator(
    preset: str | Preset, inputs: int, outputs: int, side: int, scaling: Scaling | None
) -> keras.Model:
    """Build the discriminator of a preset, which separates predicted from measured targets.

    Inputs and target are scaled as for the network of the preset.

    Args:
        preset: one with a ``discriminator``.
        inputs: number of input channels.
        outputs: number of channels of the target.
        side: of the patches that it is trained with, px.
        scaling: as for :func:`build_model`.

    Returns:
        A model from [inputs (N, side, side, inputs), target (N, side, side, outputs)], grey
        levels, to scores of any shape (N, ...), float32 under every precision policy.

    Raises:
        ConfigError: the preset has no discriminator, or see :func:`build_model`.
    """
    preset = find_preset(preset) if isinstance(preset, str) else preset
    if preset.discriminator is None:
        raise ConfigError(f"the preset {preset.name} has no discriminator")
    _check_channels(inputs, outputs, scaling)
    grey_levels = _grey_levels("grey_levels", side, inputs)
    grey_target = _grey_levels("grey_target", side, outputs)
    x = _scale_inputs(grey_levels, preset.scaling, scaling)
    y = _scale_target(grey_target, preset.scaling, scaling)
    scores = _function(preset.discriminator)(x, y)
    scores = keras.layers.Identity(dtype="float32", name="scores")(scores)
    return keras.Model([grey_levels, grey_target], scores, name=f"{preset.name}-discriminator")


def _check_channels(inputs: int, outputs: int, scaling: Scaling | None) -> None:
    if inputs < 1 or outputs < 1:
        raise ConfigError(f"a model needs at least one input and output, got {inputs}, {outputs}")
    if scaling is not None and len(scaling.input_mean) != inputs:
        raise ConfigError(
            f"the scaling is of {len(scaling.input_mean)} channels, the model takes {inputs}"
        )


def _function(path: str) -> Callable[..., Any]:
    """The function that ``module:function`` names."""
    module, function = path.split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _grey_levels(name: str, side: int | None, channels: int) -> Any:
    return keras.Input((side, side, channels), name=name, dtype="float32")


def _scale_inputs(x: Any, kind: ScalingKind, scaling: Scaling | None) -> Any:
    """Grey levels (N, H, W, inputs) to the network's numbers."""
    if scaling is None or kind == "none":
        return x
    if kind == "log":
        return LogScaling(scaling.input_mean, scaling.input_std, name="scale_inputs")(x)
    scales = [2.0 / peak for peak in scaling.input_peak]
    return _rescale(x, scales, [-1.0] * len(scales), "scale_inputs")


def _scale_target(y: Any, kind: ScalingKind, scaling: Scaling | None) -> Any:
    """Grey levels (N, H, W, outputs) to the numbers that the network should give."""
    if scaling is None or kind == "none":
        return y
    offset = -1.0 if kind == "symmetric" else 0.0
    return _rescale(y, 1.0 / scaling.unit(kind), offset, "scale_target")


def _to_grey_levels(y: Any, kind: ScalingKind, scaling: Scaling | None) -> Any:
    """The network's numbers (N, H, W, outputs) to grey levels."""
    if scaling is None or kind == "none":
        return keras.layers.Identity(dtype="float32", name="prediction")(y)
    unit = scaling.unit(kind)
    return _rescale(y, unit, unit if kind == "symmetric" else 0.0, "prediction")


def _rescale(x: Any, scale: Any, offset: Any, name: str) -> Any:
    return keras.layers.Rescaling(scale, offset, dtype="float32", name=name)(x)
