"""Does the curve of `hrpn-tf plan` come true, and do the slides that it chooses teach more?

    python benchmarks/experiments/plan_cohorts.py run --cohorts 18
    python benchmarks/experiments/plan_cohorts.py report --docs docs/results/plan.md

Simulated cohorts, in which every animal has one slide of 256 px and animals differ in staining,
optics, vessels, nuclei and transport. The predictor is not a network but kernel regression (200
random landmarks) on smoothed inputs and the distance to vessels, which is fitted in a fraction of a
second. Subsets, power law, intervals and ranking are those of ``hrpn-tf plan``.

- **Curve.** Eight animals are the pilot, four are held back. The error with 16 animals is predicted
  from trainings on 1, 2, 4 and 8, and compared with that of trainings on the pilot and eight more
  animals, drawn at random: on the animals that were held back, and on six that nobody saw.
- **Choice.** Two, four and eight of 12 unstained animals are added to the pilot: those that the
  plan ranks first, or random ones. The error on the six unseen animals is compared.

Each cohort leaves a small JSON file in ``benchmarks/experiments/plan_cohorts_results``, from which
alone the report is made. Run again after a stop, it goes on with the next cohort.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

if not __package__:  # run as a file: Python then knows its folder, and not the package it is in
    sys.path[0] = str(Path(__file__).parents[1])

from experiments.cohorts import Clock, arguments_of, publish, read_cohorts, run_cohorts
from experiments.intensity import Image
from experiments.study.tables import markdown
from hrpn_tf.config import load_config
from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.evaluation.baselines.trees import Features
from hrpn_tf.evaluation.baselines.vessel_distance import vessel_distance
from hrpn_tf.evaluation.out_of_distribution import (
    SlideStatistics,
    TrainingProfile,
    describe,
    judge,
    learn_profile,
)
from hrpn_tf.evaluation.planes import Window
from hrpn_tf.evaluation.planning import Candidate, Measurement, learning_curve, rank
from hrpn_tf.files import atomic_path
from hrpn_tf.simulation.phantom import make_image
from hrpn_tf.workflows.plan.ranking import with_units
from hrpn_tf.workflows.plan.subsets import nested_subsets

RECORDS = Path(__file__).parent / "plan_cohorts_results"
SIDE, WINDOW, PIXELS = 256, 128, 2000  # px of a slide and a window; pixels of a slide that train
PILOT, HELD_BACK, UNSEEN, CANDIDATES = 8, 4, 6, 12
SIZES, DRAWS, MORE = (1, 2, 4, 8), 3, 16
LANDMARKS = 200
SETTLED = 12  # cohorts before this number were seen while the intervals were worked out
NUMBERS, RANDOM_DRAWS = (2, 4, 8), 4
# What differs between animals; ranges of hrpn_tf/recipes/weights.yaml
VARIED = {
    "optics": {
        "vessel_level": (17, 70), "nucleus_level": (45, 180), "offset": (0, 10),
        "psf_um": (0.2, 0.9), "photon_gain": (0.02, 0.2),
    },
    "vessels": {"length_density": (400, 1200), "radius_um": (5, 11)},
    "nuclei": {"density_per_mm2": (2500, 7000), "diameter_um": (7, 10)},
    "transport": {"diffusivity_um2_per_s": (0.3, 2), "uptake_per_s": (5.0e-4, 1.5e-3)},
}  # fmt: skip


@dataclass(frozen=True)
class Animal:
    """One simulated slide.

    Attributes:
        name: of the animal.
        table: (pixels, features) of a sample of its pixels.
        target: (pixels,) grey levels.
        statistics: of its inputs.
    """

    name: str
    table: np.ndarray
    target: np.ndarray
    statistics: SlideStatistics


def configuration(cohort: int) -> SimulationConfig:
    """Of all animals of a cohort."""
    count = PILOT + HELD_BACK + UNSEEN + CANDIDATES
    values = {"height": SIDE, "width": SIDE, "slides": count, "groups": count,
              "seed": 5000 + cohort, "vary": VARIED, "optics.bits": 16}  # fmt: skip
    return load_config(None, {"simulation": values}).simulation


def animals_of(cohort: int, cache: Path) -> Iterator[Animal]:
    """The animals of a cohort, in a fixed order; simulated ones are kept in a folder."""
    config = configuration(cohort)
    for number in range(config.slides):
        path = cache / f"{cohort:02d}-{number:02d}.npz"
        if not path.is_file():
            found = simulated(config, number)
            with atomic_path(path, overwrite=True) as temporary:
                np.savez(
                    temporary, table=found.table, target=found.target,
                    quantiles=found.statistics.quantiles,
                    structure_px=found.statistics.structure_px,
                )  # fmt: skip
        with np.load(path) as kept:
            statistics = SlideStatistics(kept["quantiles"], kept["structure_px"], None, 4)
            yield Animal(f"animal-{number:02d}", kept["table"], kept["target"], statistics)


def simulated(config: SimulationConfig, number: int) -> Animal:
    """An animal of a cohort."""
    image = make_image(config, number, number)
    planes = tuple(Image(np.ascontiguousarray(image[..., i])) for i in range(3))
    distance = vessel_distance(planes[0], config.pixel_size_um, "logarithmic")
    features = Features(planes[:2], distance, config.pixel_size_um)
    table = features.read(Window(0, 0, SIDE, SIDE)).reshape(SIDE**2, -1)
    chosen = np.random.default_rng(number).choice(SIDE**2, PIXELS, replace=False)
    inputs = image[..., :2].astype(np.float32)
    windows = [
        inputs[y : y + WINDOW, x : x + WINDOW]
        for y in range(0, SIDE, WINDOW)
        for x in range(0, SIDE, WINDOW)
    ]
    target = image[..., 2].astype(float).ravel()[chosen]
    return Animal(f"animal-{number:02d}", table[chosen], target, describe(windows))


def train(animals: Sequence[Animal], seed: int) -> Any:
    """A regression on all of these animals; the seed chooses its landmarks."""
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = np.concatenate([each.table for each in animals])
    target = np.concatenate([each.target for each in animals])
    width = 1 / table.shape[1]
    landmarks = Nystroem(gamma=width, n_components=LANDMARKS, random_state=seed)
    return make_pipeline(StandardScaler(), landmarks, Ridge()).fit(table, target)


def errors(model: Any, animals: Sequence[Animal]) -> list[float]:
    """Mean squared error on each animal, grey levels^2."""
    return [float(np.mean((model.predict(each.table) - each.target) ** 2)) for each in animals]


def run_cohort(cohort: int, cache: Path) -> dict[str, Any]:
    """Predict, train with more, and compare; gives the record."""
    animals = list(animals_of(cohort, cache))
    ends = np.cumsum([PILOT, HELD_BACK, UNSEEN])
    pilot, held_back, unseen, candidates = (
        [animals[i] for i in part] for part in np.split(np.arange(len(animals)), ends)
    )
    named = {each.name: each for each in animals}
    measured, committee = [], []
    for subset in nested_subsets([each.name for each in pilot], SIZES, DRAWS):
        model = train([named[name] for name in subset.groups], subset.draw)
        found = tuple(errors(model, held_back))
        measured.append(Measurement(len(subset.groups), subset.draw, found))
        if 2 * len(subset.groups) >= PILOT:
            committee.append(model)
    curve = learning_curve(measured, (MORE,))
    (outlook,) = curve.outlook
    order = [each.candidate.name for each in rank(*ranked_input(pilot, candidates, committee))]
    random = np.random.default_rng(cohort)
    draws = [random.permutation([each.name for each in candidates]) for _ in range(RANDOM_DRAWS)]
    truth, choice = [], {}
    for number in NUMBERS:
        chosen = errors(train([*pilot, *(named[n] for n in order[:number])], 1), unseen)
        others = []
        for draw in draws:
            model = train([*pilot, *(named[n] for n in draw[:number])], 1)
            others.append(float(np.mean(errors(model, unseen))))
            if PILOT + number == MORE:
                truth.append({"held_back": float(np.mean(errors(model, held_back))),
                              "unseen": others[-1]})  # fmt: skip
        choice[str(number)] = {"chosen": float(np.mean(chosen)), "random": others}
    everything = train([*pilot, *candidates], 1)
    return {
        "cohort": cohort,
        "now": curve.now,
        "now_unseen": float(np.mean(errors(train(pilot, 1), unseen))),
        "all_unseen": float(np.mean(errors(everything, unseen))),
        "predicted": vars(outlook),
        "verdict": curve.verdict,
        "measured": [vars(each) for each in measured],
        "truth": truth,
        "order": order,
        "choice": choice,
    }


def ranked_input(
    pilot: Sequence[Animal], candidates: Sequence[Animal], models: Sequence[Any]
) -> tuple[list[Candidate], TrainingProfile]:
    """The candidates as ``hrpn-tf plan`` sees them, and the profile of the pilot."""
    slides = {each.name: (each.name, each.statistics) for each in pilot}
    profile = with_units(learn_profile(("vessels", "nuclei"), slides, WINDOW))
    found = []
    for each in candidates:
        spread = np.std([model.predict(each.table) for model in models], axis=0, ddof=1)
        score = judge(profile, each.statistics).score or 0.0
        disagreement = float(np.sqrt(np.mean(spread**2)))
        found.append(Candidate(each.name, each.name, disagreement, score, each.statistics))
    return found, profile


def report(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The generated parts of the page."""
    if not records:
        return dict.fromkeys(("curve", "choice"), "No cohort is finished yet.")
    return {"curve": f"{_curve(records)}\n\n{_spread(records)}", "choice": _choice(records)}


def _curve(records: Sequence[Mapping[str, Any]]) -> str:
    """The curves, computed anew from the measurements."""
    heads = ["cohort", "8, held back", "16, predicted", "95 % interval", "16, held back",
             "16, unseen", "16 / 8, predicted", "held back", "unseen"]  # fmt: skip
    rows = []
    within: dict[str, list[bool]] = {"held_back": [], "unseen": []}
    fallen: dict[str, list[bool]] = {"held_back": [], "unseen": []}
    ratios = []
    for each in records:
        curve = learning_curve([Measurement(**m) for m in each["measured"]], (MORE,))
        (own,), truth = curve.outlook, each["truth"]
        low, high, doubling = own.low or 0.0, own.high or 0.0, curve.doubling or (0.0, 0.0, 0.0)
        means = {kind: float(np.mean([t[kind] for t in truth])) for kind in within}
        falls = {"held_back": means["held_back"] / curve.now,
                 "unseen": means["unseen"] / each["now_unseen"]}  # fmt: skip
        for kind in within:
            within[kind] += [low <= t[kind] <= high for t in truth]
            fallen[kind].append(doubling[0] <= falls[kind] <= doubling[2])
        ratios.append(own.error / means["held_back"])
        rows.append([
            str(each["cohort"]), _thousands(curve.now), _thousands(own.error),
            f"{_thousands(low)} to {_thousands(high)}", _thousands(means["held_back"]),
            _thousands(means["unseen"]), f"{doubling[0]:.2f} to {doubling[2]:.2f}",
            f"{falls['held_back']:.2f}", f"{falls['unseen']:.2f}",
        ])  # fmt: skip
    shares = {kind: f"{np.mean(found):.0%}" for kind, found in within.items()}
    fresh = ""
    if new := [i for i, each in enumerate(records) if each["cohort"] >= SETTLED]:
        each_training = np.repeat(np.isin(np.arange(len(records)), new), RANDOM_DRAWS)
        parts = [f"{np.mean(np.array(found)[each_training]):.0%}" for found in within.values()]
        fresh = (
            f" In the {len(new)} cohorts that were made after the method was settled: {parts[0]} "
            f"and {parts[1]}."
        )
    return (
        f"{markdown(heads, rows)}\n\n"
        f"Mean squared errors in thousands of grey levels² (16 bits). Of {len(within['unseen'])} "
        f"trainings with 16 animals in {len(records)} cohorts, {shares['held_back']} had an error "
        f"within the interval on the animals that were held back, and {shares['unseen']} on "
        f"animals that nobody saw.{fresh} The predicted error was "
        f"{np.exp(np.mean(np.log(ratios))):.2f} times the mean one on the animals that were held "
        f"back (geometric mean; {min(ratios):.2f} to {max(ratios):.2f}). The change from 8 to 16 "
        f"animals was within its interval in {sum(fallen['held_back'])} cohorts on the "
        f"animals that were held back, and in {sum(fallen['unseen'])} on unseen ones."
    )


def _spread(records: Sequence[Mapping[str, Any]]) -> str:
    """How much errors differ between animals, and between draws."""
    animals, draws = [], []
    for each in records:
        all_eight = [m["errors"] for m in each["measured"] if m["groups"] == PILOT]
        own = np.mean(all_eight, axis=0)
        animals.append(own.max() / own.min())
        single = [np.mean(m["errors"]) for m in each["measured"] if m["groups"] == 1]
        draws.append(max(single) / min(single))
    return (
        f"The largest error of the pilot on an animal that was held back is "
        f"{np.median(animals):.0f} times the least (median over cohorts; {max(animals):.0f} at "
        f"most), and the largest error of trainings on one animal {np.median(draws):.1f} times "
        f"the least ({max(draws):.0f} at most)."
    )


def _thousands(value: float) -> str:
    return f"{value / 1000:,.0f}"


def _choice(records: Sequence[Mapping[str, Any]]) -> str:
    from scipy.stats import wilcoxon

    heads = ["added", "cohorts", "chosen better than the mean of random", "MSE, chosen / random",
             "least", "largest", "p (Wilcoxon, two-sided)"]  # fmt: skip
    rows = []
    for number in NUMBERS:
        pairs = [each["choice"][str(number)] for each in records]
        logs = [np.log(pair["chosen"] / np.mean(pair["random"])) for pair in pairs]
        p = f"{wilcoxon(logs).pvalue:.3f}" if len(logs) > 1 else "-"
        rows.append([str(number), str(len(logs)), str(sum(log < 0 for log in logs)),
                     f"{np.exp(np.mean(logs)):.3f}", f"{np.exp(min(logs)):.2f}",
                     f"{np.exp(max(logs)):.2f}", p])  # fmt: skip
    gains = [each["all_unseen"] / each["now_unseen"] for each in records]
    return (
        f"{markdown(heads, rows)}\n\n"
        f"All 12 candidates together took the error to {np.exp(np.mean(np.log(gains))):.2f} times "
        f"that of the pilot (geometric mean; {min(gains):.2f} to {max(gains):.2f}): that is what "
        "there was to gain."
    )


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = arguments_of(__doc__, RECORDS, "cohort")
    parser.add_argument("--cohorts", type=int, default=18, help="how many  [18]")
    parser.add_argument(
        "--cache", type=Path, default=Path("build/plan-cohorts"), help="keeps simulated animals"
    )
    given = parser.parse_args(arguments)
    if given.command == "run":
        clock = Clock(given.max_minutes)
        run_cohorts(given.results, given.cohorts, clock, lambda n: run_cohort(n, given.cache))
    else:
        publish(report(read_cohorts(given.results)), given.docs)


if __name__ == "__main__":
    main()
