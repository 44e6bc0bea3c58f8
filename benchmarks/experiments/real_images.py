"""How well is a tracer predicted on real images, leaving out one field at a time?

Runs the usual commands with the shipped recipe ``dextran``, one fold per field, and pools the
held-out predictions. The metrics are computed here with scikit-learn and SciPy from the written
files, as a check of ``hrpn-tf evaluate``. Run again after an interruption, it resumes.

    python benchmarks/experiments/real_images.py --data FOLDER --out experiments/dextran
"""

import argparse
import csv
import json
import subprocess
import time
from pathlib import Path

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from hrpn_tf.config import load_config

SMOOTHING_PX = 2.0


def main() -> None:
    """Run the folds that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of *.ome.tif fields")
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and results")
    parser.add_argument("--config", default="dextran", help="recipe or configuration file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="change one value of the configuration",
    )
    options = parser.parse_args()

    fields = sorted(options.data.resolve().glob("*.ome.tif"))
    if len(fields) < 3:
        parser.error(f"{options.data}: leave-one-out takes at least 3 fields, found {len(fields)}")
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = ["--config", options.config, *(f"--set={text}" for text in options.set)]
    store = prepare(fields, options.out, chosen)
    seconds = [run_fold(k, field, store, options.out, chosen) for k, field in enumerate(fields)]
    target = load_config(options.config, options.set).data
    channel = target.channels.get(target.target, target.target)
    report = pool(fields, options.out, str(channel)) | {"fold_seconds": seconds}
    (options.out / "result.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    show(report)


def prepare(fields: list[Path], out: Path, chosen: list[str]) -> Path:
    """Cut all fields into one patch dataset, with one group per field."""
    store = out / "store"
    if not store.exists():
        with (out / "slides.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["slide", "group"])
            rows.writerows([field, field_name(field)] for field in fields)
        call("prepare", out / "slides.csv", "--out", store, *chosen)
    return store


def run_fold(k: int, field: Path, store: Path, out: Path, chosen: list[str]) -> float:
    """Train without field k and without the next, which selects the checkpoint; predict field k."""
    took = out / f"fold-{k}.seconds"
    if not took.exists():
        started = time.perf_counter()
        run, prediction = out / f"fold-{k}", predicted_path(out, field)
        if not (run / "done").exists():
            call("fit", store, "--out", run, "--no-twin", *chosen, f"--set=data.split.fold={k}")
            (run / "done").touch()
        call("predict", field, "--run", run, "--out", prediction, "--overwrite")
        took.write_text(f"{time.perf_counter() - started:.1f}", encoding="utf-8")
    return float(took.read_text(encoding="utf-8"))


def pool(fields: list[Path], out: Path, channel: str) -> dict:
    """R2 and Pearson's r over all pixels of all held-out fields, and R2 of each field."""
    pairs = [(read(field, channel), read(predicted_path(out, field), None)) for field in fields]
    smoothed = [tuple(gaussian_filter(p, SMOOTHING_PX) for p in pair) for pair in pairs]
    report: dict = {"smoothing_px": SMOOTHING_PX}
    for name, images in (("raw", pairs), ("smoothed", smoothed)):
        truth, prediction = (np.concatenate([pair[i].ravel() for pair in images]) for i in (0, 1))
        report[name] = {
            "r2": r2_score(truth, prediction),
            "pearson_r": float(pearsonr(truth, prediction).statistic),
            "r2_by_field": {
                field_name(field): r2_score(pair[0].ravel(), pair[1].ravel())
                for field, pair in zip(fields, images, strict=True)
            },
        }
    return report


def read(path: Path, channel: str | None) -> np.ndarray:
    """One channel (H, W) of an OME-TIFF as float64; the only channel if ``channel`` is None."""
    with tifffile.TiffFile(path) as file:
        planes = file.series[0].asarray()
        names = [c["Name"] for c in _channels(file)]
    return (planes if planes.ndim == 2 else planes[names.index(str(channel))]).astype(np.float64)


def _channels(file: tifffile.TiffFile) -> list[dict]:
    pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    channels = pixels["Channel"]
    return channels if isinstance(channels, list) else [channels]


def show(report: dict) -> None:
    """Print the table of docs/results/real-images.md."""
    print(f"{'':12}{'raw R2':>10}{'smoothed R2':>13}")
    raw, smoothed = report["raw"], report["smoothed"]
    for name, value in raw["r2_by_field"].items():
        print(f"{name:12}{value:10.3f}{smoothed['r2_by_field'][name]:13.3f}")
    print(f"{'pooled':12}{raw['r2']:10.3f}{smoothed['r2']:13.3f}")
    print(f"Pearson r: {raw['pearson_r']:.3f} raw, {smoothed['pearson_r']:.3f} smoothed")
    print(f"{sum(report['fold_seconds']) / 60:.1f} minutes for all folds")


def call(*arguments: object) -> None:
    """Run one ``hrpn-tf`` command."""
    subprocess.run(["hrpn-tf", *map(str, arguments)], check=True)


def field_name(field: Path) -> str:
    """The group of a field."""
    return f"field-{field.name.removesuffix('.ome.tif')}"


def predicted_path(out: Path, field: Path) -> Path:
    """The path of the prediction of a field."""
    return out / "predictions" / field.name


if __name__ == "__main__":
    main()
