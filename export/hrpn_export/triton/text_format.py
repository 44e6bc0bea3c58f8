"""Protocol buffers as text, as Triton reads its configuration; needs no library of Google's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Enum:
    """A name that is written without quotation marks, such as ``TYPE_FP32``."""

    name: str


def to_text(message: Mapping[str, Any], indent: int = 0) -> str:
    """The text of a message.

    Args:
        message: fields by name. A mapping is a message, a sequence a repeated field; a map is a
            sequence of messages with ``key`` and ``value``.
        indent: of the lines.

    Example:
        >>> print(to_text({"name": "a", "dims": [1, 2], "kind": Enum("KIND_CPU")}), end="")
        name: "a"
        dims: [1, 2]
        kind: KIND_CPU
    """
    return "".join(_field(name, value, "  " * indent, indent) for name, value in message.items())


def _field(name: str, value: Any, margin: str, indent: int) -> str:
    if isinstance(value, Mapping):
        return f"{margin}{name} {{\n{to_text(value, indent + 1)}{margin}}}\n"
    if isinstance(value, Sequence) and not isinstance(value, str):
        if any(isinstance(each, Mapping) for each in value):
            return "".join(_field(name, each, margin, indent) for each in value)
        return f"{margin}{name}: [{', '.join(map(_scalar, value))}]\n"
    return f"{margin}{name}: {_scalar(value)}\n"


def _scalar(value: Any) -> str:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bool):
        return "true" if value else "false"
    # JSON's strings are strings of this format, too, as long as they are ASCII
    return json.dumps(value)
