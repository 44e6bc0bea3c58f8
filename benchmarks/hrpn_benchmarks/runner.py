"""Run the cases of a plan in fresh processes, interleaved; resume after an interruption."""

import json
import logging
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from hrpn_export import Bundle, open_bundle
from hrpn_export.locks import alone_in

from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.errors import ReportError
from hrpn_benchmarks.launch import Round, measure_apart
from hrpn_benchmarks.machine.environment import Environment, this_ending, this_environment
from hrpn_benchmarks.matrix import expand
from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.plan import BenchmarkPlan
from hrpn_benchmarks.report.report import (
    REPORT,
    Report,
    Row,
    accuracy_of,
    read_report,
    size_of,
)
from hrpn_benchmarks.small_files import read_small_file
from hrpn_benchmarks.trackers.counts import Counts, try_to_count

# Finished rounds, one JSON object per line; removed once the report is written.
JOURNAL = "rounds.jsonl"
_BEGUN = "begun.json"
_LARGEST = 2**28  # bytes of either

_log = logging.getLogger(__name__)


def run_benchmark(
    plan: BenchmarkPlan,
    bundles: Sequence[Path],
    out: Path,
    log: Callable[[str], object] = _log.info,
    on_report: Callable[[Report], object] = lambda report: None,
) -> Report:
    """Measure every case of a plan, and write ``OUT/report.json``.

    Each round measures every case once, in a new order, so that a drift of the machine affects all
    cases alike. Run again after an interruption, it resumes after the last finished round.

    Args:
        plan: what to measure.
        bundles: folders or zips of bundles; none for baseline implementations alone.
        out: folder of the report; created.
        log: called with one line before each measurement; by default the logger
            ``hrpn_benchmarks.runner`` at level INFO.
        on_report: called with the report once it is written, for example to write pages of it.
            The benchmark counts as finished afterwards.

    Returns:
        The report that was written; times in s, memory in bytes.

    Raises:
        ReportError: the folder holds a report already, or the start of another benchmark, or
            another process measures there.
        PlanError: the plan leaves nothing to measure.
        DamagedBundleError: a bundle cannot be opened.

    Example:
        ``run_benchmark(read_plan("quick"), [Path("bundle")], Path("benchmark"), log=print)``
    """
    cases = expand(plan, bundles)
    out.mkdir(parents=True, exist_ok=True)
    busy = ReportError(f"{out}: another process measures there; wait, or stop it")
    with alone_in(out, busy):
        return _run(plan, cases, out, log, on_report)


def _run(
    plan: BenchmarkPlan,
    cases: Sequence[BenchmarkCase],
    out: Path,
    log: Callable[[str], object],
    on_report: Callable[[Report], object],
) -> Report:
    environment = _begin(plan, cases, out)
    if (out / REPORT).exists():  # interrupted after it was written
        return _finish(read_report(out), out, on_report)
    done = _rounds(out / JOURNAL)
    left = [
        (number, case) for number, case in _order(plan, cases) if (number, case.key) not in done
    ]
    for count, (number, case) in enumerate(left, 1):
        log(f"{count} of {len(left)}: {case.title}")
        result = measure_apart(case, plan.timeout)
        done[number, case.key] = result
        entry = {"round": number, "key": case.key, "result": result.model_dump(mode="json")}
        _append(out / JOURNAL, json.dumps(entry))
    ending = this_ending()
    rows = _rows(cases, [[done[n, case.key] for n in range(plan.rounds)] for case in cases])
    report = Report(environment=environment, plan=plan, rows=rows, ending=ending)
    _write(out / REPORT, report.model_dump_json(indent=2) + "\n")
    return _finish(report, out, on_report)


def _finish(report: Report, out: Path, on_report: Callable[[Report], object]) -> Report:
    """Remove what is needed to resume; the last file to go tells a finished benchmark."""
    on_report(report)
    for name in (JOURNAL, _BEGUN):
        (out / name).unlink(missing_ok=True)
    return report


def _write(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _append(journal: Path, line: str) -> None:
    """Add a line, below one that an interruption cut short."""
    with journal.open("a+b") as file:
        torn = file.tell() > 0 and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n"
        file.write(("\n" if torn else "").encode() + line.encode() + b"\n")


def _begin(plan: BenchmarkPlan, cases: Sequence[BenchmarkCase], out: Path) -> Environment:
    """Start a benchmark in a folder, or resume the one that the same plan started there.

    Raises:
        ReportError: the folder holds a report, another benchmark or other files.
    """
    begun = out / _BEGUN
    if (out / REPORT).exists() and not begun.exists():
        raise ReportError(f"{out}: a report is there; name another folder")
    identity = {"plan": plan.model_dump(mode="json"), "cells": [case.key for case in cases]}
    if begun.exists():
        with suppress(ReportError, ValueError, KeyError, TypeError, RecursionError):
            before = json.loads(read_small_file(begun, ReportError, _LARGEST))
            if before["identity"] == identity:
                return Environment.model_validate(before["environment"])
        raise ReportError(f"{out}: another benchmark was begun there; name another folder")
    if any(path.name != f".{_BEGUN}" for path in out.iterdir()):
        raise ReportError(f"{out}: is not empty; name another folder")
    environment = this_environment()
    content = {"identity": identity, "environment": environment.model_dump(mode="json")}
    _write(begun, json.dumps(content))
    return environment


def _order(
    plan: BenchmarkPlan, cases: Sequence[BenchmarkCase]
) -> Iterator[tuple[int, BenchmarkCase]]:
    """Rounds and cases in the order of measuring, which is the same when a benchmark resumes."""
    for number in range(plan.rounds):
        shuffled = list(cases)
        random.Random(number).shuffle(shuffled)
        for case in shuffled:
            yield number, case


def _rounds(journal: Path) -> dict[tuple[int, str], Round]:
    """Finished rounds; a line that an interruption cut short does not count."""
    found = {}
    with suppress(ReportError):
        for line in read_small_file(journal, ReportError, _LARGEST).splitlines():
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                entry = json.loads(line)
                result = Round.model_validate(entry["result"])
                found[entry["round"], entry["key"]] = result
    return found


def _rows(cases: Sequence[BenchmarkCase], rounds: Sequence[Sequence[Round]]) -> tuple[Row, ...]:
    paths = dict.fromkeys(case.bundle for case in cases if case.bundle)
    opened = {path: open_bundle(path) for path in paths}
    sides = dict.fromkeys((case.bundle, case.side) for case in cases)
    counts = {(path, side): try_to_count(opened.get(path), side) for path, side in sides}
    return tuple(
        _row(case, each, opened.get(case.bundle), counts[case.bundle, case.side])
        for case, each in zip(cases, rounds, strict=True)
    )


def _row(
    case: BenchmarkCase, rounds: Sequence[Round], bundle: Bundle | None, counts: Counts | str
) -> Row:
    measures: dict[str, Samples] = {}
    unavailable: dict[str, str] = {}
    found = [each.measured for each in rounds if each.measured is not None]
    for measured in found:
        unavailable |= measured.unavailable
        for name, samples in measured.measures.items():
            measures[name] = measures[name].joined(samples) if name in measures else samples
    parameters = next((m.parameters for m in found if m.parameters is not None), None)
    macs = next((m.macs for m in found if m.macs is not None), None)
    if isinstance(counts, str):
        unavailable |= {"parameters": counts} if parameters is None else {}
        unavailable |= {"macs": counts} if macs is None else {}
    else:
        parameters = counts.parameters if parameters is None else parameters
        macs = counts.macs if macs is None else macs
    failures = [each.failure for each in rounds if each.failure is not None]
    failure = None
    if failures:
        failure = f"{len(failures)} of {len(rounds)} rounds failed: {failures[0]}"
    return Row(
        case=case,
        measures=measures,
        unavailable=unavailable,
        failure=failure,
        parameters=parameters,
        macs=macs,
        others=max(each.others for each in rounds),
        size=None if bundle is None else size_of(bundle, case),
        accuracy=None if bundle is None else accuracy_of(bundle, case),
    )
