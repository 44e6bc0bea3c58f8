"""Which learning rate should be the default, for a training or for a fine-tuning?

    hrpn-tf prepare FIELDS --out PATCHES --config dextran
    python benchmarks/experiments/learning_rate.py PATCHES --config dextran --out trainings \
        --steps 2000 --set data.split.validation=[field-05] --set data.split.test=[field-07]

Trains one network with each learning rate and seed, all for the same number of steps, and compares
the validation errors; ``--from`` starts each of them from a trained network. Run again after an
interruption, it resumes.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import hrpn_tf as ht
from hrpn_tf.config import load_config
from hrpn_tf.errors import FinishedRunError
from hrpn_tf.runs import open_run

RATES, SEEDS, EPOCHS = (0.002, 0.006), (0, 1, 2), 16


def main() -> None:
    """Run the trainings that are missing, and print the table."""
    given = _arguments()
    errors = {rate: [_train(given, rate, seed) for seed in given.seeds] for rate in given.rates}
    print("\n".join(table(errors)))


def table(errors: dict[float, Sequence[float]]) -> list[str]:
    """Lines of a Markdown table.

    Args:
        errors: validation MSE of each seed, by learning rate; the first rate is compared with.
    """
    first, *_ = errors.values()
    lines = [
        "| learning rate | validation MSE of each seed | mean "
        "| ratio to the first row, by seed: geometric mean (range) |",
        "| ---: | --- | ---: | --- |",
    ]
    for rate, values in errors.items():
        ratios = [value / other for value, other in zip(values, first, strict=True)]
        middle = math.exp(sum(map(math.log, ratios)) / len(ratios))
        each = ", ".join(f"{value:.2f}" for value in values)
        mean = sum(values) / len(values)
        lines.append(
            f"| {rate:g} | {each} | {mean:.2f} "
            f"| {middle:.3f} ({min(ratios):.3f} to {max(ratios):.3f}) |"
        )
    return lines


def _train(given: argparse.Namespace, rate: float, seed: int) -> float:
    """Lowest validation MSE of one training."""
    config = load_config(
        given.config,
        [
            f"training.optimizer.learning_rate={rate}", f"training.seed={seed}",
            f"training.epochs={EPOCHS}", "training.steps_per_epoch=null",
            f"training.steps={given.steps}", "training.early_stopping=null",
            "training.pictures_every=0", *given.set,
        ],
    )  # fmt: skip
    run = given.out / f"rate-{rate:g}-seed-{seed}"
    try:
        ht.fit(
            given.patches, run, config, preset=given.preset, start=given.origin, twin=False,
            progress=True,
        )  # fmt: skip
    except FinishedRunError:
        print(f"{run}: is trained already")
    return min(float(row["val_mse"]) for row in open_run(run).history)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("patches", type=Path, help="patch dataset")
    add("--out", type=Path, required=True, help="folder of the trainings")
    add("--config", help="recipe or configuration file")
    add("--preset", help="default: that of the configuration")
    add("--from", dest="origin", help="network that each training starts from")
    add("--rates", type=float, nargs="+", default=RATES)
    add("--seeds", type=int, nargs="+", default=SEEDS)
    add("--steps", type=int, default=2000, help="of each training")
    add("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
