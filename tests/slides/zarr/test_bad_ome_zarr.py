"""Hostile and damaged OME-Zarr ends in a named error of one line, and takes no memory."""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.reading import read_all
from support.zarr_samples import (
    VERSIONS,
    array_file,
    image_attributes,
    noise,
    save_array,
    save_group,
    save_image,
)
from zarr.codecs import GzipCodec, ZstdCodec

from hrpn_tf.errors import (
    ChannelSizeError,
    HrpnError,
    NonFinitePixelsError,
    RegionError,
    SlideFormatError,
    UnknownChannelError,
)
from hrpn_tf.slides import open_slide

LIMIT = 60_000_000


@pytest.mark.parametrize(
    ("attributes", "match"),
    [
        ({}, "holds no OME-Zarr image"),
        ({"multiscales": []}, "holds no OME-Zarr image"),
        ({"plate": {"wells": []}}, "holds a plate of many images"),
        ({"well": {"images": []}}, "holds a well of many images"),
        ({"labels": ["nuclei"]}, "holds labels only"),
        ({"multiscales": [{}], "image-label": {}}, "holds a label image"),
        ({"multiscales": [{"version": "0.3"}]}, "is OME-Zarr of version '0.3' in Zarr v2"),
        ({"multiscales": [{"version": "0.5"}]}, "is OME-Zarr of version '0.5' in Zarr v2"),
        ({"multiscales": [{"axes": ["y", "x"]}]}, "is OME-Zarr of version 'not stated'"),
        ({"multiscales": [{"version": "0.4"}]}, "malformed.*KeyError"),
        ({"multiscales": 3}, "malformed"),
        ({"multiscales": ["a"]}, "malformed"),
        ({"multiscales": {"a": 3}}, "malformed"),
    ],
)
def test_groups_that_are_no_image(tmp_path: Path, attributes: dict[str, Any], match: str) -> None:
    save_group(tmp_path / "a", "0.4", attributes)
    with pytest.raises(SlideFormatError, match=match):
        open_slide(tmp_path / "a")
    if "of version" not in match and "KeyError" not in match:  # 0.5 has its version elsewhere
        save_group(tmp_path / "b", "0.5", {"ome": {"version": "0.5"} | attributes})
        with pytest.raises(SlideFormatError, match=match):
            open_slide(tmp_path / "b")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"version": "0.6"}, "is OME-Zarr of version '0.6' in Zarr v3"),
        ({"version": "x" * 10**6}, "is OME-Zarr of version 'xxxxxx"),
        ({"multiscales": [{"axes": [], "datasets": []}]}, "has axes"),
    ],
)
def test_version_3_groups(tmp_path: Path, change: dict[str, Any], match: str) -> None:
    save_group(tmp_path, "0.5", {"ome": {"version": "0.5", "multiscales": [{}]} | change})
    with pytest.raises(SlideFormatError, match=match) as caught:
        open_slide(tmp_path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["../outside", "/tmp", "0/../../outside", "", ".", 3, None, "\0"])
def test_levels_outside_the_folder_are_refused(tmp_path: Path, name: Any) -> None:
    pixels = noise(1, 8, 8)
    save_array(tmp_path / "outside", "0.5", pixels)
    attributes = image_attributes("0.5", [pixels], "cyx")
    attributes["ome"]["multiscales"][0]["datasets"][0]["path"] = name
    save_group(tmp_path / "a", "0.5", attributes)
    with pytest.raises(SlideFormatError, match=r"/a: .*malformed|/a: .*is missing") as caught:
        open_slide(tmp_path / "a")
    assert "\n" not in str(caught.value)


def test_arrays_alone_are_refused(tmp_path: Path) -> None:
    for version in VERSIONS:
        save_array(tmp_path / version, version, noise(1, 8, 8))
        with pytest.raises(SlideFormatError, match="is not a Zarr group; give the folder"):
            open_slide(tmp_path / version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff\xfe",
        b"[" * 10**6,
        b'{"zarr_format": 99999}',
        b'{"shape": [1e999]}',
        b'{"zarr_format": 1' + b"0" * 10**5 + b"}",
    ],
)
def test_malformed_json(tmp_path: Path, version: str, content: bytes) -> None:
    save_image(tmp_path, version, noise(1, 8, 8))
    group = tmp_path / (".zattrs" if version == "0.4" else "zarr.json")
    for file in (array_file(tmp_path, version), group):
        before = file.read_bytes()
        file.write_bytes(content)
        with pytest.raises(SlideFormatError) as caught:
            open_slide(tmp_path)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)
        file.write_bytes(before)
    read_all(tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_pipes_and_folders_in_the_place_of_files(tmp_path: Path, version: str) -> None:
    save_image(tmp_path, version, noise(1, 8, 8))
    chunk = tmp_path / "0" / ("0/0/0" if version == "0.4" else "c/0/0/0")
    for file in (array_file(tmp_path, version), chunk):
        before = file.read_bytes()
        file.unlink()
        os.mkfifo(file)
        with pytest.raises(SlideFormatError, match=r"not a file|not a regular file"):
            read_all(tmp_path)
        file.unlink()
        file.mkdir()
        with pytest.raises(SlideFormatError, match=r"not a file|not a regular file"):
            read_all(tmp_path)
        file.rmdir()
        file.write_bytes(before)
    read_all(tmp_path)
    shutil.rmtree(tmp_path / "0")
    with pytest.raises(SlideFormatError, match="0: is missing or holds no Zarr array"):
        open_slide(tmp_path)


def test_metadata_too_large_to_read(
    tmp_path: Path, memory_grows_less_than: Callable[[int], AbstractContextManager[None]]
) -> None:
    save_image(tmp_path, "0.5", noise(1, 8, 8))
    os.truncate(array_file(tmp_path, "0.5"), 10**12)
    with (
        memory_grows_less_than(LIMIT),
        pytest.raises(SlideFormatError, match=r"zarr.json: larger than 16 MiB"),
    ):
        open_slide(tmp_path)


BOMBS: dict[str, tuple[str, dict[str, Any], Callable[[np.ndarray], bytes]]] = {
    "zstd-2": ("0.4", {"compressors": numcodecs.Zstd(1)}, numcodecs.Zstd(1).encode),
    "gzip-2": ("0.4", {"compressors": numcodecs.GZip(1)}, numcodecs.GZip(1).encode),
    "zlib-2": ("0.4", {"compressors": numcodecs.Zlib(1)}, numcodecs.Zlib(1).encode),
    "blosc-2": ("0.4", {"compressors": numcodecs.Blosc("zstd")}, numcodecs.Blosc("zstd").encode),
    "bz2-2": ("0.4", {"compressors": numcodecs.BZ2(1)}, numcodecs.BZ2(1).encode),
    "lzma-2": ("0.4", {"compressors": numcodecs.LZMA(preset=1)}, numcodecs.LZMA(preset=1).encode),
    "lz4-2": ("0.4", {"compressors": numcodecs.LZ4()}, numcodecs.LZ4().encode),
    "zstd-3": ("0.5", {"compressors": ZstdCodec()}, numcodecs.Zstd(1).encode),
    "gzip-3": ("0.5", {"compressors": GzipCodec()}, numcodecs.GZip(1).encode),
}


@pytest.mark.parametrize("name", BOMBS)
def test_chunks_that_unpack_to_more_than_they_should(
    tmp_path: Path,
    name: str,
    memory_grows_less_than: Callable[[int], AbstractContextManager[None]],
) -> None:
    version, stored, encode = BOMBS[name]
    save_image(tmp_path, version, noise(1, 100, 100), array={"chunks": (1, 100, 100), **stored})
    chunk = tmp_path / "0" / ("0/0/0" if version == "0.4" else "c/0/0/0")
    assert chunk.exists()
    chunk.write_bytes(bytes(encode(np.full(200_000_000, 1, np.uint8))))
    with memory_grows_less_than(LIMIT), pytest.raises(SlideFormatError, match="0/0/0"):
        read_all(tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_huge_chunk_files_are_not_read(
    tmp_path: Path,
    version: str,
    memory_grows_less_than: Callable[[int], AbstractContextManager[None]],
) -> None:
    save_image(tmp_path, version, noise(1, 8, 8))
    chunk = tmp_path / "0" / ("0/0/0" if version == "0.4" else "c/0/0/0")
    os.truncate(chunk, 10**12)
    with (
        memory_grows_less_than(LIMIT),
        pytest.raises(SlideFormatError, match="a chunk of 1000000000000 bytes is too large"),
    ):
        read_all(tmp_path)


@pytest.mark.parametrize(
    "entry",
    [(0, 2**40), (2**40, 10), (2**64 - 2, 8), (2**63, 2**63), (0, 2**64 - 1), (3, 7), (10**6, 9)],
)
def test_index_of_a_shard_that_leads_nowhere(
    tmp_path: Path,
    entry: tuple[int, int],
    memory_grows_less_than: Callable[[int], AbstractContextManager[None]],
) -> None:
    stored = {"chunks": (1, 8, 8), "shards": (1, 16, 16)}
    save_image(tmp_path, "0.5", noise(1, 16, 16), array=stored)
    shard = tmp_path / "0" / "c" / "0" / "0" / "0"
    content = shard.read_bytes()
    index = np.frombuffer(content[-68:-4], "<u8").reshape(-1, 2).copy()
    index[0] = entry
    checked = numcodecs.get_codec({"id": "crc32c", "location": "end"}).encode(index.tobytes())
    shard.write_bytes(content[:-68] + bytes(checked))
    with memory_grows_less_than(LIMIT), pytest.raises(SlideFormatError, match="c/0/0/0: "):
        read_all(tmp_path)
    shard.write_bytes(content[:-68] + index.tobytes() + b"\0\0\0\0")
    with pytest.raises(SlideFormatError, match="c/0/0/0: not a Zarr shard, or truncated"):
        read_all(tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("keep", [0, 1, 11, 0.5, -1])
def test_truncated_chunks(tmp_path: Path, version: str, keep: float) -> None:
    pixels = noise(2, 40, 40, dtype="float32")
    stored = {"chunks": (1, 40, 40)} | ({"shards": (1, 80, 80)} if version == "0.5" else {})
    save_image(tmp_path, version, pixels, array=stored)
    file = tmp_path / "0" / ("1/0/0" if version == "0.4" else "c/1/0/0")
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content)) if keep == 0.5 else keep])
    with open_slide(tmp_path) as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 40, 40, [0])[..., 0], pixels[0])
        with pytest.raises(SlideFormatError, match=r"1/0/0: .*truncated") as caught:
            slide.read(0, 0, 40, 40, [1])
    assert "\n" not in str(caught.value)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(version=st.sampled_from(VERSIONS), data=st.data())
def test_damaged_bytes_are_read_or_refused(
    tmp_path: Path, version: str, data: st.DataObject
) -> None:
    path = tmp_path / "damaged.zarr"
    shutil.rmtree(path, ignore_errors=True)
    stored = {"chunks": (1, 16, 16)} | ({"shards": (1, 32, 32)} if version == "0.5" else {})
    save_image(path, version, noise(2, 40, 40), array=stored, labels=["a", "b"])
    files = sorted(file for file in path.rglob("*") if file.is_file())
    for _ in range(data.draw(st.integers(1, 3))):
        file = data.draw(st.sampled_from(files))
        content = bytearray(file.read_bytes())
        position = data.draw(st.integers(0, max(0, len(content) - 1)))
        content[position : position + 4] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b"\xff" * 4, b"\0" * 4, b"9" * 9])
        )
        file.write_bytes(content[: data.draw(st.just(len(content)) | st.just(position))])
    message = "damaged.zarr"
    try:
        read_all(path)
    except HrpnError as error:
        message = str(error)
    assert "damaged.zarr" in message
    assert "\n" not in message


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_pixels(tmp_path: Path, bad: float) -> None:
    pixels = noise(2, 40, 40, dtype="float32")
    pixels[1, 20, 30] = bad
    save_image(tmp_path, "0.5", pixels, array={"fill_value": float("nan")})
    with open_slide(tmp_path) as slide:
        slide.read(0, 0, 40, 40, [0])
        with pytest.raises(NonFinitePixelsError, match="row 20, column 30 of level 0"):
            slide.read(10, 10, 30, 30, [0, 1])
    (tmp_path / "0" / "c" / "0" / "0" / "0").unlink()
    with pytest.raises(NonFinitePixelsError, match="row 0, column 0 of level 0"):
        read_all(tmp_path)


def test_windows_outside_are_refused(tmp_path: Path) -> None:
    save_image(tmp_path, "0.5", noise(2, 40, 40))
    with open_slide(tmp_path) as slide:
        with pytest.raises(RegionError):
            slide.read(10, 10, 31, 30, [0])
        with pytest.raises(RegionError, match="no level 1"):
            slide.read(0, 0, 1, 1, [0], level=1)
        with pytest.raises(UnknownChannelError):
            slide.read(0, 0, 1, 1, [2])


@pytest.mark.parametrize(
    ("second", "error", "match"),
    [
        (noise(2, 20, 20, dtype="uint8"), SlideFormatError, "levels of uint16 and uint8"),
        (noise(3, 20, 20), ChannelSizeError, "levels of 2 and of 3 channels"),
        (noise(2, 20, 41), SlideFormatError, "a level is larger than the first"),
        (noise(20, 20), SlideFormatError, "2 dimensions for 3 axes"),
        (None, SlideFormatError, "1: is missing or holds no Zarr array"),
    ],
)
def test_levels_that_do_not_fit(
    tmp_path: Path, second: np.ndarray | None, error: type[Exception], match: str
) -> None:
    first = noise(2, 40, 40)
    save_group(tmp_path, "0.5", image_attributes("0.5", [first, first], "cyx"))
    save_array(tmp_path / "0", "0.5", first)
    if second is not None:
        save_array(tmp_path / "1", "0.5", second)
    with pytest.raises(error, match=match):
        open_slide(tmp_path)
