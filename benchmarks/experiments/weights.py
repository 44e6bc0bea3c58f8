"""How are the weights made that come with the package?

Trains on simulated slides, evaluates on others, packs and registers. Hours for each network. Run
again after an interruption, it resumes.

    python benchmarks/experiments/weights.py --out build/weights
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import hrpn_tf as ht
from hrpn_tf.config import Config, load_config
from hrpn_tf.errors import FinishedRunError
from hrpn_tf.weights import WeightsEntry
from hrpn_tf.weights.catalogue import REGISTRY, package_folder, write_registry
from hrpn_tf.workflows.pack_weights import Packing, pack_weights, register
from hrpn_tf.workflows.streaming import SimulatedSlides

PRESETS = {"hrpn-s-sim": "hrpn-s", "hrpn-m-sim": "hrpn-m"}
PIXEL_SIZES_UM = (0.25, 1.0)  # whose blur the recipe covers
_TEST_SEED = 1  # more than that of the training


@dataclass(frozen=True)
class Amounts:
    """Number of slides.

    Attributes:
        training, validation: simulated while the network trains.
        test: simulated with another seed; at least 2.
    """

    training: int = 120
    validation: int = 12
    test: int = 8


def make(name: str, out: Path, root: Path, config: Config, amounts: Amounts) -> WeightsEntry:
    """Make the weights of one name, as far as they are not made yet.

    Args:
        name: one of ``PRESETS``.
        out: folder of patches, runs and test slides.
        root: folder of the registry and of all weights.
        config: recipe.
        amounts: of slides.
    """
    preset, run = PRESETS[name], out / "runs" / name
    simulate = SimulatedSlides(amounts.training, amounts.validation)
    try:
        ht.fit(out / "patches", run, config, preset=preset, simulate=simulate, progress=True)
    except FinishedRunError:
        print(f"{run}: is trained already")
    seed = config.simulation.seed + _TEST_SEED
    sizes = {"simulation.seed": seed, "simulation.slides": amounts.test}
    ht.simulate(out / "test", load_config(config, {**sizes, "simulation.groups": amounts.test}))
    slides = out / "test" / "slides.csv"
    ht.predict(run, slides)
    ht.evaluate(run, slides, overwrite=True)
    packing = Packing(
        f"{preset}: nanoparticles from vessels and nuclei, trained on simulated slides",
        pixel_sizes_um=PIXEL_SIZES_UM,
        simulated=True,
    )
    pack_weights(run, name, root, packing, overwrite=True)
    if not (root / REGISTRY).is_file():
        write_registry(root, {})
    return register(root, name)


def main() -> None:
    """Make the weights of each name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of patches and runs")
    parser.add_argument("--root", type=Path, default=package_folder(), help="folder of all weights")
    parser.add_argument("--name", action="append", choices=PRESETS, help="default: all")
    parser.add_argument("--config", default="weights", help="recipe or configuration file")
    parser.add_argument("--slides", type=int, default=Amounts.training)
    parser.add_argument("--validation", type=int, default=Amounts.validation)
    parser.add_argument("--test", type=int, default=Amounts.test)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    config = load_config(given.config, given.set)
    amounts = Amounts(given.slides, given.validation, given.test)
    for name in given.name or PRESETS:
        entry = make(name, given.out, given.root, config, amounts)
        figures = ", ".join(f"{key} {value:.4g}" for key, value in entry.figures.items())
        print(f"{given.root / name}: {entry.bytes / 1e6:.1f} MB; {figures}")


if __name__ == "__main__":
    main()
