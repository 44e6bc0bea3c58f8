"""Text that comes from files, made harmless where it is shown or stored.

What a terminal and a page show goes through :func:`printable` and :func:`markdown`, and each table
of numbers is written by :func:`csv_text`: no other module writes CSV.
"""

import csv
import io
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence

from hrpn_export.text import markdown, printable, printable_lines

__all__ = [
    "counted",
    "csv_cell",
    "csv_row",
    "csv_table",
    "csv_text",
    "decimals_for",
    "in_shell",
    "markdown",
    "original_cell",
    "printable",
    "printable_lines",
    "read_csv",
    "with_decimals",
]

# What Excel, LibreOffice and Google Sheets take for the start of a formula, wide forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural by s unless it is one.

    Example:
        >>> counted(1, "slide"), counted(0, "slide")
        ('1 slide', '0 slides')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def with_decimals(value: float, decimals: int = 2) -> str:
    """A number for a table: with so many decimals, or, where it is small, with two digits.

    So tables can be read whether intensities go from 0 to 255 or from 0 to 1.

    Example:
        >>> with_decimals(12.345), with_decimals(0.00123), with_decimals(0.0)
        ('12.35', '0.0012', '0.00')
    """
    return f"{value:.{decimals_for(value, decimals)}f}"


def decimals_for(value: float, decimals: int) -> int:
    """So many decimals, or, where the value is small, as many as show two of its digits.

    Example:
        >>> decimals_for(12.345, 2), decimals_for(0.00123, 2)
        (2, 4)
    """
    if not math.isfinite(value) or value == 0:
        return decimals
    return max(decimals, 1 - math.floor(math.log10(abs(value))))


def in_shell(path: object) -> str:
    """A path in a command line that a user is to paste: quoted, and never taken for an option.

    Example:
        >>> in_shell("my run"), in_shell("-run"), in_shell("run")
        ("'my run'", './-run', 'run')
    """
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def csv_text(heads: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A CSV file: a heading and rows, in which no cell is a formula.

    Args:
        heads: names of the columns.
        rows: cells of each row; None for an empty one. Numbers are written in full precision.

    Example:
        >>> csv_text(["slide", "mse"], [["=1+1", 0.5], ["b", None]])
        "slide,mse\\n'=1+1,0.5\\nb,\\n"
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(csv_row(heads))
    writer.writerows(csv_row(row) for row in rows)
    return text.getvalue()


def csv_table(rows: Sequence[Mapping[str, object]]) -> str:
    """:func:`csv_text` of rows by name, of which each has the columns of the first."""
    heads = list(rows[0]) if rows else []
    return csv_text(heads, ([row[head] for head in heads] for row in rows)) if rows else ""


def read_csv(text: str) -> list[list[str]]:
    """The rows of a CSV file that :func:`csv_text` wrote, with the texts that it was given.

    Raises:
        ValueError: it is no CSV.

    Example:
        >>> read_csv(csv_text(["slide"], [["=1+1"]]))
        [['slide'], ['=1+1']]
    """
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return [[original_cell(cell) for cell in row] for row in rows]


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
    return "'" + line if _runs(line.lstrip("'")) else line


def original_cell(text: str) -> str:
    """The text that :func:`csv_cell` wrote as this cell.

    Example:
        >>> original_cell(str(csv_cell("=1+1")))
        '=1+1'
    """
    return text[1:] if text.startswith("'") and _runs(text.lstrip("'")) else text


def csv_row(values: Iterable[object]) -> list[object]:
    """:func:`csv_cell` of each value."""
    return [csv_cell(value) for value in values]


def _runs(text: str) -> bool:
    return text.lstrip(" ").startswith(_FORMULA) and not _is_number(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
