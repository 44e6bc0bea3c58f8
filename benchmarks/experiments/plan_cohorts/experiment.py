"""Does the curve of `hrpn-tf plan` come true, and do the slides that it chooses teach more?

    python benchmarks/experiments/plan_cohorts run --cohorts 18
    python benchmarks/experiments/plan_cohorts report --docs docs/results/plan.md

Simulated cohorts, in which every animal has one slide of 256 px and animals differ in staining,
optics, vessels, nuclei and transport. The predictor is not a network but kernel regression (200
random landmarks) on smoothed inputs and the distance to vessels, which is fitted in a fraction of a
second. Subsets, power law, intervals and ranking are those of ``hrpn-tf plan``.

- **Curve.** Eight animals are the pilot, four are held back. The error with 16 animals is predicted
  from trainings on 1, 2, 4 and 8, and compared with that of trainings on the pilot and eight more
  animals, drawn at random: on the animals that were held back, and on six that nobody saw. So is
  the width of intervals, twice the absolute error that 90 % of an animal's pixels do not exceed.
- **Choice.** Two, four and eight of 12 unstained animals are added to the pilot: those that the
  plan ranks first, or random ones. The error on the six unseen animals is compared.

Each cohort leaves a small JSON file in ``benchmarks/experiments/plan_cohorts_results``, from which
alone the report is made. Run again after a stop, it goes on with the next cohort.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from experiments.cohorts import main_of
from experiments.plan_cohorts.animals import (
    HELD_BACK,
    PILOT,
    UNSEEN,
    WINDOW,
    Animal,
    animals_of,
    train,
)
from experiments.plan_cohorts.report import MORE, NUMBERS, report
from hrpn_tf.evaluation.out_of_distribution import TrainingProfile, judge, learn_profile
from hrpn_tf.evaluation.planning import Candidate, rank
from hrpn_tf.workflows.plan.ranking import with_units
from hrpn_tf.workflows.plan.subsets import nested_subsets

RECORDS = Path(__file__).parents[1] / "plan_cohorts_results"
SIZES, DRAWS = (1, 2, 4, 8), 3
COVERAGE = 0.9  # of the intervals
RANDOM_DRAWS = 4


@dataclass(frozen=True)
class Errors:
    """Of a regression on some animals.

    Attributes:
        mse: of each animal, grey levels^2.
        width: of intervals that hold ``COVERAGE`` of the pixels of each animal, grey levels.
    """

    mse: Sequence[float]
    width: Sequence[float]


def errors(model: Any, animals: Sequence[Animal]) -> Errors:
    """Of a regression on each animal."""
    found = [np.abs(model.predict(each.table) - each.target) for each in animals]
    return Errors(
        [float(np.mean(each**2)) for each in found],
        [2 * float(np.quantile(each, COVERAGE)) for each in found],
    )


def run_cohort(cohort: int, cache: Path) -> dict[str, Any]:
    """Predict, train with more, and compare; gives the record."""
    animals = list(animals_of(cohort, cache))
    ends = np.cumsum([PILOT, HELD_BACK, UNSEEN])
    pilot, held_back, unseen, candidates = (
        [animals[i] for i in part] for part in np.split(np.arange(len(animals)), ends)
    )
    named = {each.name: each for each in pilot}
    measured, committee = [], []
    for subset in nested_subsets(list(named), SIZES, DRAWS):
        model = train([named[name] for name in subset.groups], subset.draw)
        found = errors(model, held_back)
        measured.append({"groups": len(subset.groups), "draw": subset.draw,
                         "errors": found.mse, "widths": found.width})  # fmt: skip
        if 2 * len(subset.groups) >= PILOT:
            committee.append(model)
    order = [each.candidate.name for each in rank(*ranked_input(pilot, candidates, committee))]
    now = errors(train(pilot, 1), unseen)
    return {
        "cohort": cohort,
        "now_unseen": fmean(now.mse),
        "now_unseen_width": fmean(now.width),
        "all_unseen": fmean(errors(train([*pilot, *candidates], 1), unseen).mse),
        "measured": measured,
        "order": order,
        **_with_more(cohort, pilot, {each.name: each for each in candidates}, order,
                     (held_back, unseen)),
    }  # fmt: skip


def _with_more(
    cohort: int,
    pilot: Sequence[Animal],
    candidates: Mapping[str, Animal],
    order: Sequence[str],
    tests: tuple[Sequence[Animal], Sequence[Animal]],
) -> dict[str, Any]:
    """The errors of trainings on the pilot and further animals: ``choice``, ``truth``.

    Args:
        cohort: seed of the random draws.
        pilot: animals.
        candidates: further animals by name.
        order: names of the candidates, the one to be chosen first at the beginning.
        tests: the animals that were held back, and unseen ones.
    """
    held_back, unseen = tests
    random = np.random.default_rng(cohort)
    draws = [random.permutation(list(candidates)).tolist() for _ in range(RANDOM_DRAWS)]
    truth: list[dict[str, float]] = []
    choice = {}
    for number in NUMBERS:
        models = [
            train([*pilot, *(candidates[name] for name in names[:number])], 1)
            for names in (list(order), *draws)
        ]
        chosen, *others = (errors(model, unseen) for model in models)
        choice[str(number)] = {
            "chosen": fmean(chosen.mse), "random": [fmean(each.mse) for each in others],
        }  # fmt: skip
        if PILOT + number == MORE:
            known = (errors(model, held_back) for model in models[1:])
            truth = [
                {"held_back": fmean(a.mse), "unseen": fmean(b.mse),
                 "held_back_width": fmean(a.width), "unseen_width": fmean(b.width)}
                for a, b in zip(known, others, strict=True)
            ]  # fmt: skip
    return {"truth": truth, "choice": choice}


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


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks for."""
    main_of(__doc__, RECORDS, Path("build/plan-cohorts"), 18, run_cohort, report, arguments)
