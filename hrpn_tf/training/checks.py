"""Checks of the configuration against patch dataset and network, before any computation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hrpn_tf.config import Config, TrainingConfig
from hrpn_tf.errors import ConfigError
from hrpn_tf.models.presets import find_preset

if TYPE_CHECKING:
    from hrpn_tf.data.store import PatchStore


def adopt_store(config: Config, store: "PatchStore") -> Config:
    """The configuration with channel roles, patch and stride of the store.

    A key that the user left out takes the value of the store.

    Raises:
        ConfigError: a key that the user gave contradicts the store.
    """
    fixed = {
        "inputs": store.roles[:-1],
        "target": store.roles[-1],
        "patch": store.patch,
        "stride": store.manifest.stride,
    }
    for key, value in fixed.items():
        given = getattr(config.data, key)
        if key in config.data.model_fields_set and given != value:
            raise ConfigError(
                f"data.{key} is {_show(given)}, but the store {store.path} was prepared with "
                f"{_show(value)}; leave the key out, or prepare another store"
            )
    return config.model_copy(update={"data": config.data.model_copy(update=fixed)})


def adopt_preset(config: Config) -> Config:
    """The configuration with the training settings of the preset, if it was published with any.

    Keys of ``training`` that the user set stay as they are. A resolved configuration sets all keys.

    Raises:
        ConfigError: unknown preset, or an adversarial loss for a preset without discriminator.
    """
    preset = find_preset(config.model.preset)
    given = config.training.model_dump(exclude_unset=True)
    values = _merged(preset.training, given)
    training = TrainingConfig.model_validate(values)
    if training.adversarial is not None and preset.discriminator is None:
        raise ConfigError(
            f"training.adversarial: the preset {preset.name} has no discriminator; leave the key "
            "out, or choose ganda or pix2pix"
        )
    return config.model_copy(update={"training": training})


def check_sizes(config: Config, patches: int, stride_multiple: int) -> None:
    """Refuse batch sizes, patches and crops that cannot be trained.

    Args:
        config: the resolved configuration.
        patches: patches to train with.
        stride_multiple: of the network, px.

    Raises:
        ConfigError: a batch larger than the training set, or a patch or crop that the network
            cannot take.
    """
    training, patch = config.training, config.data.patch
    if training.batch_size > patches:
        raise ConfigError(
            f"training.batch_size={training.batch_size} is larger than the training set of "
            f"{patches} patches; set it to {patches} or less"
        )
    if training.crop is not None and training.crop > patch:
        raise ConfigError(f"training.crop={training.crop} is larger than the patch of {patch} px")
    for key, side in (("data.patch", patch), ("training.crop", training.crop)):
        if side is not None and side % stride_multiple:
            raise ConfigError(
                f"{key}={side} is not a multiple of {stride_multiple}, which {config.model.preset} "
                f"needs; the nearest are {_neighbours(side, stride_multiple)}"
            )


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, section by section; a loss is replaced as a whole."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both and key != "loss" else value
    return merged


def _show(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _neighbours(side: int, multiple: int) -> str:
    below = side // multiple * multiple
    return f"{below} and {below + multiple}" if below else str(multiple)
