"""Drives that stall, and disks that are full or read-only: one line, and nothing is lost."""

import errno
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.full_disk import largest_file
from support.run_folder import finished_blocks, pixels, predict
from support.slide_faults import at_read, last_line


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
