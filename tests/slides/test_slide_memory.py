"""Memory while reading and writing does not grow with the slide."""

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
import numpy as np, psutil
from hrpn_tf.slides import SlideWriter, iter_windows, open_slide

path, side = Path(sys.argv[1]), int(sys.argv[2])
block = np.random.default_rng(0).poisson(100, (512, 512, 1)).astype(np.uint16)
process = psutil.Process()
start, peak, running = process.memory_info().rss, 0, True

def watch():
    global peak
    while running:
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.005)

watcher = threading.Thread(target=watch)
watcher.start()
with SlideWriter(path, height=side, width=side, channels=["a"], dtype="uint16",
                 pixel_size_um=None, provenance={}) as writer:
    for y, x, h, w in iter_windows(side, side, 512):
        writer.write(y, x, block[:h, :w])
with open_slide(path) as slide:
    for y, x, h, w in iter_windows(side, side, 512):
        assert (slide.read(y, x, h, w, [0]) == block[:h, :w]).all()
running = False
watcher.join()
print((peak - start) / 2**20)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_slide(tmp_path: Path) -> None:
    """A slide of 288 MB is written and read within its 128 MiB of cached tiles and a little."""
    path = tmp_path / "a.tif"
    found = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path), "12000"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(found.stdout) < 200


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
