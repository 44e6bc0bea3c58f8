"""Every key of the configuration with its meaning, type, range, unit and default."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hrpn_tf.config.schema import meaning_of, model_schema, section_of
from hrpn_tf.errors import ConfigError

TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "`true` or `false`",
    "null": "`null`",
}


@dataclass(frozen=True)
class Key:
    """One key of the configuration, or one section.

    Attributes:
        path: names from the outermost section to the key.
        meaning: one or more sentences.
        type: in words, such as "whole number or `null`".
        range: such as "≥ 1"; empty if all values of the type are allowed.
        unit: of its numbers; empty for pure numbers and for all other types.
        default: as in a file; None for a section.
        is_section: whether it holds keys.
    """

    path: tuple[str, ...]
    meaning: str
    type: str
    range: str
    unit: str
    default: Any
    is_section: bool

    @property
    def name(self) -> str:
        """The whole key, such as ``training.batch_size``."""
        return ".".join(self.path)

    @property
    def summary(self) -> str:
        """The first sentence of the meaning, without its full stop."""
        return self.meaning.partition(". ")[0].removesuffix(".")


@cache
def list_keys() -> tuple[Key, ...]:
    """All keys and sections in the order of the file, each section before its keys.

    >>> [key.name for key in list_keys()][:3]
    ['data', 'data.inputs', 'data.target']
    """
    schema = model_schema()
    return tuple(_keys_below(schema, schema["$defs"], ()))


def find_key(name: str) -> Key:
    """The key or section of this name.

    Raises:
        ConfigError: there is none; the nearest name is suggested.

    >>> find_key("data.patch").unit
    'px'
    """
    known = {key.name: key for key in list_keys()}
    if name in known:
        return known[name]
    raise ConfigError(f"the configuration has no section or key {name}{suggestion(name)}")


def suggestion(name: str) -> str:
    """``, did you mean ...?`` for a key that does not exist; empty if nothing is similar."""
    parent, _, last = name.rpartition(".")
    names = [key.name for key in list_keys()]
    siblings = {n.rpartition(".")[2]: n for n in names if n.rpartition(".")[0] == parent}
    elsewhere = [n for n in names if n.rpartition(".")[2] == last]
    near = difflib.get_close_matches(last, siblings, n=1)
    found = [siblings[each] for each in near] or elsewhere or difflib.get_close_matches(name, names)
    return f", did you mean {found[0]}?" if found else ""


def _keys_below(
    section: dict[str, Any], definitions: dict[str, Any], parents: tuple[str, ...]
) -> Iterator[Key]:
    for name, node in section["properties"].items():
        inner = section_of(node, definitions)
        yield Key(
            path=(*parents, name),
            meaning=meaning_of(node, definitions),
            type=_either(_types(node)),
            range=_either(_ranges(node)),
            unit=node.get("unit", ""),
            default=None if inner else node["default"],
            is_section=bool(inner),
        )
        yield from _keys_below(inner, definitions, (*parents, name)) if inner else ()


def _types(node: dict[str, Any]) -> list[str]:
    """The types that a value may have, in words."""
    if "anyOf" in node:
        return list(dict.fromkeys(name for choice in node["anyOf"] for name in _types(choice)))
    if "$ref" in node:
        return ["section"]
    if "enum" in node or "const" in node:
        return [f"`{value}`" for value in node.get("enum", [node.get("const")])]
    if "prefixItems" in node:
        return [f"list of {len(node['prefixItems'])} {_either(_types(node['prefixItems'][0]))}s"]
    if node["type"] == "array":
        return [f"list of {_either(_types(node['items']))}"]
    if node["type"] == "object":
        inner = node["additionalProperties"]
        if inner.get("type") == "object":
            return [f"one {_either(_types(inner['additionalProperties']))} per section and name"]
        return [f"one {_either(_types(inner))} per name"]
    return [TYPES[node["type"]]]


def _ranges(node: dict[str, Any]) -> list[str]:
    """The limits of a value, or of each of the types that it may have."""
    if "anyOf" in node:
        return list(dict.fromkeys(limit for choice in node["anyOf"] for limit in _ranges(choice)))
    if node.get("type") == "object":
        return _ranges(node["additionalProperties"])
    if "prefixItems" in node:
        return []
    if "minItems" in node:
        return [f"at least {node['minItems']} item"]
    if "minLength" in node:
        return ["not empty"]
    if "minimum" in node and "maximum" in node:
        return [f"{node['minimum']} to {node['maximum']}"]
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {node[name]}" for name, sign in signs.items() if name in node]
    return [" and ".join(limits)] if limits else []


def _either(choices: list[str]) -> str:
    """``a, b or c``."""
    *others, last = choices or [""]
    return f"{', '.join(others)} or {last}" if others else last
