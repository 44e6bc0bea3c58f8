"""The presets: named model configurations, one row of a table each.

This module holds data only and does not import Keras. ``docs/developer/add-a-network.md`` shows how
to add a network.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hrpn_tf.errors import ConfigError
from hrpn_tf.models.scaling import ScalingKind


@dataclass(frozen=True)
class Preset:
    """One named model configuration.

    Attributes:
        name: value of ``model.preset`` in the configuration.
        builder: ``module:function``; the function takes the input tensor (N, H, W, inputs), the
            number of outputs and ``arguments``, and gives the output tensor (N, H, W, outputs).
        description: one line for ``hrpn-tf models``.
        arguments: what distinguishes this preset from others of the same builder.
        scaling: units of the network. ``log``: logarithms of the inputs' grey levels,
            the output in units of the target's standard deviation. ``symmetric``: grey levels
            from 0 to the largest of the training set as -1 to 1. ``none``: raw grey levels, and
            any :class:`~hrpn_tf.models.scaling.Scaling` is left out.
        discriminator: ``module:function`` of the network that an adversarial training needs; the
            function takes inputs and target (N, H, W, C), scaled, and gives scores (N, ...).
        training: settings of the section ``training`` that the preset was published with. They
            replace the defaults, but not values that the user sets.
    """

    name: str
    builder: str
    description: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    scaling: ScalingKind = "log"
    discriminator: str | None = None
    training: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


_GAN_ADAM = {
    "name": "adam",
    "learning_rate": 2e-4,
    "beta_1": 0.5,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warmup_share": 0.0,
    "clip_norm": None,
}


PRESETS = (
    Preset(
        name="hrpn-published",
        builder="hrpn_tf.models.published:hrpn_published",
        description="the published HRPN, weight for weight; raw grey levels; for comparison",
        scaling="none",
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
    Preset(
        name="ganda",
        builder="hrpn_tf.models.ganda:ganda_generator",
        description="the GAN that the published HRPN is compared with; adversarial training",
        scaling="symmetric",
        discriminator="hrpn_tf.models.ganda:ganda_discriminator",
        training=MappingProxyType(
            {
                "loss": "mse",
                "ema": 0.0,
                "optimizer": _GAN_ADAM,
                "adversarial": {
                    "loss": "least_squares",
                    "reconstruction": 10.0,
                    "discriminator": 0.5,
                },
            }
        ),
    ),
    Preset(
        name="ganda-mse",
        builder="hrpn_tf.models.ganda:ganda_generator",
        description="GANDA's generator without its adversary, to see what that contributes",
        scaling="symmetric",
        training=MappingProxyType({"loss": "mse", "ema": 0.0, "optimizer": _GAN_ADAM}),
    ),
    Preset(
        name="pix2pix",
        builder="hrpn_tf.models.pix2pix:pix2pix_generator",
        description="the conditional GAN for images of any kind; adversarial training",
        scaling="symmetric",
        discriminator="hrpn_tf.models.pix2pix:pix2pix_discriminator",
        training=MappingProxyType(
            {
                "batch_size": 1,
                "ema": 0.0,
                "loss": "mae",
                "optimizer": {**_GAN_ADAM, "schedule": "linear", "hold_share": 0.5},
                "adversarial": {
                    "loss": "cross_entropy",
                    "reconstruction": 100.0,
                    "discriminator": 0.5,
                },
            }
        ),
    ),
)


def list_presets() -> tuple[Preset, ...]:
    """All presets, in the order in which they are shown."""
    return PRESETS


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        ConfigError: no preset has this name; the message suggests the nearest name.

    Example:
        >>> find_preset("hrpn-m").scaling
        'log'
    """
    known = {preset.name: preset for preset in PRESETS}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise ConfigError(f"model.preset: no preset {name!r}; {hint}")
