"""A report as Markdown, for a pull request."""

from collections.abc import Iterable, Sequence

from hrpn_benchmarks.report.columns import Column, columns_of, is_disturbed, unavailable
from hrpn_benchmarks.report.report import DISTURBED, Report, Row

_MARK = " †"


def to_markdown(report: Report) -> str:
    """Write a report as Markdown: one table per scenario, then what could not be measured.

    Args:
        report: of ``run_benchmark`` or ``read_report``.

    Returns:
        The text; times in ms, memory in MB.

    Example:
        ``Path("report.md").write_text(to_markdown(read_report(folder)))``
    """
    about = report.environment
    versions = ", ".join(f"{name} {version}" for name, version in about.versions.items())
    lines = [f"{about.processor}, {about.cores} cores, {about.system}; {versions}.", ""]
    if report.busy:
        lines += [f"**{report.busy[0].upper()}{report.busy[1:]}.**", ""]
    measured = [row for row in report.rows if row.measures]
    for scenario in dict.fromkeys(row.case.scenario for row in measured):
        lines += _table(scenario, [row for row in measured if row.case.scenario == scenario])
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
    columns = [each for each in columns_of(rows) if each.key != "scenario"]
    common = [each for each in columns if each.optional and _is_common(each, rows)]
    shown = [each for each in columns if each not in common]
    notes = [f"{each.name} {_plain(each.text(each.read(rows[0])))}" for each in common]
    return [
        f"### {_plain(scenario)}",
        "",
        *([f"{'; '.join(notes)}.", ""] if notes else []),
        _line(each.name for each in shown),
        _line("---" if _is_text(each, rows) else "--:" for each in shown),
        *(_line(_cell(each, row) for each in shown) for row in rows),
        "",
    ]


def _is_common(column: Column, rows: Sequence[Row]) -> bool:
    return len({column.read(row) for row in rows}) == 1


def _is_text(column: Column, rows: Sequence[Row]) -> bool:
    return any(isinstance(column.read(row), str) for row in rows)


def _cell(column: Column, row: Row) -> str:
    mark = _MARK if column.key == "model" and is_disturbed(row) else ""
    return _plain(column.text(column.read(row))) + mark


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _list(title: str, items: Sequence[str]) -> list[str]:
    return [f"{title}:", "", *(f"- {_plain(each)}" for each in items), ""] if items else []


def _plain(text: str) -> str:
    """A text without Markdown markup that stays in one table cell."""
    line = " ".join(text.replace("|", "/").split())
    return line.replace("<", "&lt;")
