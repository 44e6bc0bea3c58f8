"""A report as Markdown, for a pull request."""

from collections.abc import Iterable, Sequence

from hrpn_benchmarks.report.advice import advice
from hrpn_benchmarks.report.columns import LATENCY_AT, Column, columns_of, is_disturbed, unavailable
from hrpn_benchmarks.report.report import DISTURBED, Report, Row

_MARK = " †"


def to_markdown(report: Report) -> str:
    """Write a report as Markdown: which format to take, a table per scenario, the formats.

    The tables hold what a page has room for; all columns are in the HTML page. What could not be
    measured comes last.

    Args:
        report: of ``run_benchmark`` or ``read_report``.

    Returns:
        The text; times in ms, memory in MB.

    Example:
        ``Path("report.md").write_text(to_markdown(read_report(folder)))``
    """
    about = report.environment
    versions = ", ".join(f"{name} {version}" for name, version in about.versions.items())
    lines = [each for line in advice(report) for each in (f"**{_plain(line)}.**", "")]
    lines += [f"{about.processor}, {about.cores} cores, {about.system}; {versions}.", ""]
    if report.busy:
        lines += [f"**{report.busy[0].upper()}{report.busy[1:]}.**", ""]
    measured = [row for row in report.rows if row.measures]
    for scenario in dict.fromkeys(row.case.scenario for row in measured):
        lines += _table(scenario, [row for row in measured if row.case.scenario == scenario])
    lines += _formats(measured)
    if any("[" in line for line in lines):
        lines += ["[low, high]: 95 % interval of a median over the rounds.", ""]
    if any(map(is_disturbed, measured)):
        lines += [
            f"†: meanwhile other processes used more than {DISTURBED:.0%} of the machine's cores.",
            "",
        ]
    failures = [f"{row.case.title}: {row.failure}" for row in report.rows if row.failure]
    lines += _list("Not measured, or not in every round", failures)
    lines += _list("Not available", unavailable(report.rows))
    return "\n".join(lines)


def _table(scenario: str, rows: Sequence[Row]) -> list[str]:
    """A heading, the values that all rows share, and the columns in which they differ."""
    left_out = {"scenario"}
    if any(name.startswith(LATENCY_AT) for row in rows for name in row.measures):
        left_out |= {"samples", "p90", "p99"}  # of a network alone, beside those under a load
    columns = [
        each
        for each in columns_of(rows)
        if each.key not in left_out and not each.constant and not each.wide
    ]
    common = [each for each in columns if _is_note(each, rows)]
    shown = [each for each in columns if each not in common]
    notes = [f"{each.name} {_plain(each.cell(rows[0]))}" for each in common]
    return [
        f"### {_plain(scenario)}",
        "",
        *([f"{'; '.join(notes)}.", ""] if notes else []),
        *_lines(shown, rows),
    ]


def _formats(rows: Sequence[Row]) -> list[str]:
    """Size and accuracy, which a format has in every scenario."""
    keys = ("model", "format", *(each.key for each in columns_of(rows) if each.constant))
    columns = [each for each in columns_of(rows) if each.key in keys and not each.wide]
    once = {tuple(each.read(row) for each in columns): row for row in rows}
    shown = list(once.values())
    kept = [each for each in columns if any(each.read(row) is not None for row in shown)]
    if not any(each.constant for each in kept):
        return []
    about = next((row.accuracy.what for row in shown if row.accuracy is not None), None)
    on = [] if about is None else [f"Accuracy on {_plain(about)}.", ""]
    return ["### Formats", "", *on, *_lines(kept, shown, marked=False)]


def _lines(columns: Sequence[Column], rows: Sequence[Row], marked: bool = True) -> list[str]:
    return [
        _line(each.name for each in columns),
        _line("---" if _is_text(each, rows) else "--:" for each in columns),
        *(_line(_cell(each, row, marked) for each in columns) for row in rows),
        "",
    ]


def _is_note(column: Column, rows: Sequence[Row]) -> bool:
    """Whether a column is said once above the table; its rows are told apart by the others."""
    if not _is_common(column, rows):
        return False
    return column.optional or (column.identity and column.key not in ("model", "format"))


def _is_common(column: Column, rows: Sequence[Row]) -> bool:
    return len({column.read(row) for row in rows}) == 1


def _is_text(column: Column, rows: Sequence[Row]) -> bool:
    return any(isinstance(column.read(row), str) for row in rows)


def _cell(column: Column, row: Row, marked: bool) -> str:
    mark = _MARK if marked and column.key == "model" and is_disturbed(row) else ""
    return _plain(column.cell(row)) + mark


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _list(title: str, items: Sequence[str]) -> list[str]:
    return [f"{title}:", "", *(f"- {_plain(each)}" for each in items), ""] if items else []


def _plain(text: str) -> str:
    """A text without Markdown markup that stays in one table cell."""
    line = " ".join(text.replace("|", "/").split())
    return line.replace("<", "&lt;")
