"""Run a piece: choose settings or take those of seed 0, train, predict the test slides, record."""

import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiments.study import commands
from experiments.study.choice import Choice, choose
from experiments.study.commands import Deadline, Spent
from experiments.study.design import Design, Piece
from experiments.study.record import SCHEMA, Record, read_record, write_json
from experiments.study.samples import draw_samples
from experiments.study.slides import Place
from experiments.study.testing import measure_tests, predict
from experiments.study.trainings import Settings, Trained, Trainings, processor


class WaitsError(Exception):
    """The piece needs another one, which is not finished; the message names it."""


def run_piece(
    piece: Piece, design: Design, place: Place, store: Path, deadline: Deadline, doublings: int
) -> None:
    """Do what a piece lacks, and write its record.

    Args:
        piece: what to do.
        design, place, store, deadline: see :class:`~experiments.study.trainings.Trainings`.
        doublings: how often the shortest training may be doubled in this round.

    Raises:
        NotYetError: it needs a longer training.
        WaitsError: it takes the settings of a piece that is not finished.
        OutOfTimeError: it goes on at the next call.
        CommandFailedError: a command failed.
    """
    bench = _bench(piece, design, place, store, deadline)
    facts: dict[str, Any]
    if piece.network.extra:
        run, predictions, facts = _extra(piece, bench, place)
        slides = measure_tests(run, predictions)
        draw_samples(run, predictions, _sample(piece, place))
    else:
        best, facts = _trained(piece, bench, place, doublings)
        slides = dict(_tested(best, bench, _sample(piece, place)).slides)
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
            "machine": {"processor": processor(), "python": platform.python_version()},
            "versions": {name: version(name) for name in ("keras", "hrpn-tf")},
        },
        place.records / piece.file,
    )


def _bench(
    piece: Piece, design: Design, place: Place, store: Path, deadline: Deadline
) -> Trainings:
    folder = place.trainings(piece.data.name, piece.network.name)
    return Trainings(design, piece.data, piece.network, store, folder, place.records, deadline)


def _sample(piece: Piece, place: Place) -> Path:
    return place.out / piece.data.name / "samples" / f"{piece.network.name}-{piece.seed}.png"


def _trained(
    piece: Piece, bench: Trainings, place: Place, doublings: int
) -> tuple[Trained, dict[str, Any]]:
    """The training that is tested, and what the record says of it."""
    design = bench.design
    if not piece.chooses:
        first = _first(piece.data.source, piece.network.name, place)
        best = bench.train(Settings.of(first.values["chosen"], piece.seed))
        chosen = {**best.to_json(), "as": f"{piece.data.source}, seed 0"}
        return best, {"chosen": chosen, "ended": first.values["ended"], **best.resources}
    rates, losses = design.rates(piece.network), design.losses(piece.network, piece.data)
    shortest = design.settings(piece.network, piece.data)["shortest"]

    def trained(settings: Settings) -> Trained:
        found = bench.train(settings)
        # at once: its weights may not be there when the piece goes on
        longer = settings.steps > shortest
        return _tested(found, bench, _sample(piece, place)) if longer else found

    rule, longest = design.values["rule"], shortest * 2**doublings
    choice = choose(rates, losses, shortest, rule, trained, longest)
    return choice.best, {**_of_choice(choice), **choice.best.resources}


def _tested(trained: Trained, bench: Trainings, sample: Path) -> Trained:
    """A training with the errors of its test slides, which are kept in its record."""
    if trained.slides:
        return trained
    run = bench.run(trained.settings)
    predictions = predict(run, run / "predictions", [], bench.deadline)
    found = replace(trained, slides=measure_tests(run, predictions))
    draw_samples(run, predictions, sample)
    bench.keep(found)
    return found


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


def _extra(piece: Piece, bench: Trainings, place: Place) -> tuple[Path, Path, dict[str, Any]]:
    """A network that is made from finished ones: its run, its predictions, facts for the record."""
    extra, deadline = piece.network.extra, bench.deadline
    folder = place.out / piece.data.name / "extras" / piece.network.name
    base = [_run_of(piece, *each, bench, place) for each in members(bench.design, extra)]
    own = _run_of(piece, extra["of"], piece.seed, bench, place)
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
        settings = Settings.of(chosen, piece.seed)
        taught = replace(bench, folder=folder, more=tuple(_filled(extra["fit"], words)))
        best, own = taught.train(settings), taught.run(settings)
        facts = {**facts, "chosen": best.to_json(), **best.resources}
    if "make" in extra:
        words["out"] = [str(made)]
        if not made.exists():
            made.parent.mkdir(parents=True, exist_ok=True)
            commands.call(_filled(extra["make"], words), deadline, Spent())
        options += ["--bundle", str(made), "--model-format", "keras", *_test_slides(own)]
    return own, predict(own, folder / f"predictions-{piece.seed}", options, deadline), facts


def members(design: Design, extra: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Network and seed of each run that an extra is made of."""
    if "make" not in extra:
        return []
    names = (extra["of"], *extra.get("also", ()))
    seeds = {name: extra.get("members", design.values["networks"][name]["seeds"]) for name in names}
    return [(name, seed) for name in names for seed in seeds[name]]


def _run_of(piece: Piece, of: str, seed: int, bench: Trainings, place: Place) -> Path:
    """The run that a finished piece of a network below an extra tested."""
    path = place.records / f"{piece.data.name}-{of}-{seed}.json"
    if not path.is_file():
        raise WaitsError(f"waits for {piece.data.name}/{of}-{seed}")
    network = next(each for each in bench.design.networks if each.name == of)
    below = replace(bench, network=network, folder=place.trainings(piece.data.name, of))
    return below.run(Settings.of(read_record(path).values["chosen"], seed))


def _filled(words: list[str], values: Mapping[str, list[str]]) -> list[str]:
    """Options in which {run}, {runs}, {needed} and {out} stand for paths."""
    found: list[str] = []
    for word in words:
        found += values[word[1:-1]] if word[:1] == "{" and word[-1:] == "}" else [word]
    return found


def _test_slides(run: Path) -> list[str]:
    """Test slides of a run, as arguments of a command that does not know the run."""
    from hrpn_tf.runs import open_run

    slides = [slide for slide in open_run(run).slides() if slide.subset == "test"]
    inputs = open_run(run).config.data.inputs
    channels = [f"--channel={role}={slides[0].channels[role]}" for role in inputs]
    return [*(str(slide.path) for slide in slides), *channels]
