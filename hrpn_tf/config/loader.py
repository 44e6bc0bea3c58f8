"""Read a configuration file, apply overrides, and say clearly what is wrong with it."""

import copy
import os
from collections.abc import Iterable, Mapping
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from hrpn_tf.config.config import Config
from hrpn_tf.config.problems import explain
from hrpn_tf.errors import ConfigError
from hrpn_tf.text import printable
from hrpn_tf.untrusted import parse_yaml, read_yaml

_REASON = 160  # characters
Source = Config | str | PathLike[str] | Mapping[str, Any] | None
Overrides = Iterable[str] | Mapping[str, Any]


def load_config(source: Source = None, overrides: Overrides = ()) -> Config:
    """Build the configuration from a file, a recipe or values, and overrides.

    Args:
        source: path of a YAML file; name of a shipped recipe (see ``hrpn_tf/recipes``); values by
            section and key, ``{"training": {"epochs": 5}}`` or ``{"training.epochs": 5}``; a
            configuration; or None for the defaults.
        overrides: values by key, ``{"training.batch_size": 8}``, or strings such as
            ``"training.batch_size=8"``, which are read as YAML.

    Raises:
        ConfigError: the file is missing or no YAML mapping, a key is unknown (the nearest known
            one is suggested), or a value is out of range.

    Example:
        >>> load_config("demo", {"training.batch_size": 4}).training.batch_size
        4
        >>> load_config({"training": {"epochs": 3}}).training.epochs
        3
    """
    name = ""
    if source is None:
        values: dict[str, Any] = {}
    elif isinstance(source, Config):  # keys that were left out stay left out
        values = source.model_dump(mode="json", exclude_unset=True)
    elif isinstance(source, Mapping):
        values = {}
        _set_all(values, source)
    else:
        name = str(source)
        values = _read_yaml(_locate(source))
    return config_of(values, overrides, name)


def config_of(values: dict[str, Any], overrides: Overrides = (), source: str = "") -> Config:
    """Build the configuration from what a file holds; see :func:`load_config`.

    Args:
        values: by section and key; the overrides are applied to it.
        overrides: see :func:`load_config`.
        source: what holds the values, for messages.

    Raises:
        ConfigError: a key is unknown, or a value is out of range.
    """
    stated = copy.deepcopy(values) if source else {}
    if isinstance(overrides, Mapping):
        _set_all(values, overrides)
    else:
        for override in overrides:
            _set_text(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        where = f"{source}: " if source and not _is_valid(stated) else ""
        raise ConfigError(where + explain(error)) from None


def _is_valid(values: Mapping[str, Any]) -> bool:
    """Whether a file is right as it is, so that what is wrong comes from an override."""
    try:
        Config.model_validate(values)
    except ValidationError:
        return False
    return True


def to_yaml(section: BaseModel) -> str:
    """The resolved configuration as YAML text that :func:`load_config` reads back."""
    return yaml.safe_dump(section.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def recipes() -> dict[str, Path]:
    """The configuration files shipped with the package, by name."""
    folder = Path(str(resources.files("hrpn_tf") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _locate(source: str | PathLike[str]) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    if str(source) in (shipped := recipes()):
        return shipped[str(source)]
    if os.path.exists(path):
        raise ConfigError(f"{source}: not a regular file; give a YAML file")
    raise ConfigError(f"{source}: no such file, nor a shipped recipe ({', '.join(shipped)})")


def _read_yaml(path: Path) -> dict[str, Any]:
    values = read_yaml(path, ConfigError)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected sections with keys, found {type(values).__name__}")
    return values


def _set_text(values: dict[str, Any], override: str) -> None:
    """Apply one ``section.key=value`` to the nested mapping."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {override}: expected section.key=value")
    try:
        value = parse_yaml(text)
    except ValueError as error:
        reason = printable(error, _REASON)
        raise ConfigError(f"--set {override}: the value is not valid YAML: {reason}") from None
    _set(values, key, value, f"--set {override}")


def _set_all(values: dict[str, Any], changes: Mapping[str, Any], above: str = "") -> None:
    """Apply values by section and key, or by ``section.key``, to the nested mapping."""
    for name, value in changes.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            _set_all(values, value, f"{key}.")
        else:
            _set(values, key, value, key)


def _set(values: dict[str, Any], key: str, value: Any, shown: str) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        if values.get(parent) is None:  # absent, or an optional section that is null
            values[parent] = {}
        values = values[parent]
        if not isinstance(values, dict):
            raise ConfigError(f"{shown}: {parent} is a value, not a section")
    values[last] = value
