"""A report as one self-contained HTML page: no network, no server, no library."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.report.advice import advice
from hrpn_benchmarks.report.columns import (
    Column,
    columns_of,
    is_disturbed,
    timed,
    unavailable,
)
from hrpn_benchmarks.report.report import DISTURBED, Report, Row

_TEMPLATE = Path(__file__).parent / "assets"
# Joined to one script in this order.
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
# Samples drawn of a row at most, so that a page of hundreds of rows stays responsive.
_DRAWN = 300


def to_page(report: Report) -> str:
    """Write a report as one HTML page that opens from the disk.

    Args:
        report: of ``run_benchmark`` or ``read_report``.

    Returns:
        The page as text, with the styles, the script and the data in it.

    Example:
        ``Path("report.html").write_text(to_page(read_report(folder)))``
    """
    page = (_TEMPLATE / "page.html").read_text(encoding="utf-8")
    script = "\n".join((_TEMPLATE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    style = (_TEMPLATE / "page.css").read_text(encoding="utf-8")
    # "<" could end the script element, and names come from files
    data = json.dumps(_data(report), allow_nan=False).replace("<", "\\u003c")
    # the data come last, so that nothing is replaced in them
    for name, text in (("style", style), ("script", script), ("data", data)):
        page = page.replace(f"@@{name}@@", text)
    return page


def _data(report: Report) -> dict[str, Any]:
    columns = columns_of(report.rows)
    return {
        "about": report.model_dump(mode="json", exclude={"rows", "schema_version"}),
        "busy": report.busy,
        "advice": advice(report),
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
    """The data of a row: for each column a value to sort by and a text, unless it is empty."""
    values = ((each, each.read(row)) for each in columns)
    return {
        "title": row.case.title,
        "cells": {each.key: [v, each.cell(row)] for each, v in values if v is not None},
        "times": None if row.latency is None else _times(row.latency, timed(row) or ""),
        "disturbed": is_disturbed(row),
        "failure": row.failure,
    }


def _times(samples: Samples, name: str) -> dict[str, Any]:
    """The times of a row as the page draws them, ms."""
    return {
        "name": name,
        "quartiles": [1e3 * samples.percentile(share) for share in (25, 50, 75)],
        "drawn": [_rounded(1e3 * value) for value in thinned(samples.values)],
        "count": len(samples.values),
    }


def thinned(values: Sequence[float], most: int = _DRAWN) -> list[float]:
    """Choose the samples to draw: the extreme ones, and an even selection of the others.

    Args:
        values: any number of samples.
        most: largest number to draw.

    Returns:
        Samples in ascending order. If there are more than ``most``: those farther than 1.5
        interquartile ranges from the quartiles (Tukey's outliers), up to half of ``most``, and
        evenly spaced ones between them.
    """
    ordered = np.sort(np.asarray(values, float))
    if len(ordered) <= most:
        return [float(value) for value in ordered]
    first, third = np.percentile(ordered, [25, 75])
    reach = 1.5 * (third - first)
    low = int(np.searchsorted(ordered, first - reach, "left"))
    high = len(ordered) - int(np.searchsorted(ordered, third + reach, "right"))
    # keep the extreme value at each end even if it is no outlier
    low, high = (min(max(count, 1), most // 4) for count in (low, high))
    middle = ordered[low : len(ordered) - high]
    chosen = np.linspace(0, len(middle) - 1, most - low - high).round().astype(int)
    kept = np.concatenate([ordered[:low], middle[chosen], ordered[len(ordered) - high :]])
    return [float(value) for value in kept]


def _rounded(value: float) -> float:
    """Round to four digits: more would not be visible, and would double the size of the page."""
    return float(f"{value:.4g}")
