"""What ``hrpn-tf predict --log-json`` says while it runs."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from hrpn_tf.text import printable

Kind = Literal["progress", "info", "warning", "error"]
LONGEST = 1000  # characters of a message that are shown


@dataclass(frozen=True)
class Message:
    """One line of the command.

    Attributes:
        kind: progress, or how grave it is.
        text: for a user, in one line.
        share: of the work that is done, 0 to 1; None if it is not known.
    """

    kind: Kind
    text: str
    share: float | None = None


def read_message(line: str) -> Message:
    """A line of the command's log; what is no JSON, such as of a library, counts as information.

    >>> read_message('{"level": "WARNING", "message": "small"}')
    Message(kind='warning', text='small', share=None)
    """
    try:
        fields: Any = json.loads(line)
        level, text = str(fields["level"]), printable(fields["message"], LONGEST)
    except (ValueError, KeyError, TypeError, RecursionError):
        return Message("info", printable(line, LONGEST))
    if isinstance(update := fields.get("progress"), dict):
        return Message("progress", text, _share(update))
    kinds: dict[str, Kind] = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}
    return Message(kinds.get(level, "info"), text)


def _share(update: dict[str, Any]) -> float | None:
    done, total = update.get("done"), update.get("total")
    if not isinstance(done, int | float) or not isinstance(total, int | float) or total <= 0:
        return None
    return float(min(max(done / total, 0.0), 1.0))
