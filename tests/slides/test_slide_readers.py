"""The registry of readers: built in, and by others."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides import open_slide, readers
from hrpn_tf.slides.readers import BUILT_IN

NPY_READER = """
from pathlib import Path
import numpy as np
from hrpn_tf.slides import SlideInfo

name = "NumPy array"

def recognises(path: Path) -> bool:
    return path.suffix in (".npy", ".tif") and path.read_bytes()[:6] == b"\\x93NUMPY"

class open:
    def __init__(self, path, cache_bytes):
        self.pixels = np.load(path, mmap_mode="r")
        self.cache_bytes = cache_bytes
        h, w, c = self.pixels.shape
        names = tuple(f"array {i}" for i in range(c))
        self.info = SlideInfo(path, h, w, names, self.pixels.dtype, None, format=name)
    def read(self, y, x, height, width, channels, level=0):
        return self.pixels[y:y + height, x:x + width][..., list(channels)]
    def close(self): pass
    def __enter__(self): return self
    def __exit__(self, *error): pass
"""

FAILING = """
name = "greedy"
def recognises(path):
    if path.name == "ask.tif":
        raise RuntimeError("no\\nanswer")
    return True
def open(path, cache_bytes):
    raise RuntimeError("boom")
"""


def install(folder: Path, distribution: str, modules: dict[str, str], points: str) -> None:
    """Lay a distribution out as pip does."""
    folder.mkdir(exist_ok=True)
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    information = folder / f"{distribution}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n"
    )
    (information / "entry_points.txt").write_text(f"[hrpn_tf.slide_readers]\n{points}\n")


def in_process(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script where the distributions in a folder are installed."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{script}"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_reader_of_another_distribution(tmp_path: Path) -> None:
    install(tmp_path / "site", "npyslides", {"npyslides": NPY_READER}, "npy = npyslides")
    array = np.arange(24, dtype=np.uint8).reshape(3, 4, 2)
    for name in ("a.npy", "b.tif"):  # others are asked first, whatever the name
        with (tmp_path / name).open("wb") as file:
            np.save(file, array)
    tifffile.imwrite(tmp_path / "c.tif", array[..., 0])
    done = in_process(
        tmp_path / "site",
        "from hrpn_tf.slides import open_slide\n"
        f"for name in ('a.npy', 'b.tif', 'c.tif'):\n"
        f"    with open_slide({str(tmp_path)!r} + '/' + name, 1000) as slide:\n"
        "        info, pixels = slide.info, slide.read(1, 2, 1, 2, [0]).ravel()\n"
        "        print(info.format, info.channels, pixels, getattr(slide, 'cache_bytes', None))\n",
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "NumPy array ('array 0', 'array 1') [12 14] 1000",
        "NumPy array ('array 0', 'array 1') [12 14] 1000",
        "TIFF ('0',) [12 14] None",
    ]


def test_readers_that_fail_are_named_and_hide_nothing(tmp_path: Path) -> None:
    install(
        tmp_path / "site",
        "broken",
        {"greedy": FAILING, "unfinished": "name = 'x'\nrecognises = open = None"},
        "gone = no_such_module\ngreedy = greedy\nunfinished = unfinished",
    )
    for name in ("ask.tif", "open.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((4, 5), np.uint8))
    (tmp_path / "a.dat").write_text("no slide")
    done = in_process(
        tmp_path / "site",
        "import warnings\nfrom hrpn_tf.cli.main import _warn\n"
        "from hrpn_tf.console import terminal_log\n"
        "from hrpn_tf.slides import open_slide\nwarnings.showwarning = _warn\n"
        "shown = terminal_log()\nshown.__enter__()\n"
        f"folder = {str(tmp_path)!r}\n"
        "print(*(open_slide(f'{folder}/{name}.tif').info.width for name in ('ask', 'open')))\n"
        "try:\n    open_slide(folder + '/a.dat')\nexcept Exception as error:\n    print(error)\n",
    )
    assert done.stdout.splitlines()[0] == "5 5"
    assert "not a TIFF, nor anything else that is read (OME-Zarr, TIFF, CZI" in done.stdout
    lines = done.stderr.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "hrpn-tf: the slide reader 'gone' cannot be loaded",
        "hrpn-tf: the slide reader 'unfinished' cannot be loaded",
        f"hrpn-tf: the slide reader 'greedy' gave no answer for {tmp_path}/ask.tif",
        f"hrpn-tf: the slide reader 'greedy' failed on {tmp_path}/open.tif",
        f"hrpn-tf: the slide reader 'greedy' failed on {tmp_path}/a.dat",
    ]


def test_without_others_there_are_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert readers.added_readers() == ()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tif", b"II*\0"),
        ("a.qptiff", b"MM\0*"),
        ("a", b"II+\0"),
        ("a.companion.ome", b"<OME/>"),
        ("a.czi", b""),
        ("a.svs", b""),
        ("a.MRXS", b""),
    ],
)
def test_each_path_has_one_reader_that_decodes_nothing(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert len([reader for reader in BUILT_IN if reader.recognises(path)]) == 1
    with pytest.raises(SlideFormatError, match=str(path)):
        open_slide(path)


def test_the_cache_holds_no_more_than_asked_for(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (128, 128), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(64, 64), compression="zlib")
    held = []
    for size in (4 * 64 * 64, 0):
        with open_slide(tmp_path / "a.tif", cache_bytes=size) as slide:
            np.testing.assert_array_equal(slide.read(0, 0, 128, 128, [0])[..., 0], image)
            held.append(slide._cache._bytes)
    assert held == [4 * 64 * 64, 64 * 64]
