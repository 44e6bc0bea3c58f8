"""Zarr planes: written block by block by many at once, and read back by zarr-python."""

import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from support.written_slides import VERSIONS, create, digests
from support.zarr_writers import blocks, noise, write_every_second

from hrpn_tf.errors import SlideNotFoundError
from hrpn_tf.slides import iter_windows
from hrpn_tf.slides.zarr.planes import ZarrPlanes


def stored(folder: Path) -> np.ndarray:
    return np.moveaxis(zarr.open_array(str(folder), mode="r")[...], 0, -1)


@settings(max_examples=40)
@given(
    height=st.integers(1, 100),
    width=st.integers(1, 100),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    version=st.sampled_from(VERSIONS),
    data=st.data(),
)
def test_blocks_in_any_order_read_back(
    height: int,
    width: int,
    dtype: str,
    version: str,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("planes") / "0"
    image = noise(height, width, 2, dtype)
    create(folder, image, version)
    planes = ZarrPlanes.open(folder)
    # blocks that share files are merged into what is there
    size = data.draw(st.sampled_from([32, 64, 23]))
    for y, x, h, w in data.draw(st.permutations(list(iter_windows(height, width, size)))):
        planes.write(y, x, image[y : y + h, x : x + w])
    np.testing.assert_array_equal(stored(folder), image)
    assert planes.dtype == dtype
    assert (planes.channels, planes.height, planes.width) == (2, height, width)
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    np.testing.assert_array_equal(
        planes.read(1, y, x, height - y, width - x), image[y:, x:, 1], strict=True
    )


def test_version_3_has_a_shard_per_block_and_version_2_a_file_per_chunk(tmp_path: Path) -> None:
    image = noise(64, 64)
    for version in VERSIONS:
        create(tmp_path / version, image, version).write(0, 0, image)
    new = zarr.open_array(str(tmp_path / "0.5"), mode="r")
    assert (new.metadata.zarr_format, new.shards, new.chunks) == (3, (1, 32, 64), (1, 16, 16))
    assert new.metadata.dimension_names == ("c", "y", "x")
    old = zarr.open_array(str(tmp_path / "0.4"), mode="r")
    assert (old.metadata.zarr_format, old.chunks) == (2, (1, 16, 16))
    assert (tmp_path / "0.4" / "1" / "3" / "2").is_file()
    assert sum(file.is_file() for file in (tmp_path / "0.5" / "c").rglob("*")) == 4


@pytest.mark.parametrize("version", VERSIONS)
def test_zeros_are_not_stored(tmp_path: Path, version: str) -> None:
    image = np.zeros((64, 64, 1), np.float32)
    image[40, 40] = 3
    planes = create(tmp_path / "0", image, version)
    planes.write(0, 0, np.ones_like(image))  # and what was there before goes away
    planes.write(0, 0, image)
    metadata = {"zarr.json", ".zarray", ".zattrs"}
    files = [file for file in (tmp_path / "0").rglob("*") if file.is_file()]
    assert len([file for file in files if file.name not in metadata]) == 1
    np.testing.assert_array_equal(stored(tmp_path / "0"), image)


@pytest.mark.parametrize("version", VERSIONS)
def test_aligned_block_replaces_a_torn_file(tmp_path: Path, version: str) -> None:
    """What a machine that lost its power left there is neither read nor kept."""
    image = noise(64, 128)
    planes = create(tmp_path / "0", image, version)
    planes.write(0, 0, image)
    for file in (tmp_path / "0").rglob("*"):
        if file.is_file() and file.name not in ("zarr.json", ".zarray", ".zattrs"):
            file.write_bytes(file.read_bytes()[:5])
    for y, x, h, w in iter_windows(64, 128, 64):
        planes.write(y, x, image[y : y + h, x : x + w])
    np.testing.assert_array_equal(stored(tmp_path / "0"), image)


@pytest.mark.parametrize("version", VERSIONS)
def test_write_returns_when_files_and_names_are_on_the_disk(
    tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = create(tmp_path / "0", noise(64, 64), version)
    synced: set[int] = set()
    fsync = os.fsync

    def record(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", record)
    planes.write(0, 0, noise(64, 64))
    metadata = {"zarr.json", ".zarray", ".zattrs"}
    made = [path for path in (tmp_path / "0").rglob("*") if path.name not in metadata]
    assert len(made) > 6
    assert {path.stat().st_ino for path in [*made, tmp_path / "0"]} <= synced


@pytest.mark.parametrize(("version", "method"), [("0.4", "spawn"), ("0.5", "fork")])
def test_two_processes_write_one_array(tmp_path: Path, version: str, method: Any) -> None:
    folder, alone = tmp_path / "0", tmp_path / "alone"
    image = noise(200, 300)
    create(folder, image, version)
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=write_every_second, args=(folder, first)) for first in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    np.testing.assert_array_equal(stored(folder), image)
    planes = create(alone, image, version)
    for y, x, h, w in blocks(200, 300):
        planes.write(y, x, image[y : y + h, x : x + w])
    assert digests(alone) == digests(folder)


@pytest.mark.parametrize("version", VERSIONS)
def test_threads_write_one_array(tmp_path: Path, version: str) -> None:
    image = noise(200, 300)
    planes = create(tmp_path / "0", image, version)

    def write(window: tuple[int, int, int, int]) -> None:
        y, x, h, w = window
        planes.write(y, x, image[y : y + h, x : x + w])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, blocks(200, 300)))
    np.testing.assert_array_equal(stored(tmp_path / "0"), image)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SlideNotFoundError, match="holds no Zarr array"):
        ZarrPlanes.open(tmp_path / "none")
    with pytest.raises(ValueError, match="do not fit"):
        create(tmp_path / "0", noise(9, 9), "0.5", block=(40, 64))
    with pytest.raises(ValueError, match="do not fit"):
        create(tmp_path / "0", noise(9, 9), "0.3")


def test_nothing_is_written_any_more_once_a_write_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is removed then; a file that comes late would stay."""
    create(tmp_path / "0", noise(64, 64), "0.4")
    begun: list[Path] = []
    ended: list[Path] = []

    def put(file: Path, content: bytes | None) -> None:
        if file.as_posix().endswith("0/0/1"):
            while not begun:
                time.sleep(0.01)
            raise OSError(28, "No space left on device")
        begun.append(file)
        time.sleep(0.2)
        ended.append(file)

    planes = ZarrPlanes.open(tmp_path / "0")
    monkeypatch.setattr("hrpn_tf.slides.zarr.planes.replace_file", put)
    with pytest.raises(OSError, match="No space"):
        planes.write(0, 0, noise(64, 64))
    assert begun
    assert sorted(ended) == sorted(begun)
