"""The cost of a preset, computed from its graph."""

from dataclasses import dataclass
from math import prod

from hrpn_tf.models.build import build_model
from hrpn_tf.models.graph import count_macs, receptive_field, stride_multiple
from hrpn_tf.models.presets import Preset


@dataclass(frozen=True)
class PresetCost:
    """Size, cost and geometry of a preset.

    Attributes:
        name: of the preset.
        description: one line.
        inputs: number of input channels that the numbers refer to.
        parameters: trainable ones.
        gmac: 1e9 multiply-accumulate operations for one input of ``size`` x ``size``.
        size: side of that input, px.
        receptive_field: side of the input square that an output pixel depends on, px; None: all.
        stride_multiple: sides of an input must be multiples of this, px.
        tile_exact: whether a slide predicted by tiles equals one predicted at once.
    """

    name: str
    description: str
    inputs: int
    parameters: int
    gmac: float
    size: int
    receptive_field: int | None
    stride_multiple: int
    tile_exact: bool


def preset_cost(preset: Preset, inputs: int, size: int) -> PresetCost:
    """Build a preset and compute its size, cost and geometry.

    Args:
        preset: the preset.
        inputs: number of input channels, 1 or more.
        size: side length of the input for ``gmac``, px; rounded up to the stride multiple.

    Raises:
        ConfigError: no inputs.
    """
    model = build_model(preset, inputs)
    multiple = stride_multiple(model)
    size = -(-size // multiple) * multiple
    field = receptive_field(model)
    return PresetCost(
        name=preset.name,
        description=preset.description,
        inputs=inputs,
        parameters=sum(prod(variable.shape) for variable in model.trainable_variables),
        gmac=count_macs(model, size, size) / 1e9,
        size=size,
        receptive_field=field,
        stride_multiple=multiple,
        tile_exact=field is not None,
    )
