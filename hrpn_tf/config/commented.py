"""The configuration as YAML with a comment on every key.

The values are written by PyYAML, the library that reads them back. A writer of another library
follows YAML 1.2, in which ``yes`` and ``1e-5`` are not what PyYAML takes them for.
"""

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from hrpn_tf._version import __version__
from hrpn_tf.config.config import Config
from hrpn_tf.config.keys import Key, find_key, list_keys
from hrpn_tf.text import printable

SCHEMA_FILE = "hrpn.schema.json"
WIDTH = 92
INDENT = 2


def commented_yaml(config: Config, section: str = "", source: str = "") -> str:
    """The configuration as YAML text with meaning, type, range, unit and default of every key.

    Args:
        config: what :func:`~hrpn_tf.config.load_config` reads back from the text.
        section: only this section or key, such as ``training.optimizer``.
        source: file or recipe that the values come from, for the header.

    Raises:
        ConfigError: no such section or key.

    >>> print(commented_yaml(Config(), "model.preset").splitlines()[-1])
      preset: hrpn-m
    """
    path = find_key(section).path if section else ()
    values = config.model_dump(mode="json")
    lines = _header(source)
    for key in list_keys():
        if path[: len(key.path)] == key.path[: len(path)] and _is_present(key, values):
            above = len(key.path) < len(path)
            lines += _entry(key, values) if above else ["", *_comment(key), *_entry(key, values)]
    return "\n".join([*lines, ""])


def in_one_line(value: Any) -> str:
    """A value of a configuration file as YAML text without line breaks.

    >>> in_one_line(["vessels", "nuclei"]), in_one_line(1e-5), in_one_line(None)
    ('[vessels, nuclei]', '1.0e-05', 'null')
    """
    text = _dumped(value, allow_unicode=True)
    if not text.isprintable():  # marks of direction, which YAML itself would not escape
        text = _dumped(value, allow_unicode=False)
    return text


def _dumped(value: Any, allow_unicode: bool) -> str:
    text = yaml.dump(
        value,
        Dumper=_OneLineDumper,
        default_flow_style=True,
        allow_unicode=allow_unicode,
        sort_keys=False,
        width=float("inf"),
    )
    return str(text).removesuffix("...\n").rstrip("\n")


class _OneLineDumper(yaml.SafeDumper):
    """Escapes line breaks in texts; PyYAML would write them as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_OneLineDumper.add_representer(str, _text)


def _header(source: str) -> list[str]:
    # The path of the schema is relative, so that the two files can move together.
    make_it = f"hrpn-tf config --schema > {SCHEMA_FILE}"
    origin = f", made from {printable(source)}" if source else ""
    about = (
        f"Configuration of hrpn-tf {__version__}{origin}. You may delete any key: it then takes "
        "its default, what the preset was published with, or what the patches were prepared with."
    )
    return [
        f"# yaml-language-server: $schema={SCHEMA_FILE}",
        f"# Make it with: {make_it} (editors then complete this file)",
        *_wrapped(about),
    ]


def _is_present(key: Key, values: Any) -> bool:
    """Whether no section above the key is null."""
    return len(key.path) == 1 or _value(key.path[:-1], values) is not None


def _value(path: tuple[str, ...], values: Any, default: Any = None) -> Any:
    """The value of a key; ``default`` for one that is stated only where it has another."""
    for name in path:
        if values is None:
            return None
        if name not in values:
            return default
        values = values[name]
    return values


def _entry(key: Key, values: Any) -> list[str]:
    """The line of a key and its value, or of a section."""
    value = _value(key.path, values, key.default)
    text = "" if key.is_section and value is not None else f" {in_one_line(value)}"
    return [f"{_indent(key)}{key.path[-1]}:{text}"]


def _comment(key: Key) -> Iterator[str]:
    yield from _wrapped(key.meaning, _indent(key))
    if not key.is_section:
        limits = f", {key.range}" if key.range else ""
        unit = f" Unit: {key.unit}." if key.unit else ""
        default = f" Default: {in_one_line(key.default)}."
        yield from _wrapped(f"Type: {key.type}{limits}.{unit}{default}", _indent(key))


def _indent(key: Key) -> str:
    return " " * INDENT * (len(key.path) - 1)


def _wrapped(text: str, indent: str = "") -> list[str]:
    """Lines of a comment; an option such as --set is not broken at its hyphens."""
    start = f"{indent}# "
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=start, break_on_hyphens=False
    )
