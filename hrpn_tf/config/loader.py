"""Read a configuration file, apply overrides, and say clearly what is wrong with it."""

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from hrpn_tf.config.config import Config
from hrpn_tf.config.problems import explain
from hrpn_tf.errors import ConfigError


def load_config(source: str | Path | None = None, overrides: Iterable[str] = ()) -> Config:
    """Build the configuration from a file and ``section.key=value`` overrides.

    Args:
        source: path of a YAML file, the name of a shipped recipe (see ``hrpn_tf/recipes``), or
            None for the defaults.
        overrides: strings such as ``"training.batch_size=8"``; values are read as YAML.

    Raises:
        ConfigError: the file is missing or no YAML mapping, a key is unknown (the nearest known
            one is suggested), or a value is out of range.

    >>> load_config(overrides=["training.batch_size=8"]).training.batch_size
    8
    """
    values = {} if source is None else _read_yaml(_locate(source))
    return config_of(values, overrides, "" if source is None else str(source))


def config_of(values: dict[str, Any], overrides: Iterable[str] = (), source: str = "") -> Config:
    """Build the configuration from what a file holds; see :func:`load_config`.

    Args:
        values: by section and key; the overrides are applied to it.
        overrides: strings such as ``"training.batch_size=8"``.
        source: what holds the values, for messages.

    Raises:
        ConfigError: a key is unknown, or a value is out of range.
    """
    for override in overrides:
        _set(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        where = f"{source}: " if source else ""
        raise ConfigError(where + explain(error)) from None


def to_yaml(section: BaseModel) -> str:
    """The resolved configuration as YAML text that :func:`load_config` reads back."""
    return yaml.safe_dump(section.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def recipes() -> dict[str, Path]:
    """The configuration files shipped with the package, by name."""
    folder = Path(str(resources.files("hrpn_tf") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _locate(source: str | Path) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    if str(source) in (shipped := recipes()):
        return shipped[str(source)]
    raise ConfigError(f"{source}: no such file, nor a shipped recipe ({', '.join(shipped)})")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = str(error).replace("\n", " ")
        raise ConfigError(f"{path}: not valid YAML: {problem}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected sections with keys, found {type(values).__name__}")
    return values


def _set(values: dict[str, Any], override: str) -> None:
    """Apply one ``section.key=value`` to the nested mapping."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {override}: expected section.key=value")
    *parents, last = key.split(".")
    for parent in parents:
        if values.get(parent) is None:  # absent, or an optional section that is null
            values[parent] = {}
        values = values[parent]
        if not isinstance(values, dict):
            raise ConfigError(f"--set {override}: {parent} is a value, not a section")
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {override}: the value is not valid YAML") from None
