"""Which network predicts best, if each is trained until longer training no longer helps?

    python benchmarks/experiments/study run --out study                       # simulated slides
    python benchmarks/experiments/study run --out study --real FOLDER         # and the real fields
    python benchmarks/experiments/study run --only simulated/hrpn --max-minutes 30
    python benchmarks/experiments/study list                                  # what is finished
    python benchmarks/experiments/study costs                                 # latency, operations
    python benchmarks/experiments/study gap --out study         # errors of slides that trained
    python benchmarks/experiments/study certificates --out study     # every format, exported
    python benchmarks/experiments/study report        # tables and pictures, in study/report

A piece is one network with one seed on one data set. Each leaves one JSON file in the folder of
records, from which alone the report is made. Run again after a stop, ``run`` resumes.
``study.yaml`` beside this file is the design; docs/results/study.md explains it.
"""

import argparse
import signal
import sys
from itertools import count, groupby
from pathlib import Path

from experiments.study.choice import NotYetError
from experiments.study.commands import CommandFailedError, Deadline, OutOfTimeError
from experiments.study.design import CONFIGURATION, Design, Piece, asked, read_design
from experiments.study.record import RECORDS, StaleRecordError
from experiments.study.slides import Place, is_there, prepare


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks for."""
    options = _options(arguments)
    try:
        design = read_design(options.config, options.switched)
    except ValueError as error:
        sys.exit(f"study: {error}")
    try:
        _do(options, design)
    except StaleRecordError as error:
        sys.exit(f"study: {error}")


def _do(options: argparse.Namespace, design: Design) -> None:
    match options.command:
        case "run":
            sys.exit(run(design, options))
        case "list":
            print(listing(design, options.results))
        case "costs":
            from experiments.study.costs import measure_costs

            print(measure_costs(design, options.results))
        case "gap":
            from experiments.study.gap import measure_gaps

            place = Place(options.out, options.real, options.results)
            print(measure_gaps(design, place, Deadline.after(options.max_minutes)))
        case "certificates":
            from experiments.study.certificates import measure_certificates

            place = Place(options.out, options.real, options.results)
            deadline = Deadline.after(options.max_minutes)
            print(measure_certificates(design, place, deadline, options.only))
        case "report":
            from experiments.study.report import write_report

            print(write_report(design, options.results, options.pictures, options.docs))


def run(design: Design, options: argparse.Namespace) -> int:
    """Run the pieces that are asked for and missing; gives the exit code.

    In rounds: no network is trained for longer before all others of its turn have come as far, so
    that a study that is stopped compares equal lengths.
    """
    # the command that runs saves its work first
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    place = Place(options.out, options.real, options.results)
    deadline = Deadline.after(options.max_minutes)
    failed = False
    pieces = [piece for piece in design.pieces() if asked(piece.name, options.only)]
    try:
        for _, turn in groupby(pieces, key=lambda piece: piece.network.turn):
            left = list(turn)
            for doublings in count():
                ended = [_run(each, design, place, deadline, doublings) for each in left]
                failed |= "failed" in ended
                rest = [each for each, end in zip(left, ended, strict=True) if end in _OPEN]
                if not rest or (len(rest) == len(left) and "longer" not in ended):
                    break
                left = rest
    except OutOfTimeError:
        _say(f"stopped after {options.max_minutes:g} minutes; the same command goes on")
        return 0
    return 1 if failed else 0


_OPEN = ("longer", "waits")


def _run(piece: Piece, design: Design, place: Place, deadline: Deadline, doublings: int) -> str:
    """Do what a piece lacks in this round: how that ended."""
    from experiments.study.pieces import WaitsError, run_piece

    if (place.records / piece.file).is_file() or not is_there(piece.data, place):
        return "done"
    _say(f"== {piece.name}, at most {2**doublings} times the shortest training")
    try:
        store = prepare(piece.data, design, place, deadline)
        run_piece(piece, design, place, store, deadline, doublings)
    except NotYetError as reason:
        _say(f"{piece.name} {reason}")
        return "longer"
    except WaitsError as reason:
        _say(f"{piece.name} {reason}")
        return "waits"
    except (CommandFailedError, StaleRecordError) as reason:
        _say(f"{piece.name}: {reason}; going on with the next piece")
        return "failed"
    return "done"


def listing(design: Design, records: Path) -> str:
    """Every piece in the order in which they run, and whether it is finished."""
    lines = [
        f"{'finished' if (records / piece.file).is_file() else 'missing':9}{piece.name}"
        for piece in design.pieces()
    ]
    return "\n".join(lines)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "command", choices=["run", "list", "costs", "gap", "certificates", "report"]
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("study"), help="folder of slides and trainings")
    add("--real", type=Path, help="folder of the real fields, *.ome.tif; left out without it")
    add("--results", type=Path, default=RECORDS, help="folder of the records")
    add("--config", type=Path, default=CONFIGURATION, help="design of the study")
    add("--only", nargs="*", default=[], help="names or prefixes of pieces, e.g. simulated/ganda")
    add("--max-minutes", type=float, metavar="M", help="stop cleanly after M minutes")
    add("--with", nargs="*", default=[], dest="switched", metavar="NAME",
        help="leave-one-out, or extras of the design")  # fmt: skip
    add("--docs", type=Path, help="page whose generated parts are replaced")
    add("--pictures", type=Path, default=Path("study/report"), help="folder of the pictures")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
