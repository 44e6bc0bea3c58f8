"""Memory while reading and writing does not grow with the slide."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from hrpn_tf.slides import open_slide

MEMORY = """
import sys, threading, time
from pathlib import Path
import imagecodecs, numpy as np, psutil, tifffile, zarr
from hrpn_tf.slides import SlideWriter, iter_windows, open_slide
from hrpn_tf.slides.description import SlideDescription
from hrpn_tf.slides.tiff.writer import write_ome_tiff
from hrpn_tf.slides.zarr.reader import OmeZarrSlide
from hrpn_tf.slides.zarr.writer import finish_ome_zarr
from hrpn_tf.slides.zarr.planes import ZarrPlanes

path, side, how = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
block = np.random.default_rng(0).poisson(100, (512, 512, 1)).astype(np.uint16)
process = psutil.Process()
start, peak, running = process.memory_info().rss, 0, True

def watch():
    global peak
    while running:
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.005)

def through_zarr(version):
    description = SlideDescription(side, side, ("a",), block.dtype, None, {})
    planes = ZarrPlanes.create(
        path / "0", description, block=(512, 512), chunk=(256, 256), version=version
    )
    for y, x, h, w in iter_windows(side, side, 512):
        planes.write(y, x, block[:h, :w])
    finish_ome_zarr(path, description, version)
    write_ome_tiff(path / "a.tif", planes, description)

watcher = threading.Thread(target=watch)
watcher.start()
if how == "writer":
    with SlideWriter(path, height=side, width=side, channels=["a"], dtype="uint16",
                     pixel_size_um=None, provenance={}) as writer:
        for y, x, h, w in iter_windows(side, side, 512):
            writer.write(y, x, block[:h, :w])
else:
    through_zarr(how)
with open_slide(path) if how == "writer" else OmeZarrSlide(path, 8 * 2**20) as slide:
    for y, x, h, w in iter_windows(side, side, 512):
        assert (slide.read(y, x, h, w, [0]) == block[:h, :w]).all()
running = False
watcher.join()
print(start / 2**20, peak / 2**20)
"""


def measured(path: Path, side: int, how: str) -> tuple[float, float]:
    """Resident MiB of a process before it writes and reads a slide, and at its peak.

    With one arena, so that what is measured is what is in use, not how the threads' arenas fill up.
    """
    found = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path), str(side), how],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},
    )
    before, peak = map(float, found.stdout.split())
    return before, peak


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["tif", "zarr"])
def test_memory_does_not_grow_with_the_slide(tmp_path: Path, suffix: str) -> None:
    """A slide of 288 MB is written and read within its 128 MiB of cached tiles and a little."""
    before, peak = measured(tmp_path / f"a.{suffix}", 12_000, "writer")
    assert peak - before < 200


@pytest.mark.slow
@pytest.mark.parametrize("version", [pytest.param("0.4", marks=pytest.mark.nightly), "0.5"])
def test_memory_of_zarr_planes_is_that_of_a_small_slide(tmp_path: Path, version: str) -> None:
    """Written in blocks, finished, made an OME-TIFF and read: 16 times the pixels take the same.

    The large slide has 191 MiB. 32 MiB are left for blocks that threads hold at once, whose number
    depends on what else the processor does.
    """
    _, small = measured(tmp_path / "small", 2_500, version)
    _, large = measured(tmp_path / "large", 10_000, version)
    assert large < small + 32


@pytest.mark.filterwarnings("ignore:.*truncating ImageJ file")
@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "metadata": {"axes": "CYX"}},  # beyond 4 GiB, ImageJ describes one page
        {"bigtiff": True, "metadata": None, "photometric": "minisblack"},
    ],
    ids=["imagej", "plain"],
)
def test_uncompressed_file_larger_than_memory(
    tmp_path: Path,
    options: dict[str, Any],
    memory_grows_less_than: Callable[[int], AbstractContextManager[None]],
) -> None:
    """5 GB, most of it a hole in the file, so that only the last pixels take place on the disk."""
    path = tmp_path / "huge.tif"
    tifffile.imwrite(path, shape=(3, 41_000, 41_000), dtype="uint8", **options)
    with path.open("r+b") as file, tifffile.TiffFile(path) as tif:
        file.seek(tif.series[0].dataoffset + 3 * 41_000**2 - 2)
        file.write(b"\x07\x09")
    with memory_grows_less_than(50_000_000), open_slide(path) as slide:
        assert (slide.info.height, slide.info.width) == (41_000, 41_000)
        found = slide.read(40_000, 40_000, 1000, 1000, [2, 0])
    np.testing.assert_array_equal(found[-1, -2:], [[7, 0], [9, 0]])
