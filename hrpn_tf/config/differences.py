"""In which keys a configuration that was found differs from the one wanted."""

from collections.abc import Iterator, Mapping
from typing import Any


def differing_keys(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The keys of ``wanted`` whose values in ``found`` are others, as ``section.key``.

    Args:
        found, wanted: plain values, as YAML or JSON has them.

    Example:
        >>> differing_keys({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 2, "d": 4}})
        ['b.d']
    """
    return list(_differing(found, wanted, ""))


def _differing(found: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in wanted.items():
        other = found.get(key)
        if isinstance(value, dict) and value and isinstance(other, dict):
            yield from _differing(other, value, f"{prefix}{key}.")
        elif other != value:
            yield f"{prefix}{key}"
