"""How long does the web page of a bundle take to start, and for the first 512 px of a slide?

The page is opened from the disk in Chromium without a window, on WebAssembly in one thread, and on
a slide that is larger than a block, so that a block is predicted with its whole halo. Prints a line
for each repetition, and the medians. With a slide, the page also predicts all of it, and what it
downloads is compared with ``hrpn-tf predict``::

    python benchmarks/experiments/web_page.py BUNDLE --repeats 5 --slide SLIDE
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 2048  # of the slide, px


def write_slide(path: Path, channels: tuple[str, ...], pixel_size_um: float) -> None:
    """A slide of random pixels; their values do not change the time."""
    import tifffile

    pixels = np.random.default_rng(0).integers(0, 256, (len(channels), SIDE, SIDE), np.uint8)
    metadata = {"axes": "CYX", "Channel": {"Name": list(channels)}}
    for axis in "XY":
        metadata |= {f"PhysicalSize{axis}": pixel_size_um, f"PhysicalSize{axis}Unit": "µm"}
    tifffile.imwrite(path, pixels, tile=(512, 512), photometric="minisblack", metadata=metadata)


def measure(browser: Any, index: Path, slide: Path) -> dict[str, float]:
    """Seconds of one visit: until the network has started, is checked, and has predicted."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(300_000)
    began = time.perf_counter()
    page.goto(f"{index.resolve().as_uri()}#wasm")
    page.evaluate("hrpn.started()")
    found = {"start": time.perf_counter() - began}
    page.set_input_files("#files", [str(slide)])
    page.wait_for_selector("body[data-slide]")
    # one block: the view lies within it
    page.evaluate(
        """() => {
            const image = hrpn.viewer.world.getItemAt(0), viewport = hrpn.viewer.viewport;
            viewport.zoomTo(image.imageToViewportZoom(8), null, true);
            viewport.panTo(image.imageToViewportCoordinates(768, 768), true); }"""
    )
    page.wait_for_timeout(1000)
    began = time.perf_counter()
    page.click("#predict-view")
    page.wait_for_selector("body[data-predicted]")
    found["first 512 px"] = time.perf_counter() - began
    count = page.evaluate("document.body.dataset.predicted")
    if count != "1":
        raise SystemExit(f"{count} blocks were predicted: {page.inner_text('#problem')}")
    page.close()
    return found


def compare(browser: Any, bundle: Path, index: Path, slide: Path, folder: Path) -> str:
    """Predict a slide in the page and by the command, and say how far they are apart."""
    import tifffile

    page = browser.new_page()
    page.set_default_timeout(3_600_000)
    page.goto(f"{index.resolve().as_uri()}#wasm")
    page.evaluate("hrpn.started()")
    page.set_input_files("#files", [str(slide)])
    page.wait_for_selector("body[data-slide]")
    began = time.perf_counter()
    page.click("#predict-all")
    page.wait_for_selector("body[data-predicted]")
    seconds = time.perf_counter() - began
    with page.expect_download() as found:
        page.click("#download")
    found.value.save_as(folder / "page.ome.tif")
    page.close()
    command = [sys.executable, "-m", "hrpn_tf", "predict", "--bundle", str(bundle), str(slide)]
    command += ["--out", str(folder / "command.ome.tif")]
    subprocess.run(command, check=True, capture_output=True)
    ours, theirs = (tifffile.imread(folder / f"{by}.ome.tif") for by in ("page", "command"))
    largest = np.abs(ours - theirs.reshape(ours.shape)).max()
    height, width = ours.shape[-2:]
    return f"{width} x {height} px in {seconds:.1f} s; differ by at most {largest:.2g} grey levels"


def main() -> None:
    """Measure, and print seconds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("bundle", type=Path, help="bundle with the format web")
    parser.add_argument("--repeats", type=int, default=5, help="visits (default: 5)")
    parser.add_argument("--slide", type=Path, help="slide to predict and compare")
    given = parser.parse_args()

    from hrpn_export import open_bundle
    from playwright.sync_api import sync_playwright

    opened = open_bundle(given.bundle)
    index = opened.path / opened.artefact("web", "fp32").path / "index.html"
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if browser is None:
        sys.exit("no Chromium is installed here (Debian: chromium)")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    visits = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        slide = Path(folder) / "random.ome.tif"
        write_slide(slide, opened.contract.inputs, opened.contract.pixel_size_um or 0.5)
        started = driver.chromium.launch(executable_path=browser, args=arguments)
        print(f"{opened.manifest.name}, Chromium {started.version}")
        for number in range(given.repeats):
            visits.append(measure(started, index, slide))
            print(number, *(f"{name} {value:.2f} s" for name, value in visits[-1].items()))
        if given.slide is not None:
            print(compare(started, given.bundle, index, given.slide, Path(folder)))
        started.close()
    for name in visits[0]:
        print(f"median of {name}: {statistics.median(each[name] for each in visits):.2f} s")


if __name__ == "__main__":
    main()
