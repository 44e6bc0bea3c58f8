"""An analysis as Markdown and as one HTML page, made of what ``analysis.json`` holds."""

import base64
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hrpn_tf._version import __version__
from hrpn_tf.evaluation.spatial.ends import ends_in_words
from hrpn_tf.evaluation.tables import aligned
from hrpn_tf.text import counted, markdown

Pictures = Sequence[tuple[str, str]]  # title and file
_NUMBERS = re.compile(r"(?:[-−<>±()\[\]\s]|to|[\d.]+(?:e[-+]?\d+)?)*")
_SHARES = {"share": 3, "um": 1, "grey levels": 2, "": 3}


@dataclass(frozen=True)
class PageTable:
    """A table of a page.

    Attributes:
        title: heading above it.
        head: names of the columns.
        rows: cells.
        note: below it, or "".
        left: number of columns of text.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str
    left: int = 1


def page_tables(values: Mapping[str, Any]) -> list[PageTable]:
    """The tables of an analysis, in the order of reading."""
    found = [_overall(values)]
    if values["conditions"]:
        found.append(_conditions(values))
    found += [_slides(values), _counts(values)]
    if values["margins"]:
        found.append(_margins(values))
    return found


def to_markdown(values: Mapping[str, Any], pictures: Pictures) -> str:
    """Tables, pictures, and definitions."""
    parts = ["# Analysis\n", f"{markdown(values['analysed'])}\n"]
    for table in page_tables(values):
        rows = [[_escaped(cell) for cell in row] for row in table.rows]
        parts += [f"## {table.title}\n", aligned([list(table.head), *rows], left=table.left)]
        parts += [f"{markdown(table.note)}\n"] if table.note else []
    parts.append("## Figures\n")
    parts += [f"{markdown(title)}\n\n![{markdown(title)}]({name})\n" for title, name in pictures]
    parts.append("## Intervals\n")
    parts += [f"- {markdown(text)}" for text in values["intervals"]]
    parts.append("\n## Definitions\n")
    parts += [f"- {one['title']} ({one['unit'] or 'no unit'}): {one['definition']}."
              for one in values["definitions"].values()]  # fmt: skip
    return "\n".join(parts) + "\n"


def to_html(values: Mapping[str, Any], pictures: Pictures, folder: Path) -> str:
    """The same as one page that loads nothing.

    Args:
        values: what ``analysis.json`` holds.
        pictures: title and file name of each.
        folder: that holds the pictures.
    """
    from datetime import UTC, datetime

    from hrpn_tf.evaluation.report.pages import render

    return render(
        "analysis.html",
        lead=values["analysed"],
        tables=page_tables(values),
        pictures=[{"title": title, "data": _data(folder / name)} for title, name in pictures],
        intervals=values["intervals"],
        definitions=list(values["definitions"].values()),
        version=__version__,
        made=datetime.now(UTC).strftime("%d %B %Y"),
    )


def _escaped(cell: str) -> str:
    """A cell of a Markdown table; numbers stay readable as plain text."""
    return cell if _NUMBERS.fullmatch(cell) else markdown(cell)


def _overall(values: Mapping[str, Any]) -> PageTable:
    rows = [
        [
            _title(values, row["measure"]),
            row["condition"] or "all",
            str(row["animals"]),
            _number(row["mean"], values["definitions"][row["measure"]]["unit"]),
            _interval(row, values["definitions"][row["measure"]]["unit"]),
        ]
        for row in values["measures"]
    ]
    missing = next((row["unresolved"] for row in values["measures"] if row["unresolved"]), "")
    notes = [f"Not resolved: {missing}." if missing else "", _left_out(values)]
    note = " ".join(filter(None, notes))
    head = ["measure", "condition", "animals", "mean over animals", "95 % interval over animals"]
    return PageTable("Measures", head, rows, note, left=2)


def _left_out(values: Mapping[str, Any]) -> str:
    """Which slides have no value and do not count in a mean, which is biased by that."""
    parts = []
    for name in values["definitions"]:
        every = [slide["measures"][name] for slide in values["slides"]]
        reasons = Counter(
            (_reason(found) if _reason(found) != "-" else found["unresolved"]) or "undefined"
            for found in every
            if found["value"] is None
        )
        if reasons:
            listed = "; ".join(f"{reason}: {count}" for reason, count in reasons.items())
            title = _title(values, name)
            parts.append(f"{title}: {reasons.total()} of {counted(len(every), 'slide')} ({listed})")
    return f"Without a value, and left out of the mean: {'. '.join(parts)}." if parts else ""


def _conditions(values: Mapping[str, Any]) -> PageTable:
    rows = []
    for row in values["conditions"]:
        unit = row["unit"]
        rows.append(
            [
                _title(values, row["measure"]),
                f"{row['other']} − {row['one']}",
                f"{row['animals_one']}, {row['animals_other']}",
                _number(row["difference"], unit),
                _interval(row, unit),
                _interval({**row, "low": row["g_low"], "high": row["g_high"]}, "grey levels",
                          row["g"]),
                _number(row["p"], "share"),
                _number(row["q"], "share"),
            ]
        )  # fmt: skip
    how = "Each animal is compared with itself." if values["paired"] else "The animal is the unit."
    note = (
        f"{how} Difference: of means over animals, with a t interval. g: Hedges' g. p: permutation "
        "of animals, two-sided. q: p corrected for the number of comparisons in this table "
        "(Benjamini and Hochberg)."
    )
    untested = [
        f"{_title(values, row['measure'])} of {row['other']} and {row['one']} ({row['untested']})"
        for row in values["conditions"]
        if row["untested"]
    ]
    note += f" Not tested: {'; '.join(untested)}." if untested else ""
    head = ["measure", "difference of", "animals", "difference", "95 % interval", "g", "p", "q"]
    return PageTable("Conditions", head, rows, note, left=2)


def _slides(values: Mapping[str, Any]) -> PageTable:
    names = list(values["definitions"])
    head = ["measure", *(slide["slide"] for slide in values["slides"])]
    rows = []
    for name in names:
        unit = values["definitions"][name]["unit"]
        cells = []
        for slide in values["slides"]:
            found = slide["measures"][name]
            cell = _number(found["value"], unit)
            if (ends := ends_in_words(found, partial(_number, unit=unit))) is not None:
                cell += f" ({ends})"
            if found.get("bounds"):
                lower, upper = found["bounds"]
                cell += f" [{_number(lower, unit)} to {_number(upper, unit)}]"
            cells.append(cell if found["value"] is not None else _reason(found))
        rows.append([_title(values, name), *cells])
    note = "In round brackets: 95 %, over blocks of the slide."
    if any("bounds" in m for slide in values["slides"] for m in slide["measures"].values()):
        note += " In square brackets: of the bounds of every pixel."
    return PageTable("Slides", head, rows, note)


def _counts(values: Mapping[str, Any]) -> PageTable:
    rows = [
        [
            slide["slide"],
            slide["group"],
            slide["condition"],
            f"{slide['tissue_mm2']:.3g}",
            str(slide["vessels"]),
            str(slide["nuclei"]),
            f"{slide['threshold']:.4g}",
            slide["vessel_source"],
            slide["nucleus_source"],
        ]
        for slide in values["slides"]
    ]
    head = ["slide", "animal", "condition", "tissue, mm²", "vessels", "nuclei", "positive above",
            "vessels by", "nuclei by"]  # fmt: skip
    return PageTable("What was found", head, rows, "", left=3)


def _margins(values: Mapping[str, Any]) -> PageTable:
    rows = []
    for name, found in values["margins"].items():
        unit = values["definitions"][name]["unit"]
        shown = found["missing"] or f"± {_number(found['value'], unit)}"
        rows.append([_title(values, name), str(found["groups"]), shown])
    note = f"Coverage of a new animal: at least {values['coverage']:g}."
    return PageTable("Margins from held-back animals", ["measure", "animals", "margin"], rows, note)


def _title(values: Mapping[str, Any], name: str) -> str:
    found = values["definitions"][name]
    unit = {"share": "", "um": "µm"}.get(found["unit"], found["unit"])
    return f"{found['title']}, {unit}" if unit else str(found["title"])


def _number(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.{_SHARES[unit]}f}"


def _interval(row: Mapping[str, Any], unit: str, value: float | None = None) -> str:
    before = "" if value is None else f"{_number(value, unit)} "
    if row["low"] is None or row["high"] is None:
        return f"{before}-" if value is None else before.strip()
    text = f"{_number(row['low'], unit)} to {_number(row['high'], unit)}"
    return f"{before}({text})" if before else text


def _reason(found: Mapping[str, Any]) -> str:
    for sign, key in (("<", "below_um"), (">", "above_um")):
        if key in found:
            return f"{sign} {found[key]:.1f}"
    return "-"


def _data(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
