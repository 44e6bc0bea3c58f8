"""The benchmark report: rows, Markdown, an HTML page, and the comparison of two reports."""

from hrpn_benchmarks.report.compare import Change, change_of, compare
from hrpn_benchmarks.report.markdown import to_markdown
from hrpn_benchmarks.report.page import to_page
from hrpn_benchmarks.report.report import REPORT, Accuracy, Report, Row, read_report

__all__ = [
    "REPORT",
    "Accuracy",
    "Change",
    "Report",
    "Row",
    "change_of",
    "compare",
    "read_report",
    "to_markdown",
    "to_page",
]
