"""What pydantic finds wrong with a configuration, in one line."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from hrpn_tf.config.keys import Key, list_keys, suggestion
from hrpn_tf.text import printable

# pydantic ends the place of an error in a union with the name of the type that it tried.
_TRIED = ("str", "int", "float", "literal[")
# Ends of the names of those errors that a type in words says better than pydantic does.
_BITS = 200
_WRONG_TYPE = ("_type", "_parsing", "_from_float")


def explain(error: ValidationError) -> str:
    """All problems, one clause for each key, with what the key means."""
    problems: dict[str, list[Mapping[str, Any]]] = {}
    for each in error.errors():
        problems.setdefault(_place(each), []).append(each)
    return "; ".join(_clause(name, found) for name, found in problems.items())


def _place(problem: Mapping[str, Any]) -> str:
    """The whole key that a problem is about."""
    parts = [str(part) for part in problem["loc"]]
    known = any(key.name == ".".join(parts) for key in list_keys())
    if len(parts) > 2 and not known and parts[-1].startswith(_TRIED):
        parts.pop()
    return ".".join(parts)


def _clause(name: str, problems: list[Mapping[str, Any]]) -> str:
    first = problems[0]
    if first["type"] == "extra_forbidden":
        return f"unknown key {name}{suggestion(name)}"
    message = str(first["msg"]).removeprefix("Value error, ")
    key = _key_of(name)
    if key is None:  # a rule between sections, or a key that is no text
        return f"{name}: {message}".removeprefix(": ")
    if key.is_section and first["type"] == "model_type":
        return f"{name}: expected a section with keys{_instead(first['input'])}"
    if key.is_section:
        return f"{name}: {message}"
    wrong_type = name == key.name and first["type"].endswith(_WRONG_TYPE)
    if wrong_type or len(problems) > 1:
        message = f"expected {key.type}"
    if first["type"] != "value_error":
        message += _instead(first["input"])
    unit = f"; unit: {key.unit}" if key.unit else ""
    return f"{name}: {message} ({key.summary}{unit})"


def _key_of(name: str) -> Key | None:
    """The key itself, or the key that holds an item of this name."""
    holders = [k for k in list_keys() if name == k.name or name.startswith(f"{k.name}.")]
    return holders[-1] if holders else None


def _instead(value: Any) -> str:
    """The value that was given, where it is short enough to help."""
    if value is None:
        return ", not null"
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    if isinstance(value, int) and value.bit_length() > _BITS:  # too long for Python to write out
        return ", not a number of so many digits"
    short = isinstance(value, int | float | str) and len(repr(value)) <= 60
    return f", not {printable(repr(value))}" if short else ""
