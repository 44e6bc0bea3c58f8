"""A report as Markdown, for a pull request."""

from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.report import Report, Row

_HEAD = (
    "| network | format | runtime | scenario | side | threads | median | p95 | throughput "
    "| peak memory | growth | file | MSE | R² | from float32 |\n"
    "|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def to_markdown(report: Report) -> str:
    """All rows in one table, and what could not be measured below it."""
    about = report.environment
    lines = [
        f"{about.processor}, {about.cores} cores, {about.system}; "
        + ", ".join(f"{name} {version}" for name, version in about.versions.items())
        + ".",
        "",
    ]
    if about.busy:
        lines += [f"**{about.busy[0].upper()}{about.busy[1:]}.**", ""]
    lines += [_HEAD, *(_line(row) for row in report.rows if row.measures)]
    failures = [row for row in report.rows if row.failure]
    if failures:
        lines += ["", "Not measured, or not in every round:", ""]
        lines += [f"- {row.cell.title}: {_plain(row.failure or '')}" for row in failures]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    cell, measures, accuracy = row.cell, row.measures, row.accuracy
    times = row.latency
    speed = measures.get("throughput")
    cells = (
        _plain(cell.model),
        f"{cell.format} {cell.precision}",
        cell.runtime,
        cell.scenario,
        f"{cell.side}",
        f"{cell.threads}",
        "" if times is None else _seconds(times.median),
        "" if times is None else _seconds(times.percentile(95)),
        "" if speed is None else f"{speed.median / 1e6:.3g} Mpx/s",
        _megabytes(measures.get("peak memory")),
        _megabytes(measures.get("memory growth")),
        "" if row.size is None else f"{row.size / 1e6:.3g} MB",
        "" if accuracy is None else f"{accuracy.mse:.4g}",
        "" if accuracy is None else f"{accuracy.r2:.3f}",
        "" if accuracy is None else f"{accuracy.largest:.2g}",
    )
    return f"| {' | '.join(cells)} |"


def _seconds(value: float) -> str:
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def _megabytes(samples: Samples | None) -> str:
    return "" if samples is None else f"{samples.median / 1e6:.0f} MB"


def _plain(text: str) -> str:
    """Nothing that Markdown takes for the end of a cell or a line."""
    return " ".join(text.replace("|", "/").split())
