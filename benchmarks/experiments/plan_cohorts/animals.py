"""Simulated animals that differ in much, and a regression that is fitted to them in no time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.intensity import Image
from hrpn_tf.config import load_config
from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.evaluation.baselines.trees import Features
from hrpn_tf.evaluation.baselines.vessel_distance import vessel_distance
from hrpn_tf.evaluation.out_of_distribution import SlideStatistics, describe
from hrpn_tf.evaluation.planes import Window
from hrpn_tf.files import atomic_path
from hrpn_tf.simulation.phantom import make_image

SIDE, WINDOW, PIXELS = 256, 128, 2000  # px of a slide and a window; pixels of a slide that train
PILOT, HELD_BACK, UNSEEN, CANDIDATES = 8, 4, 6, 12
LANDMARKS = 200
# What differs between animals; ranges of hrpn_tf/recipes/weights.yaml
VARIED: dict[str, dict[str, tuple[float, float]]] = {
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
