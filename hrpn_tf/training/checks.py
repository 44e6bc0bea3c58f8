"""Checks of the configuration against patch dataset and network, before any computation."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hrpn_tf.config import Config, DataConfig, TrainingConfig
from hrpn_tf.config.data import SMALL_PART
from hrpn_tf.config.section import Section
from hrpn_tf.data.plan import OF_TRAINING
from hrpn_tf.data.window import window_of
from hrpn_tf.errors import ConfigError, StoreError
from hrpn_tf.models.presets import find_preset
from hrpn_tf.training.fine_tuning import fine_tuning_defaults

if TYPE_CHECKING:
    from hrpn_tf.data.store import PatchStore

logger = logging.getLogger(__name__)

_S = TypeVar("_S", bound=Section)
_OWNED = frozenset(DataConfig.model_fields) - OF_TRAINING


def adopt_store(config: Config, store: "PatchStore") -> Config:
    """The configuration with all settings that shaped the patches of the dataset.

    These are channel roles, channels, pixel size, grid and tissue. A key that the user left out
    takes the value of the dataset, so that evaluation, calibration and prediction find the tissue
    that the training saw.

    Raises:
        ConfigError: a key that the user gave contradicts the dataset.
        StoreError: the dataset states settings that make no sense.
    """
    prepared = _prepared(store)
    data = _adopted(config.data, prepared, "data", store)
    return config.model_copy(update={"data": data})


def _prepared(store: "PatchStore") -> dict[str, Any]:
    """Settings of the dataset by key, sections as mappings; as values of ``DataConfig``."""
    manifest = store.manifest
    fixed = {
        "inputs": store.roles[:-1],
        "target": store.roles[-1],
        "patch": store.patch,
        "stride": manifest.stride,
    }
    if manifest.settings is None:
        logger.warning(
            f"{store.path}: was prepared by a version that did not record its tissue settings; "
            "those of the configuration are taken for evaluation, calibration and prediction"
        )
        return {**fixed, "normalisation": "none"}
    known = {key: value for key, value in manifest.settings.items() if key in _OWNED}
    try:
        made = DataConfig.model_validate({**known, **fixed})
    except ValueError:
        raise StoreError(
            f"{store.path}: its settings are damaged; run hrpn-tf prepare again with --overwrite"
        ) from None
    values = {key: getattr(made, key) for key in (*known, *fixed, "normalisation")}
    for key in ("pixel_size_um", "grey_max"):  # left to the slides: nothing to contradict
        if values.get(key) is None:
            values.pop(key, None)
    return values


def grey_range(config: Config, store: "PatchStore", groups: Sequence[str]) -> float:
    """The largest grey level that metrics and limits are relative to.

    It is ``data.grey_max`` where that is stated. Otherwise it is the largest value of an unsigned
    integer type, with a warning where the slides reach only a small part of it; or, of other types,
    the largest grey level of the training tissue.

    Args:
        config: the resolved configuration.
        store: the patch dataset.
        groups: that are trained with.

    Raises:
        ConfigError: grey levels of the training tissue are larger than stated.
    """
    statistics = store.statistics(groups)
    # normalised inputs have other levels than the slides
    inputs = statistics["input_peak"] if config.data.normalisation == "none" else ()
    largest = max(*inputs, statistics["target_peak"], 0.0)
    stated = config.data.grey_max
    if stated is not None:
        if largest > stated:
            raise ConfigError(
                f"data.grey_max is {stated:g}, but the grey levels of the training tissue reach "
                f"{largest:g}; state the largest that the microscope gives"
            )
        return stated
    if store.dtype.kind != "u":
        return largest if largest > 0 else 1.0
    whole = float(np.iinfo(store.dtype).max)
    if largest < SMALL_PART * whole:
        advice = (  # 12 bits do not fit into a byte
            "if the detector cannot give higher levels, state its highest as data.grey_max"
            if store.dtype.itemsize == 1
            else "if the detector has fewer bits, such as 12, state data.grey_max=4095"
        )
        logger.warning(
            f"the grey levels of the training tissue reach {largest:g}, "
            f"{100 * largest / whole:.2g} % of the range of {store.dtype}, which metrics and "
            f"limits are relative to; {advice}"
        )
    return whole


def _adopted(given: _S, prepared: Mapping[str, Any], where: str, store: "PatchStore") -> _S:
    """A section with the values of the dataset; refuses a key that was given another value."""
    values = {}
    for key, value in prepared.items():
        old = getattr(given, key)
        if isinstance(value, Section):
            values[key] = _adopted(old, dict(value), f"{where}.{key}", store)
            continue
        if key == "channels":  # those of further roles do not contradict
            values[key] = {**old, **value}
            contradicts = any(old.get(role, name) != name for role, name in value.items())
        else:
            values[key], contradicts = value, old != value
        if contradicts and key in given.model_fields_set:
            raise ConfigError(
                f"{where}.{key} is {_show(old)}, but the patch dataset {store.path} was "
                f"prepared with {_show(value)}; leave the key out, or prepare another one"
            )
    return given.model_copy(update=values)


def adopt_preset(config: Config) -> Config:
    """The configuration with the training settings of the preset, if it was published with any.

    Over these come the defaults of a training that starts from another network. Keys of
    ``training`` that the user set stay as they are. A resolved configuration sets all keys.

    Raises:
        ConfigError: unknown preset, or an adversarial loss for a preset without discriminator.
    """
    preset = find_preset(config.model.preset)
    given = config.training.model_dump(exclude_unset=True)
    training = TrainingConfig.model_validate(_merged(preset.training, given))
    if training.start is not None:
        without = {**preset.training, "freeze": training.freeze}
        defaults = fine_tuning_defaults(TrainingConfig.model_validate(without))
        values = _merged(_merged(preset.training, defaults), given)
        training = TrainingConfig.model_validate(values)
    if training.adversarial is not None and preset.discriminator is None:
        raise ConfigError(
            f"training.adversarial: the preset {preset.name} has no discriminator; leave the key "
            "out, or choose ganda or pix2pix"
        )
    return config.model_copy(update={"training": training})


def check_growing(config: Config) -> None:
    """Refuse what needs all patches, before any slide is simulated or waited for.

    Raises:
        ConfigError: patches are to be sampled by what they hold.
    """
    if config.training.sampling == "target":
        raise ConfigError(
            "training.sampling=target needs all patches before the training begins; leave it out "
            "with --simulate"
        )


def check_sizes(config: Config, patches: int, stride_multiple: int) -> None:
    """Refuse batch sizes, patches and crops that cannot be trained.

    Args:
        config: the resolved configuration.
        patches: patches to train with.
        stride_multiple: of the network, px.

    Raises:
        ConfigError: a batch larger than the training set, a patch or crop that the network
            cannot take, or a context that leaves nothing of a crop.
    """
    training, patch = config.training, config.data.patch
    if training.batch_size > patches:
        raise ConfigError(
            f"training.batch_size={training.batch_size} is larger than the training set of "
            f"{patches} patches; set it to {patches} or less"
        )
    window = window_of(training, patch)
    for key, side in (("data.patch", patch), ("training.crop", window.side)):
        if side % stride_multiple:
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
    if value is None:
        return "null"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _neighbours(side: int, multiple: int) -> str:
    below = side // multiple * multiple
    return f"{below} and {below + multiple}" if below else str(multiple)
