"""The slide list: which slides, which groups (animals) they belong to, and their channels."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hrpn_tf.config import DataConfig
from hrpn_tf.data.slide_rows import REQUIRED, read_rows, refuse_many
from hrpn_tf.errors import SlideListError, SlideNotFoundError
from hrpn_tf.slides.names import comparable, is_file_name, lookalike, slide_name
from hrpn_tf.text import printable

ANCHOR = "anchor"  # column of the measured mean of the target
CONDITION = "condition"  # column of what is compared, such as a treatment
LONGEST = 200  # characters of a name or group
_LONG = 60  # characters of one that a message quotes
_SHOWN = 10  # mistakes; a list with a wrong column has one in each row


@dataclass(frozen=True)
class SlideEntry:
    """One slide of the list.

    Attributes:
        name: unique name; the file's stem unless the list gives one.
        path: file, or folder with one TIFF per channel.
        group: what is split by, usually the animal.
        channels: role (inputs, then target): channel name or index in the file.
        anchor: measured mean of the target over the tissue of the group; None if none is stated.
        condition: what is compared by `hrpn-tf analyse`, such as a treatment; "" if none is stated.
    """

    name: str
    path: Path
    group: str
    channels: dict[str, str | int]
    anchor: float | None = None
    condition: str = ""


def read_slide_list(path: Path, config: DataConfig) -> tuple[SlideEntry, ...]:
    """Read a slide list, CSV or YAML (by the file's suffix).

    Columns (CSV) or keys of each item (YAML): ``slide`` (path, relative to the list's folder) and
    ``group``; optional ``name``, ``anchor`` (a positive number, the same for all slides of a
    group), ``condition``, and one per role that names its channel. Others are ignored, but one that
    differs from these by case or white space alone is a mistake.
    A role's channel is the list's column, else ``config.channels``, else the role's own name.

    All mistakes are reported at once, each with its row. Names and groups are kept as they are
    shown: a control character in one is written as an escape.

    Raises:
        SlideListError: the list cannot be read, is empty, misses a column, repeats a name or a
            slide, or has names or groups that differ by case, white space or Unicode form alone.
        SlideNotFoundError: a slide does not exist, and nothing else is wrong.
    """
    rows, mistakes = read_rows(path)
    return _entries(str(path), path.parent, rows, mistakes, config)


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
    refuse_many("slide list", len(rows))
    numbered = [(f"slide {number}", row) for number, row in enumerate(rows, start=1)]
    return _entries("slide list", Path(), numbered, [], config)


@dataclass
class _Seen:
    """Spellings of one kind of name so far: what they have in common: spelling and place."""

    kind: str
    first: dict[str, tuple[str, str]] = field(default_factory=dict)
    spellings: set[str] = field(default_factory=set)

    def mistake(self, where: str, spelling: str) -> str | None:
        """What is wrong with a spelling that looks like an earlier one; reported once."""
        before, place = self.first.setdefault(comparable(spelling), (spelling, where))
        if spelling == before or spelling in self.spellings:
            return None
        self.spellings.add(spelling)
        return (
            f"the {self.kind} {printable(ascii(spelling), _LONG)} differs from "
            f"{printable(ascii(before), _LONG)} of {place} by case, spaces or Unicode form alone; "
            "write both alike, or choose other names"
        )


@dataclass
class _Earlier:
    """The slides of the rows so far, for mistakes that show only beside another row."""

    entries: dict[str, SlideEntry] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    anchors: dict[str, tuple[float, str]] = field(default_factory=dict)
    groups: _Seen = field(default_factory=lambda: _Seen("group"))
    names: _Seen = field(default_factory=lambda: _Seen("name"))
    conditions: _Seen = field(default_factory=lambda: _Seen("condition"))

    def add(self, where: str, row: Mapping[str, Any], entry: SlideEntry) -> Iterator[str]:
        """Take in a slide; yields what is wrong with it beside the earlier ones."""
        if entry.name in self.entries:
            yield (
                f"the name {entry.name} is used twice; give the slides different names in a "
                "column 'name'"
            )
        elif alike := self.names.mistake(where, _text(row.get("name")) or entry.name):
            yield alike
        if alike := self.groups.mistake(where, str(row["group"])):
            yield alike
        if entry.condition and (alike := self.conditions.mistake(where, entry.condition)):
            yield alike
        yield from self._other_anchor(where, entry)
        file = os.path.realpath(entry.path)
        if file in self.files:
            yield f"{entry.path} is listed twice"
        self.entries[entry.name] = entry
        self.files.add(file)

    def _other_anchor(self, where: str, entry: SlideEntry) -> Iterator[str]:
        if entry.anchor is None:
            return
        anchor, place = self.anchors.setdefault(entry.group, (entry.anchor, where))
        if anchor != entry.anchor:
            yield (
                f"the anchor {entry.anchor:g} is not the {anchor:g} of {place}, which is of "
                f"the same group {printable(entry.group, _LONG)}; an anchor is of a group"
            )


def _entries(
    source: str,
    folder: Path,
    rows: Sequence[tuple[str, Mapping[str, Any]]],
    mistakes: list[str],
    config: DataConfig,
) -> tuple[SlideEntry, ...]:
    if not rows and not mistakes:
        raise SlideListError(f"{source}: the list names no slide; expected columns slide and group")
    mistakes = [*_misspelt(rows, config), *mistakes]
    absent: list[str] = []
    earlier = _Earlier()
    for where, row in rows:
        found = [*_missing(row), *_wrong(row, config)]
        if not found:
            entry = _entry(folder, row, config)
            found = [*_unusable(entry), *earlier.add(where, row, entry)]
            if not os.path.exists(entry.path):
                absent.append(f"{where}: {entry.path}: no such slide")
        mistakes += [f"{where}: {text}" for text in found]
    _refuse(source, mistakes, absent)
    return tuple(earlier.entries.values())


def _refuse(source: str, mistakes: Sequence[str], absent: Sequence[str]) -> None:
    """Raise one error with all mistakes of a list, if there are any."""
    if found := [*mistakes, *absent]:
        kind = SlideListError if mistakes else SlideNotFoundError
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise kind(f"{source}, {'; '.join(found[:_SHOWN])}{more}")


def _misspelt(rows: Sequence[tuple[str, Mapping[str, Any]]], config: DataConfig) -> Iterator[str]:
    """Columns that would be ignored for their spelling."""
    columns = {str(column) for _, row in rows for column in row}
    for known in (*REQUIRED, "name", ANCHOR, CONDITION, *config.inputs, config.target):
        if known not in columns and (written := lookalike(known, columns)):
            yield f"the column {printable(ascii(written), _LONG)} must be written '{known}'"


def _missing(row: Mapping[str, Any]) -> Iterator[str]:
    for column in REQUIRED:
        if _text(row.get(column)) == "":
            yield f"nothing in column '{column}'"


def _wrong(row: Mapping[str, Any], config: DataConfig) -> Iterator[str]:
    """Values of another type than a list has."""
    for column in (*REQUIRED, "name", *_condition_column(config)):
        if isinstance(row.get(column), bool | bytes | list | dict | set | tuple):
            yield f"the {column} must be a text or a number"
    for role in (*config.inputs, config.target):
        listed = row.get(role)
        if isinstance(listed, bool) or not isinstance(listed, str | int | None):
            yield f"the channel of {role} must be a name or an index"
    if isinstance(_anchor(row, config), str):
        yield (
            f"the anchor {printable(row.get(ANCHOR), _LONG)} must be a number above 0, the "
            "measured mean of the target"
        )
    if "\0" in str(row.get("slide")):
        yield f"the slide {row['slide']}: no file can have this name"


def _unusable(entry: SlideEntry) -> Iterator[str]:
    if not is_file_name(entry.name):
        yield f"the name {printable(entry.name, _LONG)} cannot be a file name; change it"
    texts = (("name", entry.name), ("group", entry.group), ("condition", entry.condition))
    for kind, text in texts:
        if len(text) > LONGEST:
            yield f"the {kind} {printable(text, 20)} is longer than {LONGEST} characters"


def _entry(folder: Path, row: Mapping[str, Any], config: DataConfig) -> SlideEntry:
    slide = folder / _text(row["slide"])
    channels: dict[str, str | int] = {}
    for role in (*config.inputs, config.target):
        listed = row.get(role)
        if isinstance(listed, str):
            listed = listed.strip()
        channels[role] = config.channels.get(role, role) if listed in (None, "") else listed
    name = printable(_text(row.get("name"))) or slide_name(slide)
    anchor = _anchor(row, config)
    assert not isinstance(anchor, str)
    stated = [printable(_text(row.get(column))) for column in _condition_column(config)]
    group = printable(_text(row["group"]))
    return SlideEntry(name, slide, group, channels, anchor, "".join(stated))


def _condition_column(config: DataConfig) -> tuple[str, ...]:
    """The column of the condition; none where a role has its name."""
    return () if CONDITION in (*config.inputs, config.target) else (CONDITION,)


def _anchor(row: Mapping[str, Any], config: DataConfig) -> float | str | None:
    """A finite number above 0, None for an empty cell, or the text of anything else."""
    value = row.get(ANCHOR)
    if _text(value) == "" or ANCHOR in (*config.inputs, config.target):  # a role of this name
        return None
    try:
        text = _text(value)
        # Python reads 1_000 as 1000, which no other program does
        number = math.nan if isinstance(value, bool) or "_" in text else float(text)
    except ValueError:
        number = math.nan
    return number if math.isfinite(number) and number > 0 else _text(value)


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()
