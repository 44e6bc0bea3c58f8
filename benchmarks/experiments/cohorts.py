"""The command line of experiments that measure things one after another, and report them.

``run`` measures what is missing, so that it goes on after a stop; ``report`` makes the generated
parts of a page from the records alone.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from experiments.study.report import fill
from hrpn_tf.files import atomic_path

Record = Mapping[str, Any]


class Clock:
    """Tells when nothing new is to be begun.

    Args:
        minutes: that there are; None for no end.
    """

    def __init__(self, minutes: float | None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    def is_over(self) -> bool:
        """Whether the time is over; says on standard error that the same command goes on."""
        over = self._end is not None and time.monotonic() > self._end
        if over:
            print("stopped; the same command goes on", file=sys.stderr)
        return over


def arguments_of(doc: str | None, results: Path, unit: str) -> argparse.ArgumentParser:
    """The options that all such experiments have.

    Args:
        doc: documentation of the script.
        results: folder of its records.
        unit: what is measured at once, such as "cohort".
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["run", "report"])
    parser.add_argument("--results", type=Path, default=results, help="folder of the records")
    parser.add_argument("--max-minutes", type=float, help=f"begin no {unit} after M minutes")
    parser.add_argument("--docs", type=Path, help="page whose generated part is replaced")
    return parser


def main_of(
    doc: str | None,
    results: Path,
    cache: Path,
    cohorts: int,
    measure: Callable[[int, Path], Record],
    report: Callable[[Sequence[Record]], Mapping[str, str]],
    arguments: list[str] | None = None,
) -> None:
    """Do what the command line of an experiment on simulated cohorts asks for.

    Args:
        doc: documentation of the script.
        results: folder of its records, unless the user names another one.
        cache: folder that keeps simulated animals, unless the user names another one.
        cohorts: how many, unless the user says so.
        measure: makes the record of a cohort from its number and the cache.
        report: makes the generated parts of the page from the records.
        arguments: of the command line; None for those of the process.
    """
    parser = arguments_of(doc, results, "cohort")
    parser.add_argument("--cohorts", type=int, default=cohorts, help=f"how many  [{cohorts}]")
    parser.add_argument("--cache", type=Path, default=cache, help="keeps simulated animals")
    given = parser.parse_args(arguments)
    if given.command == "run":
        clock = Clock(given.max_minutes)
        run_cohorts(given.results, given.cohorts, clock, lambda n: measure(n, given.cache))
    else:
        publish(report(read_cohorts(given.results)), given.docs)


def run_cohorts(
    results: Path, cohorts: int, clock: Clock, measure: Callable[[int], Record]
) -> None:
    """Measure the cohorts that have no record yet.

    Args:
        results: folder of the records, which is made.
        cohorts: how many.
        clock: tells when to stop.
        measure: makes the record of a cohort from its number.
    """
    results.mkdir(exist_ok=True)
    for cohort in range(cohorts):
        path = results / f"cohort-{cohort:02d}.json"
        if path.is_file():
            continue
        if clock.is_over():
            return
        print(f"== cohort {cohort}", file=sys.stderr, flush=True)
        with threadpool_limits(1):  # threads that wait for each other take longer than one
            record = measure(cohort)
        with atomic_path(path, overwrite=True) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def read_cohorts(results: Path) -> Sequence[Record]:
    """The records, by number."""
    paths = sorted(results.glob("cohort-*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def publish(parts: Mapping[str, str], page: Path | None) -> None:
    """Put generated parts into a page, if there is one, and print them."""
    if page is not None:
        filled = fill(page.read_text(encoding="utf-8"), parts)
        with atomic_path(page, overwrite=True) as temporary:
            temporary.write_text(filled, encoding="utf-8")
    print("\n\n".join(parts.values()))
