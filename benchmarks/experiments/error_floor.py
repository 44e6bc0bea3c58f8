"""How near are the bounds of `hrpn-tf evaluate --error-floor` to the truth?

    python benchmarks/experiments/error_floor.py run --cohorts 12
    python benchmarks/experiments/error_floor.py report --docs docs/results/error-floor.md

Simulated cohorts of 12 animals, one slide of 768 px (16 bits) each, of six kinds in turn: as the
defaults, and with more hidden permeability, shorter diffusion, strong photon noise, more leaky
vessels, and a narrower spread of permeability. The simulator knows the floor: the expected error of
the best predictor, and its error on these very slides. Beside the two bounds of the command, three
estimates that were tried:

- **curve**: the floor of a power law through the errors of regressions on 3, 6 and 9 animals;
- **twins**: half of the mean squared difference of residuals between each pixel and that of another
  animal with the most alike surroundings;
- **twins, no distance**: the same, extrapolated to surroundings without a difference by a line in
  the squared distance.

Scales and powers of the surroundings were chosen on cohorts 0 and 1. Each cohort leaves a small
JSON file in ``benchmarks/experiments/error_floor_results``, from which alone the report is made.
Run again after a stop, it goes on with the next cohort.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

if not __package__:  # run as a file: Python then knows its folder, and not the package it is in
    sys.path[0] = str(Path(__file__).parents[1])

from experiments.cohorts import main_of
from experiments.intensity import Image
from experiments.study.tables import markdown
from hrpn_tf.config import load_config
from hrpn_tf.evaluation.error_floor.estimate import (
    Sample,
    cross_fitted,
    estimate_floor,
    fit,
)
from hrpn_tf.evaluation.error_floor.noise import noise_variance
from hrpn_tf.evaluation.error_floor.surroundings import scale_of, surroundings
from hrpn_tf.evaluation.planes import Window
from hrpn_tf.evaluation.planning.power_law import fit_power_law
from hrpn_tf.files import atomic_path
from hrpn_tf.simulation.phantom import make_phantom

RECORDS = Path(__file__).parent / "error_floor_results"
ANIMALS, SIDE, PIXELS, PIXEL_UM = 12, 768, 1500, 0.5
SETTLED = 2  # cohorts before this number were seen while the surroundings were chosen
SIZES = (3, 6, 9)
KINDS: dict[str, dict[str, float]] = {
    "defaults": {},
    "more is hidden": {"permeability.visible_share": 0.8},
    "shorter diffusion": {"transport.diffusivity_um2_per_s": 0.4},
    "strong photon noise": {"optics.photon_gain": 60.0},
    "more leaky vessels": {"permeability.leaky_share": 0.5},
    "less spread": {"permeability.spread_decades": 1.0},
}
TRUTH = ("floor", "noise", "here")


def slides_of(cohort: int, cache: Path) -> list[dict[str, Any]]:
    """Image and truth of each animal; simulated ones are kept in a folder."""
    values = {
        "height": SIDE, "width": SIDE, "slides": ANIMALS, "groups": ANIMALS, "seed": 9000 + cohort,
        "optics.bits": 16, **list(KINDS.values())[cohort % len(KINDS)],
    }  # fmt: skip
    config = load_config(None, {"simulation": values}).simulation
    cache.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(ANIMALS):
        path = cache / f"{cohort:02d}-{number:02d}.npz"
        if not path.is_file():
            made = make_phantom(config, number, number)
            errors = made.report["errors"]["slide"]
            with atomic_path(path, overwrite=True) as temporary:
                np.savez(
                    temporary, image=made.image, floor=errors["error_floor"],
                    noise=errors["error_floor_noise"], here=errors["error_of_best_predictor_here"],
                )  # fmt: skip
        with np.load(path) as kept:
            found.append({name: kept[name] for name in ("image", *TRUTH)})
    return found


def samples_of(slides: Sequence[Mapping[str, Any]]) -> list[Sample]:
    """Random pixels of each animal with their surroundings."""
    planes = [[_plane(each["image"], i) for i in range(2)] for each in slides]
    scales = [scale_of([pair[i] for pair in planes]) for i in range(2)]
    samples = []
    for number, (each, pair) in enumerate(zip(slides, planes, strict=True)):
        chosen = np.random.default_rng(number).choice(SIDE**2, PIXELS, replace=False)
        table = surroundings(pair, scales, PIXEL_UM, Window(0, 0, SIDE, SIDE))
        target = each["image"][..., 2].astype(float).ravel()[chosen]
        samples.append(Sample(f"{number:02d}", table.reshape(SIDE**2, -1)[chosen], target))
    return samples


def _plane(image: np.ndarray, channel: int) -> Image:
    return Image(np.ascontiguousarray(image[..., channel]))


def run_cohort(cohort: int, cache: Path) -> dict[str, Any]:
    """Bounds, estimates and truth; gives the record."""
    slides = slides_of(cohort, cache)
    samples = samples_of(slides)
    noise = float(np.mean([noise_variance(_plane(each["image"], 2)) for each in slides]))
    bounds = estimate_floor(samples, noise)
    twins, no_distance = twins_of(samples)
    truth = {name: float(np.mean([each[name] for each in slides])) for name in TRUTH}
    return {
        "cohort": cohort,
        "kind": list(KINDS)[cohort % len(KINDS)],
        "truth": truth,
        "bounds": bounds.to_json(),
        "tried": {"curve": curve_of(samples), "twins": twins, "twins, no distance": no_distance},
    }


def curve_of(samples: Sequence[Sample]) -> float:
    """The floor of the learning curve of the regression."""
    sizes, errors = [], []
    for fold in range(3):
        asked = [s for i, s in enumerate(samples) if i % 4 == fold]
        others = [s for i, s in enumerate(samples) if i % 4 != fold]
        for size in SIZES:
            model = fit(others[:size])
            squares = [np.mean((model.predict(s.features) - s.target) ** 2) for s in asked]
            sizes.append(size)
            errors.append(np.mean(squares))
    return fit_power_law(np.array(sizes, float), np.array(errors)).floor


def twins_of(samples: Sequence[Sample]) -> tuple[float, float]:
    """Half of the mean squared difference of residuals of twins, and that without distance."""
    from sklearn.neighbors import NearestNeighbors

    residuals = [own for own in cross_fitted(samples) if own is not None]
    predicted = [s.target - r for s, r in zip(samples, residuals, strict=True)]
    roots = [np.sqrt(np.maximum(each, 0)) for each in predicted]
    table = np.concatenate([s.features for s in samples])
    centre, spread = table.mean(0), table.std(0) + 1e-12
    unit = np.concatenate(roots).std() + 1e-12
    places = [
        np.c_[0.3 * (s.features - centre) / spread, 2 * root / unit]
        for s, root in zip(samples, roots, strict=True)
    ]
    distances, halves = [], []
    for i, (place, residual) in enumerate(zip(places, residuals, strict=True)):
        others = [j for j in range(len(samples)) if j != i]
        tree = NearestNeighbors(n_neighbors=1).fit(np.concatenate([places[j] for j in others]))
        distance, index = tree.kneighbors(place)
        other = np.concatenate([residuals[j] for j in others])[index[:, 0]]
        distances.append(distance[:, 0])
        halves.append((residual - other) ** 2 / 2)
    distance, half = np.concatenate(distances), np.concatenate(halves)
    near = distance < np.quantile(distance, 0.9)
    design = np.stack([np.ones(near.sum()), distance[near] ** 2], axis=1)
    line = np.linalg.lstsq(design, half[near], rcond=None)[0]
    return float(half.mean()), float(line[0])


def report(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The generated part of the page."""
    if not records:
        return {"bounds": "No cohort is finished yet."}
    heads = ["cohort", "kind", "floor", "noise, estimated / true", "at least / floor",
             "at most / floor", "best predictor here / floor", "curve / floor", "twins / floor",
             "twins, no distance / floor"]  # fmt: skip
    rows = []
    for each in records:
        truth, bounds, tried = each["truth"], each["bounds"], each["tried"]
        floor = truth["floor"]
        rows.append([
            str(each["cohort"]), each["kind"], f"{floor / 1000:,.0f}",
            f"{bounds['noise'] / truth['noise']:.2f}", f"{bounds['at_least'] / floor:.2f}",
            f"{bounds['at_most'] / floor:.2f}", f"{truth['here'] / floor:.2f}",
            *(f"{value / floor:.2f}" for value in tried.values()),
        ])  # fmt: skip
    fresh = [each for each in records if each["cohort"] >= SETTLED]
    return {"bounds": f"{markdown(heads, rows)}\n\n{_summary(fresh)}"}


def _summary(records: Sequence[Mapping[str, Any]]) -> str:
    """How often the goal is met on cohorts that nothing was chosen on."""
    if not records:
        return ""
    floors = np.array([each["truth"]["floor"] for each in records])

    def near(values: Sequence[float]) -> str:
        return f"{int((np.abs(np.array(values) / floors - 1) <= 0.15).sum())} of {len(floors)}"

    parts = [f"at most: {near([e['bounds']['at_most'] for e in records])}"]
    for name in records[0]["tried"]:
        parts.append(f"{name}: {near([e['tried'][name] for e in records])}")
    here = near([e["truth"]["here"] for e in records])
    inside = sum(
        bool(e["bounds"]["at_least"] <= e["truth"]["floor"] <= e["bounds"]["at_most"])
        for e in records
    )
    return (
        f"Floors are in thousands of grey levels² (16 bits). Within 15 % of the floor, in the "
        f"{len(records)} cohorts on which nothing was chosen: {'; '.join(parts)}. The error of the "
        f"best predictor itself on these slides: {here}. The floor lay between the bounds in "
        f"{inside} of {len(records)}."
    )


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks for."""
    main_of(__doc__, RECORDS, Path("build/error-floor"), 12, run_cohort, report, arguments)


if __name__ == "__main__":
    main()
