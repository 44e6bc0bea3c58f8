"""How well are the permeabilities of simulated vessels found again?

Simulates a cohort (unless the folder holds it), fits each slide as `hrpn-tf permeability` does,
with the vessels that it finds or with the true ones, and compares each vessel with the mean
permeability of its true wall. The absolute scale cannot be known, so one factor per slide is taken
out: the median ratio of the leaky vessels. Prints a table in Markdown.

    python benchmarks/experiments/permeability.py COHORT --vessels found
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.stats import spearmanr

from hrpn_tf.config import Config, load_config
from hrpn_tf.evaluation.permeability.result import FittedSlide
from hrpn_tf.simulation.cohort import SLIDE_LIST, TRUTH, simulate_cohort
from hrpn_tf.slides import open_slide
from hrpn_tf.untrusted import read_json
from hrpn_tf.workflows.permeability.options import PermeabilityOptions
from hrpn_tf.workflows.permeability.permeability import opened_section
from hrpn_tf.workflows.permeability.slide_fit import FitSettings, fit_slide

LEAST_OVERLAP = 0.5  # share of a found vessel that is true; others have no true permeability


@dataclass(frozen=True)
class Compared:
    """Vessels of a slide; arrays are (vessels,).

    Attributes:
        true: mean permeability of the wall, cm/s; NaN where the vessel is no true one.
        fitted: the slide.
        length_um: nominal diffusion length.
    """

    true: np.ndarray
    fitted: FittedSlide
    length_um: float

    @property
    def leaky(self) -> np.ndarray:
        """Vessels that leak in truth and are fitted."""
        found: np.ndarray = (self.true > 0) & np.isfinite(self.fitted.vessels.flow)
        return found

    def errors(self) -> np.ndarray:
        """Decades between fitted and true of the leaky vessels; infinite where 0 was fitted."""
        with np.errstate(divide="ignore"):
            ratio = np.log10(self.fitted.vessels.flow[self.leaky] / self.true[self.leaky])
        found: np.ndarray = ratio - np.median(ratio)
        return found

    def spearman(self) -> float:
        """Rank correlation of the leaky vessels."""
        return float(spearmanr(self.fitted.vessels.flow[self.leaky], self.true[self.leaky])[0])

    def covered(self) -> np.ndarray:
        """Whether the interval of each vessel holds the true value, times the slide's factor."""
        found = self.fitted.vessels
        shown = self.leaky & (found.lower > 0)
        factor = np.median(found.flow[shown] / self.true[shown])
        inside: np.ndarray = (self.true * factor >= found.lower) & (
            self.true * factor <= found.upper
        )
        return inside


def main() -> None:
    """Print the agreement with the truth."""
    parser = argparse.ArgumentParser(
        description="How well are the permeabilities of simulated vessels found again?"
    )
    parser.add_argument("cohort", type=Path, help="folder of simulated slides; made if missing")
    parser.add_argument("--vessels", choices=("found", "true"), default="found")
    parser.add_argument("--slides", type=int, default=6)
    parser.add_argument("--side", type=int, default=1536, help="px")
    parser.add_argument("--seed", type=int, default=160)
    arguments = parser.parse_args()
    sizes = {"slides": arguments.slides, "groups": arguments.slides, "seed": arguments.seed}
    sizes |= {"height": arguments.side, "width": arguments.side}
    config = load_config({"simulation": sizes})
    if not (arguments.cohort / SLIDE_LIST).is_file():
        simulate_cohort(config.simulation, arguments.cohort)
    print(*table_head(), sep="\n")
    every = []
    for slide in sorted(arguments.cohort.glob("*.ome.tif")):
        every.append(compare(slide, config, arguments.vessels))
        print(row(slide.name.removesuffix(".ome.tif"), [every[-1]]), flush=True)
    print(row("all", every))


def compare(slide: Path, config: Config, vessels: str) -> Compared:
    """Fit a slide and look up the truth."""
    name = slide.name.removesuffix(".ome.tif")
    truth = slide.parent / TRUTH
    mask = str(truth / f"{name}.vessels.ome.tif") if vessels == "true" else None
    options = PermeabilityOptions(vessel_mask=mask)
    with tempfile.TemporaryDirectory() as folder:
        opened = opened_section(slide, config, options, Path(folder))
        with opened as (section, source):
            fitted = fit_slide(section, FitSettings(config.data.target, source, None, None))
            labels = section.vessels.labels
            numbers = labels.read(0, 0, labels.height, labels.width)
    true = true_permeability(numbers, len(fitted.vessels.flow), truth, name)
    report = read_json(truth / f"{name}.json", ValueError)
    return Compared(true, fitted, report["parameters"]["diffusion_length_um"])


def true_permeability(labels: np.ndarray, count: int, truth: Path, name: str) -> np.ndarray:
    """Mean permeability of the true outline within each vessel, (vessels,), cm/s."""
    images = []
    for kind in ("vessels", "permeability"):
        with open_slide(truth / f"{name}.{kind}.ome.tif") as opened:
            images.append(opened.read(0, 0, *labels.shape, [0])[..., 0])
    real, permeability = images[0] > 0, images[1]
    outline = real & (ndimage.minimum_filter(real, 3) == 0)
    every = np.arange(1, count + 1)
    share = ndimage.mean(real, labels, every)
    mean = ndimage.sum(permeability * outline, labels, every) / np.maximum(
        ndimage.sum(outline, labels, every), 1
    )
    found: np.ndarray = np.where(share >= LEAST_OVERLAP, mean, np.nan)
    return found


def table_head() -> list[str]:
    """Of the table."""
    head = ["slide", "vessels", "leaky", "shown to leak", "Spearman", "error, decades",
            "coverage, leaky", "coverage, tight", "L fitted, µm", "L nominal, µm",
            "explained"]  # fmt: skip
    return [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]


def row(name: str, slides: list[Compared]) -> str:
    """Of one slide, or of all: medians over slides for ranks and lengths, the rest pooled."""
    errors = np.abs(np.concatenate([each.errors() for each in slides]))
    covered = np.concatenate([each.covered() for each in slides])
    leaky = np.concatenate([each.leaky for each in slides])
    tight = np.concatenate([each.true == 0 for each in slides])
    shown = np.concatenate([each.fitted.leaky for each in slides])
    tight &= np.concatenate([np.isfinite(each.fitted.vessels.flow) for each in slides])
    cells = [
        name,
        f"{len(leaky)}",
        f"{leaky.sum()}",
        f"{(leaky & shown).sum()} of {shown.sum()}",
        f"{np.median([each.spearman() for each in slides]):.2f}",
        f"{np.median(errors):.2f}",
        f"{covered[leaky].mean():.3f}",
        f"{covered[tight].mean():.3f}",
        f"{np.median([each.fitted.length.um for each in slides]):.1f}",
        f"{np.median([each.length_um for each in slides]):.1f}",
        f"{np.median([each.fitted.explained for each in slides]):.3f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
