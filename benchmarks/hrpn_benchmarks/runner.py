"""Run the cells of a plan, each in fresh processes, interleaved, and go on after a stop."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from hrpn_export import Bundle, open_bundle

from hrpn_benchmarks.errors import ReportError
from hrpn_benchmarks.launch import Round, measure_apart
from hrpn_benchmarks.machine.environment import Environment, this_ending, this_environment
from hrpn_benchmarks.matrix import Cell, expand
from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.plan import Plan
from hrpn_benchmarks.report.report import REPORT, Report, Row, accuracy_of, size_of
from hrpn_benchmarks.trackers.counts import Counts, try_to_count

# Finished rounds, one JSON object for each line; gone when the report is there.
JOURNAL = "rounds.jsonl"
_BEGUN = "begun.json"

Say = Callable[[str], object]


def run_benchmark(
    plan: Plan, bundles: Sequence[Path], out: Path, say: Say = lambda line: None
) -> Report:
    """Measure all cells of a plan, and write ``OUT/report.json``.

    Each round measures every cell once, in an order of its own, so that a drift of the machine
    hits all alike. Stopped and run again, it goes on after the last finished round of a cell.

    Args:
        plan: what is measured.
        bundles: their folders.
        out: folder of the report.
        say: is told each cell before it is measured.

    Raises:
        ReportError: a report, or what another plan began, is there.
        PlanError: nothing to measure.
    """
    cells = expand(plan, bundles)
    environment = _begin(plan, cells, out)
    done = _rounds(out / JOURNAL)
    left = [
        (number, cell) for number, cell in _order(plan, cells) if (number, cell.key) not in done
    ]
    for count, (number, cell) in enumerate(left, 1):
        say(f"{count} of {len(left)}: {cell.title}")
        result = measure_apart(cell, plan.timeout)
        done[number, cell.key] = result
        with (out / JOURNAL).open("a", encoding="utf-8") as journal:
            entry = {"round": number, "key": cell.key, "result": result.model_dump(mode="json")}
            journal.write(json.dumps(entry) + "\n")
    ending = this_ending()
    rows = _rows(cells, [[done[n, cell.key] for n in range(plan.rounds)] for cell in cells])
    report = Report(environment=environment, plan=plan, rows=rows, ending=ending)
    temporary = out / f".{REPORT}"
    temporary.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    temporary.replace(out / REPORT)
    for name in (JOURNAL, _BEGUN):
        (out / name).unlink(missing_ok=True)
    return report


def _begin(plan: Plan, cells: Sequence[Cell], out: Path) -> Environment:
    """Refuse what is there already, or take up what the same plan began.

    Raises:
        ReportError: says which.
    """
    if (out / REPORT).exists():
        raise ReportError(f"{out}: a report is there; name another folder")
    identity = {"plan": plan.model_dump(mode="json"), "cells": [cell.key for cell in cells]}
    begun = out / _BEGUN
    if begun.exists():
        with suppress(OSError, ValueError):
            before = json.loads(begun.read_text(encoding="utf-8"))
            if before["identity"] == identity:
                return Environment.model_validate(before["environment"])
        raise ReportError(f"{out}: another benchmark was begun there; name another folder")
    if out.exists() and any(out.iterdir()):
        raise ReportError(f"{out}: is not empty; name another folder")
    out.mkdir(parents=True, exist_ok=True)
    environment = this_environment()
    content = {"identity": identity, "environment": environment.model_dump(mode="json")}
    begun.write_text(json.dumps(content), encoding="utf-8")
    return environment


def _order(plan: Plan, cells: Sequence[Cell]) -> Iterator[tuple[int, Cell]]:
    """Rounds and cells in the order of measuring; the same after a stop."""
    for number in range(plan.rounds):
        shuffled = list(cells)
        random.Random(number).shuffle(shuffled)
        for cell in shuffled:
            yield number, cell


def _rounds(journal: Path) -> dict[tuple[int, str], Round]:
    """Finished rounds; a line that was cut off by a stop does not count."""
    found = {}
    with suppress(OSError):
        for line in journal.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, KeyError):
                entry = json.loads(line)
                result = Round.model_validate(entry["result"])
                found[entry["round"], entry["key"]] = result
    return found


def _rows(cells: Sequence[Cell], rounds: Sequence[Sequence[Round]]) -> tuple[Row, ...]:
    paths = dict.fromkeys(cell.bundle for cell in cells if cell.bundle)
    opened = {path: open_bundle(path) for path in paths}
    sides = dict.fromkeys((cell.bundle, cell.side) for cell in cells)
    counts = {(path, side): try_to_count(opened.get(path), side) for path, side in sides}
    return tuple(
        _row(cell, each, opened.get(cell.bundle), counts[cell.bundle, cell.side])
        for cell, each in zip(cells, rounds, strict=True)
    )


def _row(cell: Cell, rounds: Sequence[Round], bundle: Bundle | None, counts: Counts | str) -> Row:
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
        cell=cell,
        measures=measures,
        unavailable=unavailable,
        failure=failure,
        parameters=parameters,
        macs=macs,
        others=max(each.others for each in rounds),
        size=None if bundle is None else size_of(bundle, cell),
        accuracy=None if bundle is None else accuracy_of(bundle, cell),
    )
