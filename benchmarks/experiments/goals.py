"""Does the project reach its goals for speed, memory and accuracy? One run, one table.

    python benchmarks/experiments/goals.py --bundle hrpn-m=M --bundle ganda=G \\
        --bundle hrpn-published=P \\
        --threads 2 --rounds 7 --out goals
    python benchmarks/experiments/goals.py ... --quick --out look

The bundles need Keras, ONNX and TFLite (``hrpn-tf export RUN --out M --keras --onnx --tflite``);
for GANDA fp32 is enough (``--precision fp32``). The plan ``goals.yaml`` is measured like any other
of ``hrpn-tf benchmark``, every case once per round. The samples go to ``OUT/report.json``; the
table is printed and written to ``OUT/goals.md``. Run again after an interruption, it resumes; an
existing report is read and not measured again.

Each ratio is ours / theirs, by the medians of all samples, with a 95 % interval (bootstrap over
rounds). The "best" format is the one with the smallest median of the same run.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.plan import BenchmarkPlan, read_plan
from hrpn_benchmarks.report.compare import change_of
from hrpn_benchmarks.report.report import REPORT, Report, Row, read_report
from hrpn_benchmarks.runner import run_benchmark
from hrpn_export import BundleError, open_bundle

PLAN = Path(__file__).parent / "goals.yaml"
OURS, GANDA, PUBLISHED = "hrpn-m", "ganda", "hrpn-published"
ORIGINAL = "HRPN (PyTorch)"


@dataclass(frozen=True)
class Goal:
    """One goal of the project.

    Attributes:
        what: description.
        measure: measure of both rows, or ``mse`` of their certificates.
        ours, theirs: measured rows; None if there is no such row.
        limit: largest ratio of ours to theirs that meets the goal.
    """

    what: str
    measure: str
    ours: Row | None
    theirs: Row | None
    limit: float


def goals(report: Report, names: Mapping[str, str]) -> Iterator[Goal]:
    """All goals for which the report may have rows.

    Args:
        report: report of the plan ``goals.yaml``.
        names: maps ``hrpn-m``, ``ganda`` and ``hrpn-published`` to names of networks in the report.
    """
    if OURS in names and GANDA in names:
        yield from _against_ganda(report, names)
    if PUBLISHED in names:
        yield from _against_original(report, names[PUBLISHED])
    if OURS in names:
        best = _fastest(_rows(report, names[OURS], "tile"))
        usual = _fastest(_rows(report, names[OURS], "model_predict"))
        yield Goal("best certified format / model.predict", "latency", best, usual, 0.5)


def _against_ganda(report: Report, names: Mapping[str, str]) -> Iterator[Goal]:
    theirs = {_kind(row): row for row in _rows(report, names[GANDA], "tile", "fp32")}
    ours = _rows(report, names[OURS], "tile", "fp32")
    measures = (("latency", "latency", 0.5), ("memory growth", "growth of memory", 0.5))
    for measure, words, limit in measures:
        for row in ours:
            kind = _kind(row)
            yield Goal(f"{words}, {' '.join(kind)}", measure, row, theirs.get(kind), limit)
    for row in ours[:1]:
        yield Goal(f"MSE, {row.case.format}", "mse", row, theirs.get(_kind(row)), 0.8)


def _against_original(report: Report, name: str) -> Iterator[Goal]:
    original = _fastest(_rows(report, ORIGINAL, "tile"))
    single = _fastest(_rows(report, name, "tile", "fp32"))
    best = _fastest(_rows(report, name, "tile"))
    yield Goal("latency, best format in fp32", "latency", single, original, 0.8)
    yield Goal("latency, best format in any precision", "latency", best, original, 0.8)
    ours, theirs = (_fastest(_rows(report, each, "training")) for each in (name, ORIGINAL))
    yield Goal("training step", "step", ours, theirs, 1.0)


def _kind(row: Row) -> tuple[str, str]:
    return row.case.format, row.case.runtime


def _rows(report: Report, model: str, scenario: str, precision: str | None = None) -> list[Row]:
    return [
        row
        for row in report.rows
        if row.case.model == model
        and row.case.scenario == scenario
        and (precision is None or row.case.precision == precision)
    ]


def _fastest(rows: list[Row]) -> Row | None:
    """The row with the smallest median time; one without measures only if there is no other."""
    return min(rows, key=lambda row: row.latency.median if row.latency else 1e99, default=None)


def to_table(found: Iterator[Goal]) -> str:
    """The goals as a Markdown table."""
    lines = [
        "| goal | ours | theirs | ratio | 95 % interval | at most | |",
        "|---|---|---|---:|---:|---:|---|",
    ]
    return "\n".join([*lines, *map(_line, found)])


def _line(goal: Goal) -> str:
    ours, theirs = goal.ours, goal.theirs
    missing = _missing(goal)
    if missing is not None or ours is None or theirs is None:
        return f"| {goal.what} | {_words(goal, ours)} | {_words(goal, theirs)} | | | " + (
            f"{goal.limit:g} | not measured: {missing} |"
        )
    if goal.measure == "mse":
        assert ours.accuracy is not None
        assert theirs.accuracy is not None
        ratio = ours.accuracy.mse / theirs.accuracy.mse
        interval, certain = "", True
    else:
        now, before = ours.measures[goal.measure], theirs.measures[goal.measure]
        change = change_of(ours.case, goal.measure, before, now)
        ratio = change.ratio
        interval = f"{change.low:.2f} to {change.high:.2f}"
        certain = not change.low <= goal.limit <= change.high
    verdict = f"{'met' if ratio <= goal.limit else 'missed'}{'' if certain else ', uncertain'}"
    return (
        f"| {goal.what} | {_words(goal, ours)} | {_words(goal, theirs)} | {ratio:.2f} | "
        f"{interval} | {goal.limit:g} | {verdict} |"
    )


def _missing(goal: Goal) -> str | None:
    """Why there is no ratio, or None."""
    for row in (goal.ours, goal.theirs):
        if row is None:
            return "no such row"
        if goal.measure == "mse":
            if row.accuracy is None:
                return f"no certificate of {row.case.model}"
        elif goal.measure not in row.measures:
            return (row.failure or f"no {goal.measure}").replace("|", "/")
    if goal.measure == "mse" and goal.ours and goal.theirs:
        images = [row.accuracy.what for row in (goal.ours, goal.theirs) if row.accuracy]
        if len(set(images)) > 1:
            return f"of different images: {' and '.join(images)}"
    elif goal.theirs and goal.theirs.measures[goal.measure].median <= 0:
        return "theirs is 0"
    return None


def _words(goal: Goal, row: Row | None) -> str:
    if row is None:
        return ""
    case = row.case
    name = f"{case.model} {case.format} {case.precision} ({case.runtime})"
    if goal.measure == "mse":
        return name if row.accuracy is None else f"{name} {row.accuracy.mse:.4g}"
    samples = row.measures.get(goal.measure)
    if samples is None:
        return name
    if samples.unit == "byte":
        return f"{name} {samples.median / 1e6:.0f} MB"
    return f"{name} {1000 * samples.median:.0f} ms"


def to_page(report: Report, names: Mapping[str, str], date: datetime) -> str:
    """The table with the facts that a reader needs to judge it."""
    about, plan = report.environment, report.plan
    busiest = max((row.others for row in report.rows), default=0.0)
    lines = [
        f"{about.processor}, {about.cores} cores, {plan.threads[0]} threads, {plan.rounds} rounds "
        f"of {plan.seconds:g} s, {date:%Y-%m-%d}. Tiles of {plan.sides[0]} px; a step of training "
        f"is on {plan.batch} patches of {plan.patch} px. Others used up to {busiest:.0%} of the "
        "machine meanwhile.",
        "",
    ]
    if about.busy:
        lines += [f"**{about.busy[0].upper()}{about.busy[1:]}.**", ""]
    return "\n".join([*lines, to_table(goals(report, names)), ""])


def _bundles(texts: list[str]) -> dict[str, Path]:
    found = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or name not in (OURS, GANDA, PUBLISHED):
            raise PlanError(f"--bundle {text}: expected NAME=PATH of {OURS}, {GANDA}, {PUBLISHED}")
        found[name] = Path(path)
    return found


def _plan(arguments: argparse.Namespace) -> BenchmarkPlan:
    changes = {"threads": (arguments.threads,), "rounds": arguments.rounds}
    if arguments.quick:
        changes |= {"rounds": 2, "seconds": 0.5, "patch": 128, "batch": 2}
    return BenchmarkPlan.model_validate({**read_plan(PLAN).model_dump(), **changes})


def main() -> None:
    """Measure unless there is a report, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    networks = f"{OURS}, {GANDA} or {PUBLISHED}"
    add("--bundle", action="append", required=True, metavar="NAME=PATH", help=networks)
    add("--threads", type=int, default=2, help="threads of the runtimes")
    add("--rounds", type=int, default=7, help="measurements of each case, in fresh processes")
    add("--quick", action="store_true", help="two short rounds, as a trial")
    add("--out", type=Path, required=True, help="folder of the report and the table")
    arguments = parser.parse_args()
    try:
        bundles = _bundles(arguments.bundle)
        names = {name: open_bundle(path).manifest.name for name, path in bundles.items()}
        out: Path = arguments.out
        if not (out / REPORT).exists():
            run_benchmark(_plan(arguments), list(bundles.values()), out, log=print)
        date = datetime.fromtimestamp((out / REPORT).stat().st_mtime, UTC)
        page = to_page(read_report(out), names, date)
    except BundleError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    (out / "goals.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
