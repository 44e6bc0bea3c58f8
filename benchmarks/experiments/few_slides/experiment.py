"""How few fields are enough, from random weights and from a trained network?

    python benchmarks/experiments/few_slides run --real FOLDER --from hrpn-s-sim \
        --set training.start_tolerance=0.4 --folds 0 3 6
    python benchmarks/experiments/few_slides run --data shifted --from hrpn-s-sim
    python benchmarks/experiments/few_slides run --real FOLDER --max-minutes 30
    python benchmarks/experiments/few_slides report --docs docs/results/few-slides.md

Seven real fields (docs/results/real-images.md) in a circle: one is tested, the next one selects the
checkpoint, the 1, 2, 3 or 5 after it train; every field is tested once. All trainings have as many
steps. The pixels of the fields are larger than those of the shipped weights, which has to be
allowed. ``--data shifted`` does the same with seven simulated animals, unlike those that trained
the shipped weights (``few_slides.yaml``). Each training leaves a small JSON file in
``benchmarks/experiments/few_slides_results``, from which alone the report is made. Run again after
a stop, it resumes. Without ``--from`` only random weights are tried.
"""

import argparse
import sys
from pathlib import Path

from experiments.few_slides.design import (
    NUMBERS,
    REAL,
    SCRATCH,
    STARTED,
    Trial,
    divide,
    find_data,
    records_of,
    trials,
)
from experiments.few_slides.report import write_report
from experiments.study import commands
from experiments.study.commands import CommandFailedError, Deadline, OutOfTimeError, Spent
from experiments.study.design import DataSet
from experiments.study.record import write_json
from experiments.study.slides import Place, prepare
from experiments.study.testing import measure_tests, predict

RECORDS = Path(__file__).parents[1] / "few_slides_results"
STEPS, EPOCHS, PRESET = 600, 8, "hrpn-s"


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks for."""
    options = _options(arguments)
    if options.command == "run":
        sys.exit(run(options))
    print(write_report(options.results, options.picture, options.docs))


def run(options: argparse.Namespace) -> int:
    """Run the trainings that are missing; gives the exit code."""
    place = Place(options.out, options.real, options.results)
    deadline = Deadline.after(options.max_minutes)
    data, design = find_data(options.data)
    records = records_of(options.results, data.name)
    groups = data.values["leave_one_out"]["groups"]
    origins = [SCRATCH, *([STARTED] if options.origin else [])]
    code = 0
    try:
        store = prepare(data, design, place, deadline)
        for trial in trials(len(groups), options.seeds, origins, options.folds, options.numbers):
            if (records / f"{trial.name}.json").is_file():
                continue
            print(f"== {trial.name}", file=sys.stderr, flush=True)
            try:
                run_trial(trial, data, store, options, deadline)
            except CommandFailedError as reason:
                code = 1
                print(f"{trial.name}: {reason}; going on", file=sys.stderr, flush=True)
    except OutOfTimeError:
        print("stopped; the same command goes on", file=sys.stderr, flush=True)
    return code


def run_trial(
    trial: Trial, data: DataSet, store: Path, options: argparse.Namespace, deadline: Deadline
) -> None:
    """Train, predict the tested field, and write the record."""
    groups = data.values["leave_one_out"]["groups"]
    division = divide(groups, trial)
    folder = records_of(options.out / "few-slides", data.name) / trial.name
    values = [
        *data.values.get("set", []), *data.values.get("fit", []),
        f"data.split.validation=[{','.join(division.validation)}]",
        f"data.split.test=[{','.join(division.test)}]",
        "training.crop=128", "training.batch_size=8",
        f"training.epochs={EPOCHS}", f"training.steps_per_epoch={options.steps // EPOCHS}",
        "training.early_stopping=null", "training.pictures_every=0",
        f"training.seed={trial.seed}",
        *options.set,
    ]  # fmt: skip
    source = ["--config", data.values["config"]] if "config" in data.values else []
    source += ["--preset", options.preset]
    start = ["--from", options.origin] if trial.origin == STARTED else []
    spent = Spent()
    sets = [f"--set={value}" for value in values]
    commands.call(
        ["fit", str(store), "--out", str(folder), "--no-twin", *source, *start, *sets],
        deadline,
        spent,
    )
    predictions = predict(folder, folder / "predictions", [], deadline)
    slides = measure_tests(folder, predictions)
    tested = next(slide for slide, group in _groups(folder).items() if group == division.test[0])
    write_json(
        {
            **vars(trial),
            "preset": options.preset,
            "steps": options.steps,
            "start": Path(options.origin).name if start else None,
            "tested": division.test[0],
            "core_seconds": spent.core_seconds,
            "errors": slides[tested],
        },
        records_of(options.results, data.name) / f"{trial.name}.json",
    )


def _groups(run: Path) -> dict[str, str]:
    """Group of each slide of a run."""
    from hrpn_tf.runs import open_run

    return {slide.name: slide.group for slide in open_run(run).slides()}


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["run", "report"])
    add = parser.add_argument
    add("--real", type=Path, help="folder of the real fields, *.ome.tif")
    add("--from", dest="origin", help="run, bundle, Keras file or weights to start from")
    add("--out", type=Path, default=Path("study"), help="folder of patches and trainings")
    add("--results", type=Path, default=RECORDS, help="folder of the records")
    add("--data", default=REAL, help="dextran, the real fields, or shifted, simulated animals")
    add("--preset", default=PRESET)
    add("--steps", type=int, default=STEPS)
    add("--seeds", type=int, nargs="*", default=[0, 1, 2])
    add("--numbers", type=int, nargs="*", default=NUMBERS, help="of training fields")
    add("--folds", type=int, nargs="*", help="which fields are tested, from 0; all if left out")
    add("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="of all trainings")
    add("--max-minutes", type=float, metavar="M", help="stop cleanly after M minutes")
    add("--docs", type=Path, help="page whose generated part is replaced")
    add("--picture", type=Path, default=Path("docs/images/few-slides.png"))
    found = parser.parse_args(arguments)
    try:
        data, _ = find_data(found.data)
    except ValueError as error:
        parser.error(str(error))
    if found.command == "run" and found.real is None and "simulate" not in data.values:
        parser.error(f"run needs --real for {found.data}")
    return found
