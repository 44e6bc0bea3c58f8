"""The rows of a slide list, from CSV or YAML."""

import csv
import io
import re
from pathlib import Path
from typing import Any

from hrpn_tf.errors import SlideListError
from hrpn_tf.kinds import refuse_other_kind
from hrpn_tf.text import original_cell, printable
from hrpn_tf.untrusted import parse_yaml, read_text

REQUIRED = ("slide", "group")
MOST_SLIDES = 10_000
# A row is read with the words that say where it is.
Row = tuple[str, dict[str, Any]]

_SEPARATORS = (",", ";", "\t")
_STATED = re.compile(r'"?sep=([,;\t])"?\r?\n')  # the first line of some spreadsheets' files
_REASON = 160


def read_rows(path: Path) -> tuple[list[Row], list[str]]:
    """The rows of a slide list, and the mistakes that were found in reading them.

    Args:
        path: CSV file, whose values are separated by commas, semicolons or tabs; or YAML by its
            suffix. The apostrophe before ``+drug``, by which a table of this program and a
            spreadsheet say that it is no formula, is not part of the value.

    Raises:
        SlideListError: the file cannot be read, is no such file, has no heading, or names more
            than 10 000 slides.
    """
    refuse_other_kind(path, "slide list")
    text = read_text(path, SlideListError)
    if path.suffix.lower() in (".yaml", ".yml"):
        return _yaml_rows(path, text)
    return _csv_rows(path, text)


def refuse_many(source: str, count: int) -> None:
    """Raise if a list names too many slides.

    Raises:
        SlideListError: more than 10 000.
    """
    if count > MOST_SLIDES:
        raise SlideListError(
            f"{source}: more than {MOST_SLIDES} slides; split the list into several"
        )


def _csv_rows(path: Path, text: str) -> tuple[list[Row], list[str]]:
    separator, above = _separator(text)
    if above:
        text = text[text.index("\n") + 1 :]
    reader = csv.reader(
        io.StringIO(text, newline=""), skipinitialspace=True, strict=True, delimiter=separator
    )
    rows: list[Row] = []
    mistakes: list[str] = []
    try:
        columns = [original_cell(column.strip()) for column in next(reader, [])]
        _check_header(path, columns)
        for cells in reader:
            where = f"row {reader.line_num + above}"
            if not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[len(columns) :]):
                mistakes.append(f"{where}: more values than columns")
                continue
            cells = [original_cell(cell) for cell in cells] + [""] * (len(columns) - len(cells))
            rows.append((where, dict(zip(columns, cells, strict=False))))
            refuse_many(str(path), len(rows))
    except csv.Error as error:
        raise SlideListError(
            f"{path}, row {reader.line_num + above}: not valid CSV: {error}"
        ) from None
    return rows, mistakes


def _separator(text: str) -> tuple[str, int]:
    """What separates the values, and the number of lines above the heading."""
    if stated := _STATED.match(text):
        return stated[1], 1
    heading = text.partition("\n")[0]
    return max(_SEPARATORS, key=heading.count), 0


def _check_header(path: Path, columns: list[str]) -> None:
    present = [column for column in columns if column]
    if missing := [column for column in REQUIRED if column not in present]:
        found = (
            f"found {printable(', '.join(present), _REASON)}" if present else "the file is empty"
        )
        raise SlideListError(f"{path}, row 1: no column '{missing[0]}' in the header ({found})")
    if twice := [column for column in dict.fromkeys(present) if present.count(column) > 1]:
        raise SlideListError(f"{path}, row 1: two columns are named '{twice[0]}'")


def _yaml_rows(path: Path, text: str) -> tuple[list[Row], list[str]]:
    try:
        items = parse_yaml(text)
    except ValueError as error:
        raise SlideListError(f"{path}: not valid YAML: {printable(error, _REASON)}") from None
    if isinstance(items, dict) and "slides" in items:
        items = items["slides"]
    if not isinstance(items or [], list):
        raise SlideListError(f"{path}: expected a list of slides, each with keys slide and group")
    items = items or []
    refuse_many(str(path), len(items))
    rows: list[Row] = []
    mistakes: list[str] = []
    for number, item in enumerate(items, start=1):
        if isinstance(item, dict):
            rows.append((f"slide {number}", item))
        else:
            mistakes.append(f"slide {number}: expected keys slide and group")
    return rows, mistakes
