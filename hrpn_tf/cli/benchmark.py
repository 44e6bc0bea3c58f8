"""``hrpn-tf benchmark``: what a network costs in every format, and what a user gets for it."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrpn_tf.cli.show import show
from hrpn_tf.errors import UsageError

if TYPE_CHECKING:
    from hrpn_benchmarks.report.report import Report

logger = logging.getLogger(__name__)


@click.command("benchmark")
@click.argument("bundles", nargs=-1, type=click.Path(path_type=Path), metavar="BUNDLE...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the report.")
@click.option(
    "--plan",
    metavar="FILE|NAME",
    default="quick",
    help="Benchmark plan: quick, cpu, gpu, server, peers, or a file (default: quick).",
)
@click.option(
    "--device",
    metavar="NAME",
    help="Device to measure on: cpu, cuda, cuda:1 or tensorrt (default: as in the plan).",
)
@click.option(
    "--threads",
    metavar="N,...",
    help="Numbers of threads of the runtimes, e.g. 1,2,4 (default: as in the plan).",
)
@click.option("--uncertified", is_flag=True, help="Also measure formats that failed certification.")
@click.option(
    "--compare",
    "compared",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="OLD NEW",
    help="Show the changes from one report to another instead of measuring.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(min=0),
    default=0.1,
    help="With --compare: relative change from which a measure counts as worse; if one certainly "
    "is, the exit code is 1 (default: 0.1).",
)
def command(
    bundles: tuple[Path, ...],
    out: Path | None,
    plan: str,
    device: str | None,
    threads: str | None,
    uncertified: bool,
    compared: tuple[Path, Path] | None,
    threshold: float,
) -> None:
    """Measure start-up, latency, memory and throughput of bundles, in fresh processes.

    After an interruption, the same command resumes. An existing report is never replaced.
    """
    if compared is not None:
        if bundles or out is not None:
            raise UsageError("--compare takes two reports; omit BUNDLE and --out")
        _compare(*compared, threshold)
        return
    if not bundles or out is None:
        raise UsageError("at least one BUNDLE and --out with a folder for the report are required")
    changes: dict[str, Any] = {"uncertified": True} if uncertified else {}
    if device is not None:
        changes["device"] = device
    if threads is not None:
        changes["threads"] = _numbers(threads)
    _measure(bundles, out, plan, changes)


def _measure(bundles: tuple[Path, ...], out: Path, source: str, changes: dict[str, Any]) -> None:
    from hrpn_benchmarks.errors import BenchmarkError
    from hrpn_benchmarks.plan import BenchmarkPlan, read_plan
    from hrpn_benchmarks.report.markdown import to_markdown
    from hrpn_benchmarks.report.page import to_page
    from hrpn_benchmarks.runner import run_benchmark

    from hrpn_tf.files import atomic_path
    from hrpn_tf.kinds import refuse_other_kind

    def write_pages(report: "Report") -> None:
        for name, content in (("report.md", to_markdown(report)), ("report.html", to_page(report))):
            with atomic_path(out / name, overwrite=True) as unfinished:
                unfinished.write_text(content, encoding="utf-8")

    for bundle in bundles:
        refuse_other_kind(bundle, "bundle")
    plan = BenchmarkPlan.model_validate({**read_plan(source).model_dump(), **changes})
    report = run_benchmark(plan, bundles, out, log=logger.info, on_report=write_pages)
    show(to_markdown(report))
    if not any(row.measures for row in report.rows):
        raise BenchmarkError(f"{out}: nothing could be measured: {report.rows[0].failure}")
    if report.busy:
        logger.warning(report.busy)


def _compare(old: Path, new: Path, threshold: float) -> None:
    from hrpn_benchmarks.errors import RegressionError
    from hrpn_benchmarks.report.compare import compare
    from hrpn_benchmarks.report.report import read_report

    changes = compare(read_report(old), read_report(new))
    for change in changes:
        show(change.describe())
    worse = [change for change in changes if change.low > 1 + threshold]
    if worse:
        raise RegressionError(
            f"{len(worse)} measures are certainly more than {threshold:.0%} worse, first: "
            f"{worse[0].describe()}"
        )


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise UsageError(f"--threads {text}: expected whole numbers, e.g. 1,2,4")
    return numbers
