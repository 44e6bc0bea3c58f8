"""Does a measured mean, or a normalisation of the inputs, repair the scale of other animals?

    python benchmarks/experiments/intensity.py --animals 10

Simulated animals, of which half train gradient-boosted trees on smoothed inputs and the distance
to vessels (the baseline of ``hrpn-tf evaluate --trees``, fitted in a minute; no network is trained)
and the others test them. Two questions:

- **anchor**: the dose differs between animals by 30 %, or (``--spread all``) dose, diffusivity and
  uptake, each by 30 %. R2 of the prediction, R2 after it was scaled to the measured mean over
  tissue, which is known to 10 %, and the squared correlation, the largest R2 that any line through
  the prediction reaches.
- **normalisation**: animals differ in nothing hidden, but the inputs of the test animals have
  another gain (all, or one channel) or background. Median over the animals of R2 in the middle of
  their slides, and its share of that of unaltered inputs, for trees that see the grey levels as
  stored and for trees that see normalised ones.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.config import TissueConfig, load_config
from hrpn_tf.config.simulation import OpticsConfig
from hrpn_tf.data.levels import Levels, line_of, read_levels, reference_of
from hrpn_tf.data.tissue import block_side, read_tissue
from hrpn_tf.evaluation.baselines.trees import Features, Trees, TreesPlane, fit_trees
from hrpn_tf.evaluation.baselines.vessel_distance import vessel_distance
from hrpn_tf.prediction.anchor import AnchorSums
from hrpn_tf.simulation.phantom import make_image
from hrpn_tf.slides import SlideInfo
from hrpn_tf.slides.normalised import normalised

ROLES = ("vessels", "nuclei")
SPREAD, NOISE, DRAWS = 0.3, 0.1, 200
MIDDLE = 320  # px, side of the part that answers the second question
FIRST = 500  # number of the first slide; none of it is in `hrpn-tf simulate`
Alter = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Image:
    """A channel in memory; see ``hrpn_tf.evaluation.planes.Plane``."""

    pixels: np.ndarray

    @property
    def height(self) -> int:
        """Rows, px."""
        return len(self.pixels)

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.pixels.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.pixels.dtype

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        return self.pixels[y : y + height, x : x + width]


@dataclass(frozen=True)
class Slide:
    """A slide in memory, as far as the measurements of levels read it."""

    pixels: np.ndarray
    pixel_size_um: float

    @property
    def info(self) -> SlideInfo:
        """Description of the slide."""
        names = tuple(str(i) for i in range(self.pixels.shape[2]))
        height, width = self.pixels.shape[:2]
        return SlideInfo(
            Path("simulated"), height, width, names, self.pixels.dtype, self.pixel_size_um
        )

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """A window (height, width, channels)."""
        return self.pixels[y : y + height, x : x + width][..., list(channels)]

    def tissue(self) -> tuple[np.ndarray, int]:
        """Blocks of tissue, and their side in px."""
        config = TissueConfig()
        side = block_side(config.scale_um, self.pixel_size_um)
        return read_tissue(self, [0, 1], side, config), side

    def levels(self) -> dict[str, Levels]:
        """Dark and bright level of the inputs."""
        return read_levels(self, [0, 1], ROLES, *self.tissue())

    def inside(self) -> np.ndarray:
        """(H, W) bool, pixels of tissue."""
        mask, side = self.tissue()
        height, width = self.pixels.shape[:2]
        return mask.repeat(side, 0).repeat(side, 1)[:height, :width]

    def features(self, reference: dict[str, Levels] | None) -> Features:
        """What the trees see, of normalised inputs if there is a reference."""
        inputs = self.pixels[..., :2].astype(np.float32)
        if reference is not None:
            levels = self.levels()
            inputs = normalised(inputs, [line_of(levels[role], reference[role]) for role in ROLES])
        planes = tuple(Image(np.ascontiguousarray(inputs[..., i])) for i in range(2))
        distance = vessel_distance(planes[0], self.pixel_size_um, "logarithmic")
        return Features(planes, distance, self.pixel_size_um)

    @property
    def target(self) -> np.ndarray:
        """(H, W) grey levels."""
        return self.pixels[..., 2].astype(np.float64)


def simulated(number: int, spread: str, side: int) -> Slide:
    """A slide of an animal of its own.

    Args:
        number: of the animal.
        spread: "none", "dose" or "all", what differs between animals.
        side: of the slide, px.
    """
    keys: dict[str, float] = {"height": side, "width": side}
    keys["transport.group_spread"] = SPREAD if spread == "all" else 0.0
    if spread == "dose":
        dose = np.exp(SPREAD * np.random.default_rng((FIRST, number)).standard_normal())
        keys["optics.target_level"] = OpticsConfig().target_level * float(dose)
    config = load_config(overrides=[f"simulation.{k}={v}" for k, v in keys.items()]).simulation
    return Slide(make_image(config, FIRST + number, FIRST + number), config.pixel_size_um)


def r2(true: np.ndarray, predicted: np.ndarray) -> float:
    """Coefficient of determination over all pixels."""
    return 1 - float(((predicted - true) ** 2).sum() / ((true - true.mean()) ** 2).sum())


def predict(trees: Trees, slide: Slide, reference: dict[str, Levels] | None = None) -> np.ndarray:
    """(H, W) predicted grey levels of a slide."""
    plane = TreesPlane(trees, slide.features(reference))
    return plane.read(0, 0, plane.height, plane.width)


def anchor(trees: Trees, tests: Sequence[Slide]) -> list[str]:
    """Rows of the table of the first question."""
    random, rows = np.random.default_rng(0), []
    whole: list[list[float]] = []
    for number, slide in enumerate(tests):
        true, predicted, inside = slide.target, predict(trees, slide), slide.inside()
        sums = AnchorSums(int(inside.sum()), float(predicted[inside].sum()), None, 0.0)
        measured = true[inside].mean() * (1 + NOISE * random.standard_normal(DRAWS))
        scaled = [r2(true, predicted * sums.factor(float(mean))) for mean in measured]
        best = float(np.corrcoef(true.ravel(), predicted.ravel())[0, 1] ** 2)
        exact = r2(true, predicted * sums.factor(float(true[inside].mean())))
        values = [r2(true, predicted), float(np.mean(scaled)), exact, best]
        whole.append(values)
        rows.append(f"| {number + 1} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    means = np.mean(whole, axis=0)
    rows.append("| **mean** | " + " | ".join(f"{value:.3f}" for value in means) + " |")
    return rows


def shifts() -> dict[str, Alter]:
    """Changes of the inputs, clipped as by a camera of 8 bits."""

    def camera(image: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(image), 0, 255).astype(np.uint8)

    def by(*factors: float) -> Alter:
        return lambda image: camera(image * np.array(factors))

    def gamma(power: float) -> Alter:
        return lambda image: camera(255.0 * (image / 255.0) ** power)

    return {
        "gain x0.5": by(0.5),
        "gain x1.5": by(1.5),
        "gain x2": by(2.0),
        "background +10": lambda image: camera(image + 10.0),
        "vessels bleached to half": by(0.5, 1.0),
        "nuclei bleached to half": by(1.0, 0.5),
        "gamma 0.8": gamma(0.8),
        "gamma 1.25": gamma(1.25),
    }


def altered(slide: Slide, alter: Alter) -> Slide:
    """The slide with other inputs."""
    pixels = slide.pixels.copy()
    pixels[..., :2] = alter(pixels[..., :2].astype(np.float64))
    return Slide(pixels, slide.pixel_size_um)


def normalisation(training: Sequence[Slide], plain: Trees, tests: Sequence[Slide]) -> list[str]:
    """Rows of the table of the second question."""
    reference = reference_of([slide.levels() for slide in training], ROLES)
    trees = fit_trees([(each.features(reference), Image(each.target)) for each in training])

    def median(alter: Alter | None, model: Trees, levels: dict[str, Levels] | None) -> float:
        slides = tests if alter is None else [altered(slide, alter) for slide in tests]
        found = []
        for slide in slides:
            plane = TreesPlane(model, slide.features(levels))
            y, x = ((side - MIDDLE) // 2 for side in (plane.height, plane.width))
            predicted = plane.read(y, x, MIDDLE, MIDDLE)
            found.append(r2(slide.target[y : y + MIDDLE, x : x + MIDDLE], predicted))
        return float(np.median(found))

    usual = median(None, plain, None), median(None, trees, reference)
    rows = [f"| none | {usual[0]:.3f} | | {usual[1]:.3f} | |"]
    for name, alter in shifts().items():
        found = median(alter, plain, None), median(alter, trees, reference)
        shares = [value / before for value, before in zip(found, usual, strict=True)]
        rows.append(
            f"| {name} | {found[0]:.3f} | {shares[0]:.2f} | {found[1]:.3f} | {shares[1]:.2f} |"
        )
    return rows


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--animals", type=int, default=10)
    parser.add_argument("--side", type=int, default=512, help="of a slide, px")
    parser.add_argument("--spread", choices=["dose", "all"], default="dose")
    parser.add_argument("--only", choices=["anchor", "normalisation"], help="one of the questions")
    given = parser.parse_args()
    half = given.animals // 2
    print(f"{half} of {given.animals} animals train, slides of {given.side} px\n")

    def cohort(spread: str) -> tuple[list[Slide], list[Slide], Trees]:
        slides = [simulated(i, spread, given.side) for i in range(given.animals)]
        training = slides[:half]
        trees = fit_trees([(each.features(None), Image(each.target)) for each in training])
        return training, slides[half:], trees

    if given.only != "normalisation":
        _, tests, trees = cohort(given.spread)
        print("| animal | R² | R², anchor known to 10 % | R², anchor exact | r² |")
        print("|---|--:|--:|--:|--:|")
        print("\n".join(anchor(trees, tests)), flush=True)
    if given.only == "anchor":
        return
    training, tests, trees = cohort("none")
    print("\n| inputs | R², as stored | share | R², normalised | share |")
    print("|---|--:|--:|--:|--:|")
    print("\n".join(normalisation(training, trees, tests)))


if __name__ == "__main__":
    main()
