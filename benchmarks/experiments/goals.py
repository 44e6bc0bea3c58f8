"""Is the project as fast, as small and as exact as it wants to be? One run, one table.

    python benchmarks/experiments/goals.py --bundle hrpn-m=M --bundle ganda=G \\
        --bundle hrpn-published=P \\
        --threads 2 --rounds 7 --out claims
    python benchmarks/experiments/goals.py ... --quick --out look

Bundles with Keras, ONNX and TFLite (``hrpn-tf export RUN --out M --keras --onnx --tflite``); of
GANDA fp32 is enough (``--precision fp32``). Everything is measured by the plan ``goals.yaml`` as
``hrpn-tf benchmark`` does it, every case once in each round, and is in ``OUT/report.json``; the
table is printed, and in ``OUT/claims.md``. Stopped and run again, it goes on; a report that is
there is not measured anew, only read.

Each ratio is ours over theirs, the median of all samples, with an interval of 95 % (bootstrap over
rounds). "Best" formats are chosen by the medians of the same run.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.plan import Plan, read_plan
from hrpn_benchmarks.report.compare import change_of
from hrpn_benchmarks.report.report import REPORT, Report, Row, read_report
from hrpn_benchmarks.runner import run_benchmark
from hrpn_export import BundleError, open_bundle

PLAN = Path(__file__).parent / "goals.yaml"
OURS, GANDA, PUBLISHED = "hrpn-m", "ganda", "hrpn-published"
ORIGINAL = "HRPN (PyTorch)"


@dataclass(frozen=True)
class Claim:
    """One goal.

    Attributes:
        what: in words.
        measure: of both rows, or ``mse`` of their certificates.
        ours, theirs: measured; None if there is no such row.
        goal: largest ratio of ours to theirs.
    """

    what: str
    measure: str
    ours: Row | None
    theirs: Row | None
    goal: float


def claims(report: Report, names: Mapping[str, str]) -> Iterator[Claim]:
    """All goals for which the report may have rows.

    Args:
        report: of the plan ``goals.yaml``.
        names: of the networks in the report, by ``hrpn-m``, ``ganda`` and ``hrpn-published``.
    """
    if OURS in names and GANDA in names:
        yield from _against_ganda(report, names)
    if PUBLISHED in names:
        yield from _against_original(report, names[PUBLISHED])
    if OURS in names:
        best = _fastest(_rows(report, names[OURS], "tile"))
        usual = _fastest(_rows(report, names[OURS], "model_predict"))
        yield Claim("best certified format / model.predict", "latency", best, usual, 0.5)


def _against_ganda(report: Report, names: Mapping[str, str]) -> Iterator[Claim]:
    theirs = {_kind(row): row for row in _rows(report, names[GANDA], "tile", "fp32")}
    ours = _rows(report, names[OURS], "tile", "fp32")
    measures = (("latency", "latency", 0.5), ("memory growth", "growth of memory", 0.5))
    for measure, words, goal in measures:
        for row in ours:
            kind = _kind(row)
            yield Claim(f"{words}, {' '.join(kind)}", measure, row, theirs.get(kind), goal)
    for row in ours[:1]:
        yield Claim(f"MSE, {row.case.format}", "mse", row, theirs.get(_kind(row)), 0.8)


def _against_original(report: Report, name: str) -> Iterator[Claim]:
    original = _fastest(_rows(report, ORIGINAL, "tile"))
    single = _fastest(_rows(report, name, "tile", "fp32"))
    best = _fastest(_rows(report, name, "tile"))
    yield Claim("latency, best format in fp32", "latency", single, original, 0.8)
    yield Claim("latency, best format in any precision", "latency", best, original, 0.8)
    ours, theirs = (_fastest(_rows(report, each, "training")) for each in (name, ORIGINAL))
    yield Claim("training step", "step", ours, theirs, 1.0)


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
    """By the median time; a row without measures only if all are."""
    return min(rows, key=lambda row: row.latency.median if row.latency else 1e99, default=None)


def to_table(found: Iterator[Claim]) -> str:
    """A Markdown table."""
    lines = [
        "| goal | ours | theirs | ratio | 95 % interval | at most | |",
        "|---|---|---|---:|---:|---:|---|",
    ]
    return "\n".join([*lines, *map(_line, found)])


def _line(claim: Claim) -> str:
    ours, theirs = claim.ours, claim.theirs
    missing = _missing(claim)
    if missing is not None or ours is None or theirs is None:
        return f"| {claim.what} | {_words(claim, ours)} | {_words(claim, theirs)} | | | " + (
            f"{claim.goal:g} | not measured: {missing} |"
        )
    if claim.measure == "mse":
        assert ours.accuracy is not None
        assert theirs.accuracy is not None
        ratio = ours.accuracy.mse / theirs.accuracy.mse
        interval, certain = "", True
    else:
        now, before = ours.measures[claim.measure], theirs.measures[claim.measure]
        change = change_of(ours.case, claim.measure, before, now)
        ratio = change.ratio
        interval = f"{change.low:.2f} to {change.high:.2f}"
        certain = not change.low <= claim.goal <= change.high
    verdict = f"{'met' if ratio <= claim.goal else 'missed'}{'' if certain else ', uncertain'}"
    return (
        f"| {claim.what} | {_words(claim, ours)} | {_words(claim, theirs)} | {ratio:.2f} | "
        f"{interval} | {claim.goal:g} | {verdict} |"
    )


def _missing(claim: Claim) -> str | None:
    """Why there is no ratio, or None."""
    for row in (claim.ours, claim.theirs):
        if row is None:
            return "no such row"
        if claim.measure == "mse":
            if row.accuracy is None:
                return f"no certificate of {row.case.model}"
        elif claim.measure not in row.measures:
            return (row.failure or f"no {claim.measure}").replace("|", "/")
    if claim.measure == "mse" and claim.ours and claim.theirs:
        images = [row.accuracy.what for row in (claim.ours, claim.theirs) if row.accuracy]
        if len(set(images)) > 1:
            return f"of different images: {' and '.join(images)}"
    elif claim.theirs and claim.theirs.measures[claim.measure].median <= 0:
        return "theirs is 0"
    return None


def _words(claim: Claim, row: Row | None) -> str:
    if row is None:
        return ""
    case = row.case
    name = f"{case.model} {case.format} {case.precision} ({case.runtime})"
    if claim.measure == "mse":
        return name if row.accuracy is None else f"{name} {row.accuracy.mse:.4g}"
    samples = row.measures.get(claim.measure)
    if samples is None:
        return name
    if samples.unit == "byte":
        return f"{name} {samples.median / 1e6:.0f} MB"
    return f"{name} {1000 * samples.median:.0f} ms"


def to_page(report: Report, names: Mapping[str, str], date: datetime) -> str:
    """The table with what a reader needs to judge it."""
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
    return "\n".join([*lines, to_table(claims(report, names)), ""])


def _bundles(texts: list[str]) -> dict[str, Path]:
    found = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or name not in (OURS, GANDA, PUBLISHED):
            raise PlanError(f"--bundle {text}: expected NAME=PATH of {OURS}, {GANDA}, {PUBLISHED}")
        found[name] = Path(path)
    return found


def _plan(arguments: argparse.Namespace) -> Plan:
    changes = {"threads": (arguments.threads,), "rounds": arguments.rounds}
    if arguments.quick:
        changes |= {"rounds": 2, "seconds": 0.5, "patch": 128, "batch": 2}
    return Plan.model_validate({**read_plan(PLAN).model_dump(), **changes})


def main() -> None:
    """Measure, unless that is done, and print the table."""
    parser = argparse.ArgumentParser(description="The goals of the project, measured in one run.")
    parser.add_argument("--bundle", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two short rounds, to see it run")
    parser.add_argument("--out", type=Path, required=True)
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
    (out / "claims.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
