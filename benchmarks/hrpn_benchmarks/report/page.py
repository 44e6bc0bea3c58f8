"""A report as one HTML page that needs nothing else: no network, no server, no library."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.report.columns import (
    Column,
    columns_of,
    is_disturbed,
    timed,
    unavailable,
)
from hrpn_benchmarks.report.report import DISTURBED, Report, Row

_TEMPLATE = Path(__file__).parent / "assets"
# In this order they become one script.
_SCRIPTS = (
    "basics.js",
    "axes.js",
    "marks.js",
    "points.js",
    "table.js",
    "scatter.js",
    "lanes.js",
    "main.js",
)
# Of more samples than these not all are drawn: a page of hundreds of rows must stay quick.
_DRAWN = 300


def to_page(report: Report) -> str:
    """The page as text."""
    page = (_TEMPLATE / "page.html").read_text(encoding="utf-8")
    script = "\n".join((_TEMPLATE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    style = (_TEMPLATE / "page.css").read_text(encoding="utf-8")
    # in a script element only "<" could end it; a name from a file must not
    data = json.dumps(_data(report), allow_nan=False).replace("<", "\\u003c")
    # the data come last: nothing is replaced in them
    for name, text in (("style", style), ("script", script), ("data", data)):
        page = page.replace(f"@@{name}@@", text)
    return page


def _data(report: Report) -> dict[str, Any]:
    columns = columns_of(report.rows)
    return {
        "about": report.model_dump(mode="json", exclude={"rows", "schema_version"}),
        "busy": report.busy,
        "disturbed": DISTURBED,
        "unavailable": unavailable(report.rows),
        "columns": [
            {
                "key": each.key,
                "name": each.name,
                "about": each.about,
                "identity": each.identity,
                "optional": each.optional,
            }
            for each in columns
        ],
        "rows": [_row(row, columns) for row in report.rows],
    }


def _row(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    """What the page knows of a row.

    Each cell is a value to sort by and a text; those of empty cells are left out.
    """
    values = ((each, each.read(row)) for each in columns)
    return {
        "title": row.cell.title,
        "cells": {each.key: [v, each.text(v)] for each, v in values if v is not None},
        "times": None if row.latency is None else _times(row.latency, timed(row) or ""),
        "disturbed": is_disturbed(row),
        "failure": row.failure,
    }


def _times(samples: Samples, name: str) -> dict[str, Any]:
    """What is drawn of a row's times, ms."""
    return {
        "name": name,
        "quartiles": [1e3 * samples.percentile(share) for share in (25, 50, 75)],
        "drawn": [_rounded(1e3 * value) for value in thinned(samples.values)],
        "count": len(samples.values),
    }


def thinned(values: Sequence[float], most: int = _DRAWN) -> list[float]:
    """Values to draw in place of all: the most extreme ones, and evenly many of the others.

    Args:
        values: any number of samples.
        most: how many may be drawn.

    Returns:
        The samples in ascending order: all if they are few enough; else those farther than 1.5
        interquartile ranges from the quartiles (Tukey's outliers), at most half of ``most``, the
        smallest and largest first, and of what lies between them every so-many-th.
    """
    ordered = np.sort(np.asarray(values, float))
    if len(ordered) <= most:
        return [float(value) for value in ordered]
    first, third = np.percentile(ordered, [25, 75])
    reach = 1.5 * (third - first)
    low = int(np.searchsorted(ordered, first - reach, "left"))
    high = len(ordered) - int(np.searchsorted(ordered, third + reach, "right"))
    # at each end at least the extreme one, whether it is an outlier or not
    low, high = (min(max(count, 1), most // 4) for count in (low, high))
    middle = ordered[low : len(ordered) - high]
    chosen = np.linspace(0, len(middle) - 1, most - low - high).round().astype(int)
    kept = np.concatenate([ordered[:low], middle[chosen], ordered[len(ordered) - high :]])
    return [float(value) for value in kept]


def _rounded(value: float) -> float:
    """Four digits: more cannot be seen, and would double the size of the page."""
    return float(f"{value:.4g}")
