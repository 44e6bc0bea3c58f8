"""Do the margins of `hrpn-tf analyse --held-back` hold for as many new animals as they say?

    python benchmarks/experiments/measure_margins.py run --animals 240
    python benchmarks/experiments/measure_margins.py report --docs docs/results/margins.md

Simulated animals, one slide of 256 px (1 µm) each, that differ in staining, optics, vessels, nuclei
and transport. The predictor is not a network but the kernel regression of ``plan_cohorts``,
fitted on 16 animals. Every other animal is measured twice, by the code of ``hrpn-tf analyse``: its
prediction and its target. A margin comes from a few animals that are held back, and is true for a
new animal whose two values differ by no more.

- **Same laboratory.** Held-back and new animals are drawn from the same animals, many times.
- **Another laboratory.** New animals are stained twice as strongly and blurred more: they are not
  exchangeable with those held back, and nothing is promised.

Each animal leaves one line in ``benchmarks/experiments/measure_margins_results``, from which alone
the report is made. Run again after a stop, it goes on with the next animal.
"""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

if not __package__:  # run as a file: Python then knows its folder, and not the package it is in
    sys.path[0] = str(Path(__file__).parents[1])

from experiments.cohorts import Clock, arguments_of, publish
from experiments.intensity import Image
from experiments.plan_cohorts.animals import VARIED, Animal, train
from experiments.study.tables import markdown
from hrpn_tf.config import Config, load_config
from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.errors import HrpnError
from hrpn_tf.evaluation.analysis.margins import margin
from hrpn_tf.evaluation.analysis.measures import MEASURES, SlideAnalysis
from hrpn_tf.evaluation.baselines.trees import Features
from hrpn_tf.evaluation.baselines.vessel_distance import vessel_distance
from hrpn_tf.evaluation.planes import Window
from hrpn_tf.evaluation.spatial.intensity import Extremes
from hrpn_tf.evaluation.spatial.measure import SpatialSlide, measure_together
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.simulation.phantom import make_image
from hrpn_tf.workflows.evaluate.spatial_anatomy import SlideInputs, find_anatomy
from hrpn_tf.workflows.evaluate.spatial_inputs import SpatialFiles

RECORDS = Path(__file__).parent / "measure_margins_results"
SIDE, PIXEL_UM, PIXELS = 256, 1.0, 2000  # pixels of an animal that train
TRAINING, THRESHOLD = 16, 6000.0  # grey levels of 16 bits; above it pixels and nuclei are positive
SPLITS, LEVELS = 2000, ((0.8, 4), (0.8, 9), (0.9, 9), (0.9, 19))
LABORATORIES = {
    "same": VARIED,
    "another": VARIED
    | {"optics": VARIED["optics"] | {"vessel_level": (80, 170), "psf_um": (1.5, 2.5)}},
}


def configuration(laboratory: str) -> SimulationConfig:
    """Of all animals of a laboratory."""
    values = {
        "height": SIDE, "width": SIDE, "pixel_size_um": PIXEL_UM, "slides": 999, "groups": 999,
        "seed": 7000 + list(LABORATORIES).index(laboratory), "vary": LABORATORIES[laboratory],
        "optics.bits": 16,
    }  # fmt: skip
    return load_config(None, {"simulation": values}).simulation


def features(image: np.ndarray) -> np.ndarray:
    """(pixels, features) of an image (SIDE, SIDE, 3)."""
    planes = tuple(Image(np.ascontiguousarray(image[..., i])) for i in range(2))
    distance = vessel_distance(planes[0], PIXEL_UM, "logarithmic")
    table = Features(planes, distance, PIXEL_UM).read(Window(0, 0, SIDE, SIDE))
    return table.reshape(SIDE**2, -1)


def predictor() -> Any:
    """The regression on the first animals of the same laboratory."""
    animals = []
    for number in range(TRAINING):
        image = make_image(configuration("same"), number, number)
        chosen = np.random.default_rng(number).choice(SIDE**2, PIXELS, replace=False)
        target = image[..., 2].astype(float).ravel()[chosen]
        animals.append(Animal(str(number), features(image)[chosen], target, None))  # type: ignore[arg-type]
    return train(animals, 1)


def measured(model: Any, laboratory: str, number: int) -> dict[str, list[float | None]] | None:
    """By measure, the values of prediction and target of an animal; None without vessels."""
    image = make_image(configuration(laboratory), number, number)
    predicted = np.maximum(model.predict(features(image)), 0).reshape(SIDE, SIDE)
    config = load_config(None, {"spatial": {"block_um": 64.0, "grid_um": 32.0}})
    try:
        pair = analysed(image, predicted, config)
    except HrpnError:
        return None
    return {name: [each.values[name]["value"] for each in pair] for name in MEASURES}


def analysed(image: np.ndarray, predicted: np.ndarray, config: Config) -> list[SlideAnalysis]:
    """The analysis of a prediction and of the target, as ``hrpn-tf analyse`` makes it."""
    planes = {
        role: Image(np.ascontiguousarray(image[..., i]))
        for i, role in enumerate((*config.data.inputs, config.data.target))
    }
    images = [Image(predicted.astype(np.float32)), planes[config.data.target]]
    range_ = Extremes(0.0, 65535.0)
    slide = RunSlide("animal", Path("animal"), "animal", "other", {}, PIXEL_UM)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        inputs = SlideInputs(slide, planes, None, PIXEL_UM)  # type: ignore[arg-type]
        anatomy = find_anatomy(inputs, config, SpatialFiles(), scratch, stack)
        slides = [
            SpatialSlide(
                name="animal", group="animal", true=None, pred=each, tissue=None,
                positive=THRESHOLD, pixel_size_um=PIXEL_UM, stain=None, per_vessel=False,
                **vars(anatomy),
            )
            for each in images
        ]  # fmt: skip
        found = measure_together(slides, config.spatial, range_, lambda pixels: None)
        pair = [SlideAnalysis(each, None, config.spatial, range_) for each in found]
        _ = [each.values for each in pair]  # while the labels are there
    return pair


Pairs = Mapping[str, Sequence[Mapping[str, Sequence[float | None]]]]


def covered(
    old: np.ndarray, new: np.ndarray, coverage: float, held_back: int, seed: int
) -> tuple[float, float]:
    """Share of new animals within the margin, and the median margin, over random splits.

    Args:
        old: (animals,) errors that margins come from.
        new: errors of new animals; the same array if they are drawn from the same animals.
        coverage: nominal.
        held_back: number of animals that give a margin.
        seed: of the splits.
    """
    random = np.random.default_rng(seed)
    shares, margins = [], []
    for _ in range(SPLITS):
        order = random.permutation(len(old))
        chosen = {str(i): [float(old[i])] for i in order[:held_back]}
        value = margin(chosen, coverage).value
        assert value is not None
        others = old[order[held_back:]] if new is old else new
        shares.append(np.mean(np.abs(others) <= value))
        margins.append(value)
    return float(np.mean(shares)), float(np.median(margins))


def errors_of(animals: Sequence[Mapping[str, Sequence[float | None]]], name: str) -> np.ndarray:
    """Prediction minus target of a measure, of the animals that have it."""
    pairs = [each[name] for each in animals]
    return np.array([a - b for a, b in pairs if a is not None and b is not None])


def report(found: Pairs) -> dict[str, str]:
    """The generated part of the page."""
    same, other = found.get("same", []), found.get("another", [])
    heads = ["measure", "animals with it", *(f"{c:.0%} from {n}" for c, n in LEVELS),
             "another laboratory, 90% from 9"]  # fmt: skip
    rows, shares, rare = [], [], []
    for name, measure in MEASURES.items():
        errors, foreign = errors_of(same, name), errors_of(other, name)
        if len(errors) <= 2 * max(n for _, n in LEVELS):
            rare.append(f"{measure.title}: {len(errors)}")
            continue
        own = [covered(errors, errors, c, n, 1)[0] for c, n in LEVELS]
        shares.append(own)
        away = f"{covered(errors, foreign, 0.9, 9, 1)[0]:.1%}" if len(foreign) else "-"
        rows.append([measure.title, str(len(errors)), *(f"{s:.1%}" for s in own), away])
    if not rows:
        return {"coverage": "No animals are measured yet."}
    away_by = [s - c for own in shares for s, (c, _) in zip(own, LEVELS, strict=True)]
    left_out = f" Too few animals have a value of {'; '.join(rare)}." if rare else ""
    return {
        "coverage": f"{markdown(heads, rows)}\n\nEach share is the mean over {SPLITS} random "
        f"splits of {len(same)} animals, and of {len(other)} new ones of the other laboratory. The "
        f"least is {-100 * min(away_by):.1f} points below the nominal coverage, the largest "
        f"{100 * max(away_by):.1f} points above.{left_out}"
    }


def read(results: Path) -> dict[str, list[dict[str, list[float | None]]]]:
    """The measured animals of each laboratory."""
    found: dict[str, list[dict[str, list[float | None]]]] = {}
    for laboratory in LABORATORIES:
        path = results / f"{laboratory}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        values = [json.loads(line)["measures"] for line in lines]
        found[laboratory] = [each for each in values if each is not None]
    return found


def run(results: Path, animals: int, clock: Clock) -> None:
    """Measure animals, until there are so many of each laboratory or the time is over."""
    model = None
    results.mkdir(exist_ok=True)
    for laboratory in LABORATORIES:
        wanted = animals if laboratory == "same" else animals // 3
        path = results / f"{laboratory}.jsonl"
        done = len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0
        for number in range(TRAINING + done, TRAINING + wanted):
            if clock.is_over():
                return
            model = model or predictor()
            line = {"animal": number, "measures": measured(model, laboratory, number)}
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = arguments_of(__doc__, RECORDS, "animal")
    parser.add_argument("--animals", type=int, default=240, help="of the same laboratory  [240]")
    given = parser.parse_args(arguments)
    if given.command == "run":
        with threadpool_limits(1):  # threads that wait for each other take longer than one
            run(given.results, given.animals, Clock(given.max_minutes))
    else:
        publish(report(read(given.results)), given.docs)


if __name__ == "__main__":
    main()
