"""Which network predicts best, if all train on the same slides and the same number of pixels?

    python benchmarks/experiments/study.py --out study                         # simulated slides
    python benchmarks/experiments/study.py --out study --real FOLDER           # and the real fields
    python benchmarks/experiments/study.py --out study --only simulated/ganda  # some pieces

The results are in docs/results/study.md. A piece is one training with its predictions and metrics,
in ``OUT/DATA/runs/NAME-SEED``. Run again after an interruption, it resumes and leaves finished
pieces alone. At the end of each data set ``hrpn-tf compare`` writes ``OUT/DATA/comparison``.
"""

import argparse
import csv
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CONFIGURATION = Path(__file__).with_name("study.yaml")
EPOCHS = 8  # validations per training, whatever its length
REFERENCE = "hrpn-m, mean of 3"


@dataclass(frozen=True)
class Piece:
    """One training on a data set with a seed.

    Attributes:
        name: such as simulated/ganda-1.
        run: folder of the run.
        options: options of ``hrpn-tf fit``.
    """

    name: str
    run: Path
    options: tuple[str, ...]


def main() -> None:
    """Run the chosen pieces that are missing."""
    arguments = _arguments()
    study = yaml.safe_load(arguments.config.read_text(encoding="utf-8"))
    study["scale"] = arguments.scale or study["scale"]
    for name, data in study["data"].items():
        if "simulate" not in data and arguments.real is None:
            continue
        folder = arguments.out / name
        chosen = [p for p in pieces(name, folder, study) if _asked(p.name, arguments.only)]
        if not chosen:
            continue
        store = prepare(folder, data, study, arguments.real)
        for piece in chosen:
            run_piece(piece, store)
        compare(folder, pieces(name, folder, study))


def pieces(name: str, folder: Path, study: dict[str, Any]) -> list[Piece]:
    """All trainings of a data set."""
    return [
        Piece(
            f"{name}/{training}-{seed}",
            folder / "runs" / f"{training}-{seed}",
            tuple(options(study["data"][name], recipe, seed, study)),
        )
        for training, recipe in study["trainings"].items()
        for seed in recipe.get("seeds", [0])
    ]


def options(data: dict[str, Any], recipe: dict[str, Any], seed: int, study: dict[str, Any]) -> list:
    """Options of ``hrpn-tf fit``; the number of steps follows from the pixels to train on."""
    crop, batch = recipe.get("crop", study["crop"]), recipe.get("batch", study["batch"])
    steps = data["pixels"] * study["scale"] / (batch * crop**2)
    ours = [*study["ours"], *data.get("ours", [])] if recipe.get("ours") else []
    values = [
        *data.get("set", []),
        f"data.split.validation=[{','.join(data['validation'])}]",
        f"data.split.test=[{','.join(data['test'])}]",
        f"training.crop={crop}",
        f"training.batch_size={batch}",
        f"training.epochs={EPOCHS}",
        f"training.steps_per_epoch={round(steps / EPOCHS)}",
        f"training.checkpoint_steps={max(round(steps / EPOCHS / 4), 1)}",
        f"training.seed={seed}",
        *ours,
        *recipe.get("set", []),
    ]
    source = ["--config", data["config"]] if "config" in data else []
    return [*source, "--preset", recipe["preset"], *(f"--set={value}" for value in values)]


def prepare(folder: Path, data: dict[str, Any], study: dict[str, Any], real: Path | None) -> Path:
    """Make or list the slides, and cut them into a patch dataset."""
    store = folder / "patches"
    if store.exists():
        return store
    folder.mkdir(parents=True, exist_ok=True)
    sets = [f"--set={value}" for value in data.get("set", [])]
    if "simulate" in data:
        slides = folder / "slides"
        side = round(study["side"] * study["scale"] ** 0.5)
        size = {**data["simulate"], "height": side, "width": side}
        if not slides.exists():
            call(
                "simulate", "--out", slides, *(f"--set=simulation.{k}={v}" for k, v in size.items())
            )
        table = slides / "slides.csv"
    else:
        assert real is not None
        table = folder / "slides.csv"
        fields = sorted(real.resolve().glob("*.ome.tif"))
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["slide", "group"])
            rows.writerows([f, f"field-{f.name.removesuffix('.ome.tif')}"] for f in fields)
    source = ["--config", data["config"]] if "config" in data else []
    call("prepare", table, "--out", store, *source, *sets)
    return store


def run_piece(piece: Piece, store: Path) -> None:
    """Train, predict and evaluate, unless that is done."""
    if (piece.run / "evaluation").exists():
        return
    print(f"== {piece.name}", file=sys.stderr, flush=True)
    done = piece.run / "fitted"
    if not done.exists():
        call("fit", store, "--out", piece.run, *piece.options)
        done.touch()
    call("predict", "--run", piece.run, "--overwrite")
    call("evaluate", "--run", piece.run, "--no-baselines")


def compare(folder: Path, trained: list[Piece]) -> None:
    """Compare the finished pieces of a data set."""
    there = [piece.run for piece in trained if (piece.run / "evaluation").exists()]
    reference = ["--reference", REFERENCE] if there == [piece.run for piece in trained] else []
    call("compare", *there, "--out", folder / "comparison", "--overwrite", *reference)


def call(*arguments: object) -> None:
    """Run one ``hrpn-tf`` command in a new process."""
    command = [sys.executable, "-m", "hrpn_tf.cli.main", *map(str, arguments)]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"study: stopped at: hrpn-tf {' '.join(map(str, arguments))}")


def _asked(name: str, only: list[str]) -> bool:
    return not only or any(name == part or name.startswith(part) for part in only)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("study"), help="folder of all results")
    parser.add_argument("--real", type=Path, help="folder of the real fields, *.ome.tif")
    parser.add_argument("--config", type=Path, default=CONFIGURATION, help="design of the study")
    parser.add_argument("--scale", type=float, help="replaces the scale of the configuration")
    parser.add_argument(
        "--only", nargs="*", default=[], help="names or prefixes of pieces, e.g. simulated/ganda"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
