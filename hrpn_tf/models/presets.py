"""The presets: named, frozen model configurations. Data only; nothing here imports Keras."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hrpn_tf.errors import ConfigError


@dataclass(frozen=True)
class Preset:
    """One named model configuration.

    Attributes:
        name: what ``model.preset`` in the configuration says.
        builder: ``module:function``; the function takes the input tensor (N, H, W, inputs), the
            number of outputs and ``arguments``, and gives the output tensor (N, H, W, outputs).
        description: one line for ``hrpn-tf models``.
        arguments: what distinguishes this preset from others of the same builder.
        scaled: whether the network works on scaled grey levels; if not, it takes and gives raw
            ones and any :class:`~hrpn_tf.models.scaling.Scaling` is left out.
    """

    name: str
    builder: str
    description: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    scaled: bool = True


PRESETS = (
    Preset(
        name="hrpn-published",
        builder="hrpn_tf.models.published:hrpn_published",
        description="the published HRPN, weight for weight; raw grey levels; for comparison",
        scaled=False,
    ),
    Preset(
        name="hrpn-s",
        builder="hrpn_tf.models.hrpn:hrpn",
        description="small: for quick trials and processors without an accelerator",
        arguments=MappingProxyType({"widths": (8, 16, 24, 24, 32)}),
    ),
    Preset(
        name="hrpn-m",
        builder="hrpn_tf.models.hrpn:hrpn",
        description="medium, the default: less than half the time of the GAN baseline",
        arguments=MappingProxyType({"widths": (8, 16, 32, 64, 96)}),
    ),
    Preset(
        name="hrpn-l",
        builder="hrpn_tf.models.hrpn:hrpn",
        description="large: for accelerators and large training sets",
        arguments=MappingProxyType({"widths": (24, 56, 96, 128, 128)}),
    ),
)


def list_presets() -> tuple[Preset, ...]:
    """All presets, in the order in which they are shown."""
    return PRESETS


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        ConfigError: there is none; the nearest name is suggested.
    """
    known = {preset.name: preset for preset in PRESETS}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise ConfigError(f"model.preset: no preset {name!r}; {hint}")
