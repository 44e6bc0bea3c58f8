"""Writing of OME-Zarr that is interrupted, killed or out of disk goes on, or leaves nothing."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.places import TESTS
from support.written_slides import VERSIONS, create, describe, digests, left, noise

from hrpn_tf.errors import DiskFullError, SlideFormatError, SlideNotFoundError
from hrpn_tf.slides.scratch import ScratchPlanes
from hrpn_tf.slides.zarr.writer import finish_ome_zarr, write_ome_zarr


@pytest.mark.parametrize("version", VERSIONS)
def test_finishing_goes_on_wherever_it_was_stopped(
    tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every single rename, with what a killed process leaves behind."""
    image = noise((2100, 200, 1), "uint16")
    whole = tmp_path / "whole"
    create(whole / "0", image, version, (512, 256), (256, 256)).write(0, 0, image)
    start = tmp_path / "start"
    shutil.copytree(whole, start)
    finish_ome_zarr(whole, describe(image), version, name="a")
    expected = digests(whole)
    steps = 0
    while True:
        folder = tmp_path / "stopped"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(start, folder)
        (folder / "0" / "c.123.partial").write_bytes(b"torn")
        with monkeypatch.context() as patch:
            _stop_after(patch, steps)
            try:
                finish_ome_zarr(folder, describe(image), version, name="a")
                break
            except KeyboardInterrupt:
                pass
        finish_ome_zarr(folder, describe(image), version, name="a")
        assert digests(folder) == expected
        steps += 1
    assert digests(folder) == expected
    assert steps > 5


def _stop_after(patch: pytest.MonkeyPatch, steps: int) -> None:
    """Ctrl-C at the block or file that is written after so many."""
    from hrpn_tf.slides.zarr import writer as ome_zarr_write
    from hrpn_tf.slides.zarr.planes import ZarrPlanes

    done = 0

    def counted(function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            nonlocal done
            done += 1
            if done > steps:
                raise KeyboardInterrupt
            return function(*arguments)

        return call

    patch.setattr(ZarrPlanes, "write", counted(ZarrPlanes.write))
    own = SimpleNamespace(rename=counted(os.rename), replace=counted(os.replace))
    patch.setattr(ome_zarr_write, "os", own)  # not those that zarr calls in its threads


@pytest.mark.parametrize(
    ("change", "version"),
    [({"dtype": np.dtype("uint8")}, "0.5"), ({"height": 60}, "0.5"), ({}, "0.4")],
)
def test_only_the_array_of_the_slide_is_finished(
    tmp_path: Path, change: dict[str, Any], version: str
) -> None:
    image = noise((64, 64, 1), "uint16")
    create(tmp_path / "0", image, "0.5")
    with pytest.raises(SlideFormatError, match="its array 0 is not that of the slide"):
        finish_ome_zarr(tmp_path, describe(image, **change), version)
    with pytest.raises(SlideNotFoundError):
        finish_ome_zarr(tmp_path / "none", describe(image), "0.5")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("limit", [20_000, 250_000], ids=["metadata", "chunks"])
def test_full_disk_leaves_nothing(tmp_path: Path, version: str, limit: int) -> None:
    """The file size limit stands for the disk; noise of 512 x 512 px makes chunks of 256 KiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    image = np.random.default_rng(0).integers(0, 256, (600, 600, 1), dtype=np.uint8)
    planes = ScratchPlanes(tmp_path, 1, 600, 600, image.dtype)
    planes.write(0, 0, image)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(DiskFullError, match=r"a\.zarr.*nothing was left"):
            write_ome_zarr(tmp_path / "a.zarr", planes, describe(image), version=version)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        planes.close()
    assert left(tmp_path) == []


# In a process of its own: in one that has run many tests a collection of garbage may take longer
# than the delay, and whatever is finalised then would meet the interruption.
INTERRUPTED = """
import signal, sys, time
from pathlib import Path

from hrpn_tf.slides.zarr.writer import write_ome_zarr
from hrpn_tf.slides.scratch import ScratchPlanes
from support.written_slides import describe, noise

def interrupt(*_):
    raise KeyboardInterrupt

path, delay = Path(sys.argv[1]), float(sys.argv[2])
image = noise((3000, 3000, 3), "uint16")
signal.signal(signal.SIGALRM, interrupt)
try:
    signal.setitimer(signal.ITIMER_REAL, delay)
    planes = ScratchPlanes(path.parent, 3, 3000, 3000, image.dtype)
    planes.write(0, 0, image)
    write_ome_zarr(path, planes, describe(image), version="0.5", overwrite=False)
except KeyboardInterrupt:
    time.sleep(0.2)
    sys.exit(7)
"""


@pytest.mark.parametrize("delay", [0.01, 0.05, 0.12])
def test_interruption_leaves_nothing(tmp_path: Path, delay: float) -> None:
    """Not even what zarr's threads were writing when Ctrl-C came."""
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "a.zarr"), str(delay)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 7, ended.stderr
    assert left(tmp_path) == []
