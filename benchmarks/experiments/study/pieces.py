"""Run a piece: choose settings or take those of seed 0, train, predict the test slides, record."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiments.study import commands
from experiments.study.choice import Choice, choose
from experiments.study.commands import Deadline, Spent
from experiments.study.design import Design, Piece
from experiments.study.record import SCHEMA, Record, read_record, write_json
from experiments.study.samples import draw_samples
from experiments.study.slide_errors import slide_errors
from experiments.study.slides import Place, prediction_of
from experiments.study.trainings import Settings, Trained, train

RUN = "run"  # key of the work file


class WaitsError(Exception):
    """The piece needs another one, which is not finished; the message names it."""


def run_piece(piece: Piece, design: Design, place: Place, store: Path, deadline: Deadline) -> None:
    """Do what a piece lacks, and write its record.

    Raises:
        WaitsError: it takes the settings of a piece that is not finished.
        OutOfTimeError: it goes on at the next call.
        CommandFailedError: a command failed.
    """
    folder = place.out / piece.data.name / "trainings" / piece.network.name
    facts: dict[str, Any]
    if piece.network.extra:
        run, predictions, facts = _extra(piece, design, place, store, deadline)
    else:
        best, facts = _trained(piece, design, place, store, deadline)
        run = best.run
        predictions = _predicted(run, run / "predictions", [], deadline)
    slides = _measured(run, predictions)
    draw_samples(run, predictions, folder.parents[1] / "samples" / f"{Path(piece.name).name}.png")
    write_json(
        {
            "schema": SCHEMA,
            "data": piece.data.name,
            "network": piece.network.name,
            "seed": piece.seed,
            "preset": piece.network.preset,
            "recipe": piece.network.recipe,
            **facts,
            "slides": slides,
            "machine": {"processor": _processor(), "python": platform.python_version()},
            "versions": {name: version(name) for name in ("keras", "hrpn-tf")},
        },
        place.records / piece.file,
    )
    write_json({RUN: str(run.resolve())}, _work(piece, piece.network.name, piece.seed, place))


def _trained(
    piece: Piece, design: Design, place: Place, store: Path, deadline: Deadline
) -> tuple[Trained, dict[str, Any]]:
    """The training that is tested, and what the record says of it."""
    folder = place.out / piece.data.name / "trainings" / piece.network.name
    of = (design, piece.data, piece.network)

    def trained(settings: Settings) -> Trained:
        return train(settings, store, folder, of, deadline)

    if piece.chooses:
        rates, losses = design.rates(piece.network), design.losses(piece.network)
        shortest = design.settings(piece.network, piece.data)["shortest"]
        choice = choose(rates, losses, shortest, design.values["rule"], trained)
        return choice.best, {**_of_choice(choice), **_of_run(choice.best)}
    first = _first(piece.data.source, piece.network.name, place)
    chosen = first.values["chosen"]
    settings = Settings(chosen["learning_rate"], chosen["loss"], chosen["steps"], piece.seed)
    best = trained(settings)
    return best, {"chosen": {**best.to_json(), "as": f"{piece.data.source}, seed 0"},
                  "ended": first.values["ended"], **_of_run(best)}  # fmt: skip


def _first(data: str, network: str, place: Place) -> Record:
    """The record of seed 0 of a network on a data set."""
    path = place.records / f"{data}-{network}-0.json"
    if not path.is_file():
        raise WaitsError(f"waits for {data}/{network}-0")
    return read_record(path)


def _of_choice(choice: Choice) -> dict[str, Any]:
    return {
        "chosen": choice.best.to_json(),
        "grid": [each.to_json() for each in choice.grid]
        + [{**vars(each), "failed": True} for each in choice.failed],
        "ladder": [each.to_json() for each in choice.ladder],
        "ended": choice.ended,
        "last_gain": choice.gain,
        "search_core_seconds": choice.core_seconds,
    }


def _of_run(trained: Trained) -> dict[str, Any]:
    resources = json.loads((trained.run / "resources.json").read_text(encoding="utf-8"))
    keys = ("parameters", "batch_size", "side", "training_memory_mb", "steps_per_second")
    return {key: resources[key] for key in keys}


def _extra(
    piece: Piece, design: Design, place: Place, store: Path, deadline: Deadline
) -> tuple[Path, Path, dict[str, Any]]:
    """A network that is made from finished ones: its run, its predictions, facts for the record."""
    extra, folder = piece.network.extra, place.out / piece.data.name / "extras" / piece.network.name
    base = [_run_of(piece, extra["of"], seed, place) for seed in _seeds(design, extra)]
    own = _run_of(piece, extra["of"], piece.seed, place)
    words = {"run": [str(own)], "runs": [str(run) for run in base]}
    made = folder / f"made-{piece.seed}"
    if "needs" in extra:
        needed = place.out / piece.data.name / "extras" / extra["needs"] / "made-0"
        if not needed.exists():
            raise WaitsError(f"waits for {piece.data.name}/{extra['needs']}-0")
        words["needed"] = [str(needed)]
    chosen = _first(piece.data.name, extra["of"], place).values["chosen"]
    facts = {"chosen": chosen, "ended": "extra", "of": extra["of"], "cost_factor": extra["cost"]}
    options: list[str] = list(extra.get("predict", []))
    if "fit" in extra:
        settings = Settings(chosen["learning_rate"], chosen["loss"], chosen["steps"], piece.seed)
        of = (design, piece.data, piece.network)
        best = train(settings, store, folder, of, deadline, _filled(extra["fit"], words))
        own, facts = best.run, {**facts, "chosen": best.to_json(), **_of_run(best)}
    if "make" in extra:
        words["out"] = [str(made)]
        if not made.exists():
            made.parent.mkdir(parents=True, exist_ok=True)
            commands.call(_filled(extra["make"], words), deadline, Spent())
        options += ["--bundle", str(made), "--model-format", "keras", *_test_slides(own)]
    return own, _predicted(own, folder / f"predictions-{piece.seed}", options, deadline), facts


def _seeds(design: Design, extra: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(design.values["networks"][extra["of"]]["seeds"]) if "make" in extra else (0,)


def _run_of(piece: Piece, network: str, seed: int, place: Place) -> Path:
    """The run that a finished piece tested."""
    work = _work(piece, network, seed, place)
    if not work.is_file():
        raise WaitsError(f"waits for {piece.data.name}/{network}-{seed}")
    return Path(json.loads(work.read_text(encoding="utf-8"))[RUN])


def _work(piece: Piece, network: str, seed: int, place: Place) -> Path:
    return place.out / piece.data.name / "finished" / f"{network}-{seed}.json"


def _filled(words: list[str], values: Mapping[str, list[str]]) -> list[str]:
    """Options in which {run}, {runs}, {needed} and {out} stand for paths."""
    found: list[str] = []
    for word in words:
        found += values[word[1:-1]] if word[:1] == "{" and word[-1:] == "}" else [word]
    return found


def _predicted(run: Path, folder: Path, options: list[str], deadline: Deadline) -> Path:
    """Predict the test slides of a run in float32; those that are there are left out."""
    source = [] if "--bundle" in options else ["--run", str(run)]
    exact = ["--set=prediction.dtype=float32", "--out", str(folder)]
    commands.call(["predict", *source, *exact, *options], deadline, Spent())
    return folder


def _test_slides(run: Path) -> list[str]:
    """Test slides of a run, as arguments of a command that does not know the run."""
    from hrpn_tf.runs import open_run

    slides = [slide for slide in open_run(run).slides() if slide.subset == "test"]
    inputs = open_run(run).config.data.inputs
    channels = [f"--channel={role}={slides[0].channels[role]}" for role in inputs]
    return [*(str(slide.path) for slide in slides), *channels]


def _measured(run: Path, predictions: Path) -> dict[str, Any]:
    """Errors of every test slide of a run."""
    from hrpn_tf.runs import open_run
    from hrpn_tf.simulation.error_floor_files import read_error_floor
    from hrpn_tf.slides import open_slide
    from hrpn_tf.workflows.evaluate.measured_slides import measured_slide, predicted_plane

    opened, found = open_run(run), {}
    for slide in opened.slides():
        if slide.subset != "test":
            continue
        with (
            open_slide(prediction_of(predictions, slide.path)) as predicted,
            measured_slide(slide, opened.config, predicted.info) as (measured, _),
        ):
            size = (0, 0, measured.target.height, measured.target.width)
            true = measured.target.read(*size)
            pred = predicted_plane(predicted, opened.config).read(*size)
        floor = read_error_floor(slide.path, float(true.std()))
        found[slide.name] = slide_errors(true, pred, floor)
    return found


def _processor() -> str:
    from hrpn_tf.models.latency import device_in_words

    return device_in_words()
