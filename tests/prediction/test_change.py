import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.run_folder import write

from hrpn_tf.errors import SlideChangedError
from hrpn_tf.prediction import slide_checksums
from hrpn_tf.prediction.change import FileStates
from hrpn_tf.slides import open_slide
from hrpn_tf.slides.file_states import parts


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 2))


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (lambda path: path.unlink(), "vanished"),
        (lambda path: path.write_bytes(b"x"), "changed"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "changed"),
        (_touch, "changed"),
        (lambda path: path.rename(path.with_suffix(".old")), "vanished"),
    ],
)
def test_a_file_that_changed(tmp_path: Path, change: Callable[[Path], object], how: str) -> None:
    files = [write(tmp_path / f"{name}.ome.tif") for name in "ab"]
    states = FileStates.of(files)
    states.check()
    change(files[1])
    with pytest.raises(SlideChangedError, match=rf"b\.ome\.tif: {how} while it was read"):
        states.check()


@pytest.mark.parametrize("what", ["c/0/0/0", "zarr.json"])
def test_a_chunk_of_an_ome_zarr_that_changed(tmp_path: Path, what: str) -> None:
    """Its description names none of the files that hold pixels."""
    path = write(tmp_path / "slide.ome.zarr")
    with open_slide(path) as slide:
        watched = parts(slide.info)
    assert watched == (path,)
    states = FileStates.of(watched)
    states.check()
    _touch(next(p for p in path.rglob("*") if str(p).endswith(what)))
    with pytest.raises(SlideChangedError, match=r"slide\.ome\.zarr: changed"):
        states.check()


def test_of_a_folder_of_tiffs_only_its_channels_count(tmp_path: Path) -> None:
    folder = tmp_path / "slide"
    for channel in ("vessels", "nuclei"):
        write(folder / f"{channel}.ome.tif", channels=(channel,))
    with open_slide(folder) as slide:
        watched = parts(slide.info)
    states, checksums = FileStates.of(watched), slide_checksums(folder, watched)
    (folder / "notes.txt").write_text("of somebody else")
    states.check()
    assert slide_checksums(folder, watched) == checksums
    assert set(checksums) == {"vessels.ome.tif", "nuclei.ome.tif"}


def test_the_checksum_of_an_ome_zarr_is_of_all_its_files(tmp_path: Path) -> None:
    path = write(tmp_path / "slide.ome.zarr")
    with open_slide(path) as slide:
        files = slide.info.files
    before = slide_checksums(path, files)
    chunk = next(p for p in path.rglob("*") if str(p).endswith("c/0/0/0"))
    content = bytearray(chunk.read_bytes())
    content[np.random.default_rng(0).integers(len(content))] ^= 1
    chunk.write_bytes(content)
    assert slide_checksums(path, files) != before


def test_what_is_no_file_never_changes() -> None:
    FileStates.of([Path("of a plug-in")]).check()
