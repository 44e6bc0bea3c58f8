"""Bad slides, drives and disks: one line, the right exit code, and nothing left behind."""

import errno
import os
import re
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.run_folder import finished_blocks, pixels, predict, write

from hrpn_tf.slides.tiff.reader import TiffSlide

FIRST = "slide.ome.tif"


@pytest.fixture
def slide(run: Path) -> Path:
    """Stored in many small pieces that are read one by one: 600 x 400 px, not in one tile."""
    path = run.parent / FIRST
    image = np.random.default_rng(0).integers(0, 256, (2, 600, 400), np.uint8)
    image[:, :100, :100] = 0  # blocks of very different sizes when compressed
    metadata = {
        "axes": "CYX",
        "Channel": {"Name": ["vessels", "nuclei"]},
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
    }
    tifffile.imwrite(path, image, tile=(64, 64), compression="zlib", metadata=metadata)
    return path


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error, behind what the progress bar left there."""
    said = capsys.readouterr().err.replace("\r", "\n").splitlines()
    errors = [line for line in said if line.startswith("hrpn-tf: ")]
    assert len(errors) == 1, said
    assert "Traceback" not in "".join(said)
    return errors[0]


@contextmanager
def at_read(
    monkeypatch: pytest.MonkeyPatch, number: int, happens: Callable[[], object]
) -> Iterator[None]:
    """Something happens when the command reads a window of the slide for the n-th time."""
    real, count = TiffSlide.read, [0]

    def read(self: TiffSlide, *window: object, **more: object) -> object:
        count[0] += 1
        if count[0] == number:
            happens()
        return real(self, *window, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(TiffSlide, "read", read)
        yield
    assert count[0] >= number


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


def _replace(path: Path) -> None:
    write(path, 5, channels=("vessels", "nuclei"), shape=(600, 400))


def _scribble(path: Path) -> None:
    """Another program writes into the same file; its size stays, and it can still be read."""
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(last)
    os.utime(path, ns=(1, 2))


@pytest.mark.parametrize(
    ("change", "how"),
    [(_cut, "changed"), (_replace, "changed"), (_scribble, "changed"), (Path.unlink, "vanished")],
)
def test_a_slide_that_changes_while_it_is_read(
    run: Path,
    slide: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
    how: str,
) -> None:
    out = run.parent / "new" / "out.ome.tif"
    with at_read(monkeypatch, 9, lambda: change(slide)):
        assert predict(run, slide, "--out", out) == 1
    assert re.search(rf"slide\.ome\.tif: {how} while it was read.*again", last_line(capsys))
    assert not out.parent.exists()


def test_a_chunk_of_an_ome_zarr_that_changes_while_it_is_read(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hrpn_tf.slides.zarr.reader import OmeZarrSlide

    slide, out = write(run.parent / "slide.ome.zarr"), run.parent / "new" / "out.ome.tif"
    chunk = next(p for p in slide.rglob("*") if str(p).endswith("c/0/0/0"))
    real, count = OmeZarrSlide.read, [0]

    def read(self: OmeZarrSlide, *window: object, **more: object) -> object:
        count[0] += 1
        if count[0] == 5:
            chunk.write_bytes(chunk.read_bytes())
            os.utime(chunk, ns=(1, 2))
        return real(self, *window, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(OmeZarrSlide, "read", read)
    assert predict(run, slide, "--out", out) == 1
    assert "slide.ome.zarr: changed while it was read" in last_line(capsys)
    assert not out.parent.exists()


def test_a_damaged_slide_leaves_nothing_and_says_where(
    run: Path, slide: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Damaged before, and noticed half-way."""
    with tifffile.TiffFile(slide) as file:
        page = file.pages[1]
        offset, length = page.dataoffsets[30], page.databytecounts[30]
    content = bytearray(slide.read_bytes())
    content[offset : offset + length] = b"\xff" * length
    slide.write_bytes(content)
    out = run.parent / "new" / "out.ome.tif"
    assert predict(run, slide, "--out", out, "--no-skip-empty") == 1
    assert re.search(r"slide\.ome\.tif: .*(malformed|truncated)", last_line(capsys))
    assert not out.parent.exists()


# The first read of all is that of the tissue map.
@pytest.mark.parametrize(("number", "kept"), [(1, False), (6, True)])
def test_a_drive_that_stalls_while_it_is_read(
    run: Path,
    slide: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    kept: bool,
) -> None:
    out, answers = run.parent / "new" / "out.ome.tif", threading.Event()
    limit = ["--set", "prediction.io_timeout=1"]
    with at_read(monkeypatch, number, lambda: answers.wait(60)):
        assert predict(run, slide, "--out", out, *limit) == 1
    answers.set()
    said = last_line(capsys)
    assert re.search(r"slide\.ome\.tif: reading: no progress for 1 s; check the drive", said)
    assert out.parent.exists() == kept
    assert predict(run, slide, "--out", out) == 0
    assert ("blocks were there" in capsys.readouterr().out) == kept
    assert [p.name for p in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize(
    "where", ["hrpn_tf.slides.open_slide", "hrpn_tf.prediction.provenance.read_pieces"]
)
def test_a_drive_that_stalls_before_the_first_pixel(
    run: Path,
    slide: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    """When it is opened, and while its checksum is taken."""
    answers, out = threading.Event(), run.parent / "new" / "out.ome.tif"

    def stalls(*_: object) -> Iterator[None]:
        answers.wait(60)
        yield

    def open_later(*_: object, **__: object) -> None:
        next(stalls())

    monkeypatch.setattr(where, stalls if where.endswith("_pieces") else open_later)
    before = sorted(run.parent.rglob("*"))
    assert predict(run, slide, "--out", out, "--set", "prediction.io_timeout=1") == 1
    answers.set()
    assert re.search(r"slide\.ome\.tif: (opening|reading): no progress for 1 s", last_line(capsys))
    assert sorted(run.parent.rglob("*")) == before


def test_a_drive_that_stalls_while_it_is_written_to(
    run: Path, slide: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hrpn_tf.slides.zarr.planes import ZarrPlanes

    out, answers, count = run.parent / "new" / "out.ome.tif", threading.Event(), [0]
    real = ZarrPlanes.write

    def write_block(self: ZarrPlanes, y: int, x: int, block: np.ndarray) -> None:
        count[0] += 1
        if count[0] == 5:
            answers.wait(60)
        real(self, y, x, block)

    with monkeypatch.context() as patch:
        patch.setattr(ZarrPlanes, "write", write_block)
        assert predict(run, slide, "--out", out, "--set", "prediction.io_timeout=1") == 1
    assert re.search(r"out\.ome\.tif: writing: no progress for 1 s", last_line(capsys))
    answers.set()
    assert len(finished_blocks(out)) >= 4
    assert predict(run, slide, "--out", out) == 0


HANGS = {
    "opening": "import hrpn_tf.slides as slides; slides.open_slide = hang",
    "reading": "TiffSlide.read = hang",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", HANGS)
def test_a_process_ends_though_a_thread_hangs(run: Path, slide: Path, what: str) -> None:
    """In a pipe that nobody writes to, as in a drive that is gone: no Python code can end that."""
    import subprocess
    import sys

    code = f"""
import os
from hrpn_tf.slides.tiff.reader import TiffSlide
pipe = os.pipe()
def hang(*_, **__):
    os.read(pipe[0], 1)
{HANGS[what]}
from hrpn_tf.cli.main import run
run()
"""
    out = run.parent / "new" / "out.ome.tif"
    options = ["predict", slide, "--run", run, "--out", out, "--set", "prediction.io_timeout=1"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, options)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    assert f"{what}: no progress for 1 s" in done.stderr
    assert not out.parent.exists()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """What a full disk does to whoever writes, as far as a limit can imitate it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def too_small_for_a_later_block(result: Path) -> int:
    """A size of files that the first block of a result fits into, but not all that follow."""
    blocks = sorted(result.glob("0/c/*/*/*"), key=lambda p: [int(n) for n in p.parts[-2:]])
    sizes = [block.stat().st_size for block in blocks]
    return next(sizes[k] - 1 for k in range(1, len(sizes)) if sizes[k] > max(sizes[:k]))


@pytest.mark.parametrize(
    ("name", "last_step"),
    # the last step of an OME-Zarr writes nothing that is larger than a block
    [("out.ome.tif", False), ("out.ome.zarr", False), ("out.ome.tif", True)],
)
def test_a_disk_that_fills_up(
    run: Path, slide: Path, capsys: pytest.CaptureFixture[str], name: str, last_step: bool
) -> None:
    reference, out = run.parent / "reference" / "out.ome.zarr", run.parent / "new" / name
    assert predict(run, slide, "--out", reference, "--no-skip-empty") == 0
    size = 400_000 if last_step else too_small_for_a_later_block(reference)
    capsys.readouterr()
    with largest_file(size):
        assert predict(run, slide, "--out", out, "--no-skip-empty") == 1
    assert re.search(
        rf"{name}: File too large while writing; what is finished is kept: make", last_line(capsys)
    )
    assert not out.exists()
    finished = len(finished_blocks(out))
    assert finished == 70 if last_step else 1 <= finished < 70
    assert predict(run, slide, "--out", out, "--no-skip-empty") == 0
    assert f"{finished} of 70 blocks were there" in capsys.readouterr().out
    np.testing.assert_array_equal(pixels(out), pixels(reference))
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def test_a_disk_that_is_full_before_the_first_block(
    run: Path, slide: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run.parent / "new" / "out.ome.tif"
    with largest_file(500):
        assert predict(run, slide, "--out", out) == 1
    assert "out.ome.tif: File too large while writing; nothing was left there" in last_line(capsys)
    assert not out.parent.exists()


def test_a_folder_that_may_not_be_written_to(
    run: Path, slide: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run.parent / "shelf"
    folder.mkdir()
    real = os.access
    monkeypatch.setattr(os, "access", lambda p, mode: p != folder and real(p, mode))
    assert predict(run, slide, "--out", folder / "new" / "out.ome.tif") == 2
    assert "nothing can be written to" in last_line(capsys)
    assert list(folder.iterdir()) == []
    assert predict(run, slide, "--out", slide / "out.ome.tif") == 2
    assert "nothing can be written to" in last_line(capsys)


def test_a_folder_that_becomes_read_only(
    run: Path, slide: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As file systems do that meet an error."""
    real = Path.mkdir

    def mkdir(self: Path, *arguments: object, **more: object) -> None:
        if self.name.startswith(".unfinished"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))
        real(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", mkdir)
    before = sorted(run.parent.rglob("*"))
    assert predict(run, slide, "--out", run.parent / "out.ome.tif") == 1
    assert "Read-only file system" in last_line(capsys)
    assert sorted(run.parent.rglob("*")) == before


def test_a_result_within_its_own_slide_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run.parent / "folder"
    for channel in ("vessels", "nuclei"):
        write(folder / f"{channel}.ome.tif", channels=(channel,))
    assert predict(run, folder, "--out", folder / "qd.ome.tif") == 2
    assert "lies within the slide" in last_line(capsys)


MASK = '{"type": "Polygon", "coordinates": [[[%s, 0], [%s, 0], [%s, 90], [%s, 0]]]}'


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (None, ["--region", "0,0,402,10"], r"region x 0, y 0, 402 x 10 px does not lie within"),
        (None, ["--region", "0,0,0,10"], r"does not lie within the slide of 400 x 600 px"),
        (None, ["--region=-1,0,5,5"], r"does not lie within"),
        (None, ["--region", "0,0,10"], r"expected X,Y,WIDTH,HEIGHT"),
        (None, ["--level", "1"], r"no level 1; it has 1"),
        (None, ["--mask", "none.geojson"], r"none\.geojson: cannot be read: No such file"),
        (MASK % (5000, 5090, 5000, 5000), ["--mask", "m"], r"m: lies outside the slide"),
        ("{", ["--mask", "m"], r"m: not GeoJSON"),
        (None, ["--channel", "nuclei=FITC"], r"no channel 'FITC'; it has 0 'vessels', 1 'nucle"),
        (None, ["--channel", "nuclei=0"], r"one channel for two inputs"),
        (None, ["--channel", "vessels=1", "--channel", "nuclei=nuclei"], r"one channel for two"),
    ],
)
def test_what_does_not_fit_the_slide_is_refused(
    run: Path,
    slide: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: str | None,
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(run.parent)
    if change is not None:
        Path("m").write_text(change, encoding="utf-8")
    before = sorted(run.parent.rglob("*"))
    assert predict(run, slide, *options) == 2
    said = last_line(capsys)
    assert re.search(message, said), said
    assert sorted(run.parent.rglob("*")) == before


def test_swapped_channels_are_questioned(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slide = write(run.parent / "stains.ome.tif", channels=("DAPI", "CD31"))
    out = run.parent / "out.ome.tif"
    assert predict(run, slide, "--out", out, "--channel", "vessels=CD31") == 2
    assert "no channel 'nuclei'; it has 0 'DAPI', 1 'CD31'" in last_line(capsys)
    swapped = ["--channel", "vessels=DAPI", "--channel", "nuclei=CD31"]
    assert predict(run, slide, "--out", out, *swapped) == 2
    assert "'DAPI' is given as vessels, but by its name it shows nuclei" in last_line(capsys)
    meant = ["--channel", "vessels=0", "--channel", "nuclei=1"]
    assert predict(run, slide, "--out", out, *meant) == 0


@pytest.mark.parametrize("name", ["out.ome.tif", "out.ome.zarr"])
def test_pixels_of_half_a_millimetre_are_questioned(
    run: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    from hrpn_tf.slides import open_slide

    slide, out = write(run.parent / "unit.ome.tif", size=500.0), run.parent / name
    assert predict(run, slide, "--out", out) == 2
    assert re.search(r"500 um/px, which no microscope .*unit.*--pixel-size", last_line(capsys))
    assert predict(run, slide, "--out", out, "--pixel-size", 0.5) == 0
    with open_slide(out) as opened:
        assert opened.info.pixel_size_um == pytest.approx(0.5), "as stated, not as in the slide"


def test_a_slide_without_pixels_or_with_nan(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = run.parent / "empty.tif"
    with pytest.warns(UserWarning, match="zero-size"):
        tifffile.imwrite(empty, np.zeros((0, 5), np.uint8))
    out = run.parent / "new" / "out.ome.tif"
    assert predict(run, empty, "--out", out, "--pixel-size", 0.5) == 1
    last_line(capsys)
    image = np.ones((200, 200, 2), np.float32)
    raw = run.parent / "raw.tif"
    image[150, 150] = np.nan
    tifffile.imwrite(raw, np.moveaxis(image, -1, 0), metadata={"axes": "CYX"})
    channels = ["--channel", "vessels=0", "--channel", "nuclei=1", "--pixel-size", 0.5]
    assert predict(run, raw, "--out", out, *channels) == 1
    assert "NaN or infinite pixel at row 150, column 150" in last_line(capsys)
    assert not out.parent.exists()
