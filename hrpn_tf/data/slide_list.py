"""The slide list: which slides, which groups (animals) they belong to, and their channels."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hrpn_tf.config import DataConfig
from hrpn_tf.errors import SlideListError, SlideNotFoundError
from hrpn_tf.slides.names import slide_name

REQUIRED = ("slide", "group")


@dataclass(frozen=True)
class SlideEntry:
    """One slide of the list.

    Attributes:
        name: unique name; the file's stem unless the list gives one.
        path: file, or folder with one TIFF per channel.
        group: what is split by, usually the animal.
        channels: role (inputs, then target): channel name or index in the file.
    """

    name: str
    path: Path
    group: str
    channels: dict[str, str | int]


def read_slide_list(path: Path, config: DataConfig) -> tuple[SlideEntry, ...]:
    """Read a slide list, CSV or YAML (by the file's suffix).

    Columns (CSV) or keys of each item (YAML): ``slide`` (path, relative to the list's folder) and
    ``group``; optional ``name``, and one per role that names its channel. Others are ignored.
    A role's channel is the list's column, else ``config.channels``, else the role's own name.

    Raises:
        SlideListError: the list cannot be read, is empty, misses a column, or repeats a
            name or a slide.
        SlideNotFoundError: a slide does not exist.
    """
    return _entries(str(path), path.parent, _read_rows(path), config)


def slide_entries(
    rows: Sequence[Mapping[str, object]], config: DataConfig
) -> tuple[SlideEntry, ...]:
    """The slides of a list that is in memory; see :func:`read_slide_list`.

    Args:
        rows: one per slide, with the keys of a slide list; paths are relative to the working
            folder.
        config: names the roles and their channels.

    Raises:
        SlideListError, SlideNotFoundError: see :func:`read_slide_list`.
    """
    numbered = [(f"slide {number}", row) for number, row in enumerate(rows, start=1)]
    return _entries("slide list", Path(), numbered, config)


def _entries(
    source: str, folder: Path, rows: Sequence[tuple[str, Mapping[str, Any]]], config: DataConfig
) -> tuple[SlideEntry, ...]:
    if not rows:
        raise SlideListError(f"{source}: the list names no slide; expected columns slide and group")
    entries: dict[str, SlideEntry] = {}
    files: set[Path] = set()
    for where, row in rows:
        entry = _entry(f"{source}, {where}", folder, row, config)
        if entry.name in entries:
            raise SlideListError(
                f"{source}, {where}: the name {entry.name} is used twice; give the slides "
                "different names in a column 'name'"
            )
        if (file := entry.path.resolve()) in files:
            raise SlideListError(f"{source}, {where}: {entry.path} is listed twice")
        entries[entry.name] = entry
        files.add(file)
    for entry in entries.values():
        if not entry.path.exists():
            raise SlideNotFoundError(f"{entry.path}: no such slide (listed in {source})")
    return tuple(entries.values())


def _entry(where: str, folder: Path, row: Mapping[str, Any], config: DataConfig) -> SlideEntry:
    for column in REQUIRED:
        if row.get(column) in (None, ""):
            raise SlideListError(f"{where}: nothing in column '{column}'")
    slide = folder / str(row["slide"])
    channels: dict[str, str | int] = {}
    for role in (*config.inputs, config.target):
        listed = row.get(role)
        if listed in (None, ""):
            listed = config.channels.get(role, role)
        if isinstance(listed, bool) or not isinstance(listed, str | int):
            raise SlideListError(f"{where}: the channel of {role} must be a name or an index")
        channels[role] = listed
    return SlideEntry(str(row.get("name") or slide_name(slide)), slide, str(row["group"]), channels)


def _read_rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The rows, each with the words that say where it is."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SlideListError(f"{path}: not a text file in UTF-8") from None
    except OSError as error:
        raise SlideListError(f"{path}: cannot be read: {error.strerror}") from None
    if path.suffix.lower() in (".yaml", ".yml"):
        return _yaml_rows(path, text)
    return _csv_rows(path, text)


def _csv_rows(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True, strict=True)
    rows = []
    try:
        _check_header(path, reader.fieldnames)
        for row in reader:
            if None in row:
                raise SlideListError(f"{path}, row {reader.line_num}: more values than columns")
            values = {key.strip(): (value or "").strip() for key, value in row.items()}
            rows.append((f"row {reader.line_num}", values))
    except csv.Error as error:
        raise SlideListError(f"{path}, row {reader.line_num}: not valid CSV: {error}") from None
    return rows


def _check_header(path: Path, columns: Any) -> None:
    present = [column.strip() for column in columns or ()]
    if missing := [column for column in REQUIRED if column not in present]:
        found = f"found {', '.join(present)}" if present else "the file is empty"
        raise SlideListError(f"{path}, row 1: no column '{missing[0]}' in the header ({found})")
    if twice := [column for column in present if column and present.count(column) > 1]:
        raise SlideListError(f"{path}, row 1: the column '{twice[0]}' is there twice; remove one")


def _yaml_rows(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        items = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise SlideListError(f"{path}: not valid YAML: {problem}") from None
    if isinstance(items, dict) and "slides" in items:
        items = items["slides"]
    if not isinstance(items or [], list):
        raise SlideListError(f"{path}: expected a list of slides, each with keys slide and group")
    rows = []
    for number, item in enumerate(items or [], start=1):
        if not isinstance(item, dict):
            raise SlideListError(f"{path}, slide {number}: expected keys slide and group")
        rows.append((f"slide {number}", item))
    return rows
