"""Text that comes from files, made harmless where it is shown or stored.

File names, channel names, labels and groups are chosen by whoever made the slide. They may hold
escape sequences for a terminal, marks that turn the direction of writing, Markdown, or formulas
that a spreadsheet would run.
"""

import re
from collections.abc import Iterable

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$^:])")
# What Excel, LibreOffice and Google Sheets take for the start of a formula, wide forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def printable(text: object, longest: int | None = None) -> str:
    """One line that shows every character, and does nothing else to a terminal.

    White space becomes a blank. Control characters, marks of direction, lone surrogates and other
    characters that do not print are written as Python writes them.

    Args:
        text: anything with a ``str``.
        longest: characters that are kept; the rest becomes an ellipsis. None keeps all.

    Example:
        >>> printable("DAPI" + chr(27) + "[31m" + chr(0x202E))
        'DAPI\\\\x1b[31m\\\\u202e'
    """
    line = "".join(map(_visible, str(text)))
    if longest is not None and len(line) > longest:
        line = line[: longest - 1] + "…"
    return line


def markdown(text: object) -> str:
    """Text that Markdown and HTML show as it is: no markup, no end of a table cell.

    Example:
        >>> markdown("a|b <i>")
        'a\\\\|b &lt;i&gt;'
    """
    line = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\1", line)


def csv_cell(value: object) -> object:
    """A value for a CSV file; a text that a spreadsheet would run gets an apostrophe before it.

    Numbers, also as text, stay as they are. Line breaks and control characters become printable.

    Example:
        >>> csv_cell("=1+1"), csv_cell(-0.5), csv_cell("-0.5"), csv_cell("mouse 1")
        ("'=1+1", -0.5, '-0.5', 'mouse 1')
    """
    if not isinstance(value, str):
        return value
    line = printable(value)
    if value.lstrip(" ").startswith(_FORMULA) and not _is_number(value):
        return "'" + line
    return line


def csv_row(values: Iterable[object]) -> list[object]:
    """:func:`csv_cell` of each value."""
    return [csv_cell(value) for value in values]


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace() and character not in "\x1c\x1d\x1e\x1f\x85\u2028\u2029":
        return " "
    return ascii(character)[1:-1]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
