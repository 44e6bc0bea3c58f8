"""Benchmarks of sessions: memory, latency, throughput, energy and accuracy.

A benchmark takes a :class:`BenchmarkPlan` and bundles, measures each case in fresh processes, and
writes a :class:`Report`::

    from pathlib import Path
    from hrpn_benchmarks import read_plan, run_benchmark, to_markdown

    report = run_benchmark(read_plan("quick"), [Path("bundle")], Path("benchmark"))
    print(to_markdown(report))
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hrpn_benchmarks.case import BenchmarkCase
    from hrpn_benchmarks.errors import BenchmarkError
    from hrpn_benchmarks.matrix import expand
    from hrpn_benchmarks.measures import Measured, Samples
    from hrpn_benchmarks.plan import BenchmarkPlan, Peer, read_plan
    from hrpn_benchmarks.report.compare import Change, compare
    from hrpn_benchmarks.report.markdown import to_markdown
    from hrpn_benchmarks.report.page import to_page
    from hrpn_benchmarks.report.report import Report, Row, read_report
    from hrpn_benchmarks.runner import run_benchmark
    from hrpn_benchmarks.scenarios.registry import find_scenario
    from hrpn_benchmarks.scenarios.scenario import Scenario, ScenarioContext

__all__ = [
    "BenchmarkCase",
    "BenchmarkError",
    "BenchmarkPlan",
    "Change",
    "Measured",
    "Peer",
    "Report",
    "Row",
    "Samples",
    "Scenario",
    "ScenarioContext",
    "compare",
    "expand",
    "find_scenario",
    "read_plan",
    "read_report",
    "run_benchmark",
    "to_markdown",
    "to_page",
]

# Each module is imported when one of its names is first used: the command line, which needs the
# errors only, does not wait for NumPy and pydantic.
_MODULES = {
    "case": ("BenchmarkCase",),
    "errors": ("BenchmarkError",),
    "matrix": ("expand",),
    "measures": ("Measured", "Samples"),
    "plan": ("Peer", "BenchmarkPlan", "read_plan"),
    "report": ("Change", "Report", "Row", "compare", "read_report", "to_markdown", "to_page"),
    "runner": ("run_benchmark",),
    "scenarios": ("Scenario", "ScenarioContext", "find_scenario"),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            found: object = getattr(importlib.import_module(f"hrpn_benchmarks.{module}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
