"""From a preset's name to a Keras model that takes and gives grey levels."""

import importlib

import keras

from hrpn_tf.errors import ConfigError
from hrpn_tf.models.layers import LogScaling
from hrpn_tf.models.presets import Preset, find_preset
from hrpn_tf.models.scaling import Scaling


def build_model(
    preset: str | Preset, inputs: int, outputs: int = 1, scaling: Scaling | None = None
) -> keras.Model:
    """Build the functional model of a preset.

    Args:
        preset: a name that ``hrpn-tf models`` lists, or a preset of one's own.
        inputs: number of input channels.
        outputs: number of output channels.
        scaling: learnt from the training set; becomes the first and last layers. None, or a
            preset that is not ``scaled``: the network sees and gives raw grey levels.

    Returns:
        A model from (N, H, W, inputs) to (N, H, W, outputs), grey levels, float32 under every
        precision policy; H and W are free multiples of its stride multiple.

    Raises:
        ConfigError: unknown preset (the nearest is named), no channels, or a scaling of another
            number of channels.

    >>> build_model("hrpn-published", inputs=2).output_shape
    (None, None, None, 1)
    """
    preset = find_preset(preset) if isinstance(preset, str) else preset
    if inputs < 1 or outputs < 1:
        raise ConfigError(f"a model needs at least one input and output, got {inputs}, {outputs}")
    if scaling is not None and len(scaling.input_mean) != inputs:
        raise ConfigError(
            f"the scaling is of {len(scaling.input_mean)} channels, the model takes {inputs}"
        )
    module, function = preset.builder.split(":")
    builder = getattr(importlib.import_module(module), function)

    grey_levels = keras.Input((None, None, inputs), name="grey_levels", dtype="float32")
    if scaling is None or not preset.scaled:
        y = builder(grey_levels, outputs, **preset.arguments)
        prediction = keras.layers.Identity(dtype="float32", name="prediction")(y)
    else:
        x = LogScaling(scaling.input_mean, scaling.input_std, name="scale_inputs")(grey_levels)
        y = builder(x, outputs, **preset.arguments)
        prediction = keras.layers.Rescaling(
            scaling.target_scale, dtype="float32", name="prediction"
        )(y)
    return keras.Model(grey_levels, prediction, name=preset.name)
