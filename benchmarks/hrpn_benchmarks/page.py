"""A report as one HTML page that needs nothing else: no network, no server, no library."""

import json
from pathlib import Path
from typing import Any

from hrpn_benchmarks.report import Report, Row

_TEMPLATE = Path(__file__).parent / "page"


def to_page(report: Report) -> str:
    """The page as text."""
    data = {
        "environment": report.environment.model_dump(mode="json"),
        "busy": report.environment.busy,
        "rows": [_row(row) for row in report.rows],
    }
    # in a script element only "<" could end it; a name from a file must not
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    page = (_TEMPLATE / "page.html").read_text(encoding="utf-8")
    for name in ("page.css", "page.js"):
        page = page.replace(f"@@{name}@@", (_TEMPLATE / name).read_text(encoding="utf-8"))
    return page.replace("@@data@@", text)


def _row(row: Row) -> dict[str, Any]:
    cell, accuracy = row.cell, row.accuracy
    times = row.latency
    speed = row.measures.get("throughput")
    peak, growth = row.measures.get("peak memory"), row.measures.get("memory growth")
    return {
        "model": cell.model,
        "format": f"{cell.format} {cell.precision}",
        "runtime": cell.runtime,
        "scenario": cell.scenario,
        "side": cell.side,
        "threads": cell.threads,
        "device": cell.device,
        "times": None if times is None else [1000 * value for value in times.values],
        "p50": None if times is None else 1000 * times.median,
        "p95": None if times is None else 1000 * times.percentile(95),
        "p99": None if times is None else 1000 * times.percentile(99),
        "speed": None if speed is None else speed.median / 1e6,
        "peak": None if peak is None else peak.median / 1e6,
        "growth": None if growth is None else growth.median / 1e6,
        "size": None if row.size is None else row.size / 1e6,
        "mse": None if accuracy is None else accuracy.mse,
        "r2": None if accuracy is None else accuracy.r2,
        "largest": None if accuracy is None else accuracy.largest,
        "failure": row.failure,
    }
