"""How fast do the pages of a report open in a browser, and how large is the report?

    python benchmarks/experiments/report_page.py  # 50 slides of 1024 px
    python benchmarks/experiments/report_page.py --slides 1 --side 20000 --megapixels 400

Makes slides of smoothed noise with an artificial prediction, evaluates them (without SSIM, which
takes longest), writes their report, and opens it from the disk with Chromium (Debian's
`chromium`). No network is trained.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from hrpn_tf.config import load_config, to_yaml
from hrpn_tf.evaluation import ChannelPlane, CompareSettings, Evaluation, SlideMetrics, compare
from hrpn_tf.evaluation.baselines.baselines import MODEL
from hrpn_tf.slides import open_slide, write_slide
from hrpn_tf.workflows.report.options import MEGAPIXELS, ReportOptions
from hrpn_tf.workflows.report.report import report_run

BLOCK = 1024  # px of noise that a slide repeats


def main() -> None:
    """Run the benchmark."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="hrpn-report-", dir=options.folder))
    try:
        run = _make_run(folder, options.slides, options.side)
        start = time.perf_counter()
        shown = ReportOptions(slide_list=folder / "slides.yaml", megapixels=options.megapixels)
        reported = report_run(run, options=shown)
        seconds = time.perf_counter() - start
        pixels = options.slides * options.side**2
        print(
            f"report of {options.slides} slides of {options.side} x {options.side} px: "
            f"{seconds:.0f} s, {pixels / seconds / 1e6:.1f} Mpx/s; page "
            f"{reported.page.stat().st_size / 1e6:.1f} MB, tiles "
            f"{reported.tile_bytes / 1e6:.0f} MB ({reported.tile_bytes / pixels:.1f} bytes per px)"
        )
        slide = next((reported.page.parent / "slides").glob("*.html"))
        for name, page, ready in (
            ("first page", reported.page, "() => [...document.images].every((i) => i.complete)"),
            ("page of a slide", slide, "() => document.getElementById('image').dataset.drawn"),
        ):
            times = _open(page, ready, options.rounds)
            print(
                f"{name}: {statistics.median(times):.2f} s (median of {options.rounds}, "
                f"{min(times):.2f} to {max(times):.2f})"
            )
    finally:
        shutil.rmtree(folder)


def _make_run(folder: Path, count: int, side: int) -> Path:
    """A run folder with predicted and evaluated slides."""
    run = folder / "run"
    run.mkdir()
    (run / "hrpn.yaml").write_text(to_yaml(load_config()), encoding="utf-8")
    groups = [f"animal-{number}" for number in range(count)]
    parts = {"train": [], "validation": [], "test": groups}
    split = {name: {"groups": part, "slides": part} for name, part in parts.items()}
    (run / "split.json").write_text(json.dumps(split), encoding="utf-8")
    entries = []
    for number, group in enumerate(groups):
        image = _noise(number, side)
        path = folder / f"slide-{number:03d}.ome.tif"
        write_slide(path, image, channels=("vessels", "nuclei", "qd"), pixel_size_um=0.5,
                    provenance={})  # fmt: skip
        prediction = image[..., 2:].astype(np.float32) * np.float32(0.9)
        write_slide(run / "predictions" / path.name, prediction, channels=("qd",),
                    pixel_size_um=0.5, provenance={})  # fmt: skip
        entries.append({"slide": path.name, "group": group})
    (folder / "slides.yaml").write_text(json.dumps(entries), encoding="utf-8")
    _evaluate(run, [folder / entry["slide"] for entry in entries], groups)
    return run


def _evaluate(run: Path, slides: list[Path], groups: list[str]) -> None:
    """Write ``metrics.json``."""
    settings = CompareSettings(peak=255.0, rounded=False, ssim=False)
    found = []
    for path, group in zip(slides, groups, strict=True):
        with open_slide(path) as slide, open_slide(run / "predictions" / path.name) as predicted:
            sums = compare(ChannelPlane(predicted, 0), ChannelPlane(slide, 2), None, settings)
        name = path.name.removesuffix(".ome.tif")
        found.append(SlideMetrics(name, group, "test", {MODEL: sums}))
    evaluation = Evaluation(tuple(found), 255.0, 0.0, "uint8", None)
    (run / "evaluation").mkdir()
    (run / "evaluation" / "metrics.json").write_text(
        json.dumps(evaluation.to_json()), encoding="utf-8"
    )


def _noise(seed: int, side: int) -> np.ndarray:
    """(side, side, 3) uint8."""
    random = np.random.default_rng(seed)
    block = min(side, BLOCK)
    planes = [
        gaussian_filter(random.gamma(0.05, 900, (block, block)), 4, mode="wrap")
        + random.normal(0, 1, (block, block))
        for _ in range(3)
    ]
    pixels = np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
    times = -(-side // block)
    return np.tile(pixels, (times, times, 1))[:side, :side]


def _open(page: Path, ready: str, rounds: int) -> list[float]:
    """Times until a page is complete, s, each in a new browser."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    times = []
    with sync_playwright() as driver:
        for _ in range(rounds):
            browser: Any = driver.chromium.launch(executable_path=chromium, args=arguments)
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            start = time.perf_counter()
            tab.goto(page.resolve().as_uri())
            tab.wait_for_function(ready)
            times.append(time.perf_counter() - start)
            browser.close()
    return times


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--slides", type=int, default=50, help="number of slides")
    add("--side", type=int, default=1024, help="side of a slide, px")
    add("--megapixels", type=float, default=MEGAPIXELS, help="largest image of a slide")
    add("--rounds", type=int, default=5, help="how often each page is opened")
    add("--folder", type=Path, help="working folder  [the system's temporary folder]")
    return parser.parse_args()


if __name__ == "__main__":
    main()
