"""OME-Zarr as zarr-python and others write it: layouts, types, levels, windows."""

from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reading import info_of, whole
from support.zarr_samples import (
    VERSIONS,
    edit,
    image_attributes,
    noise,
    save_array,
    save_group,
    save_image,
)
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides import open_slide
from hrpn_tf.slides.zarr.reader import OmeZarrSlide, is_ome_zarr

STORED_V2: list[dict[str, Any]] = [
    {"compressors": None},
    {"compressors": numcodecs.Blosc("lz4", 5, numcodecs.Blosc.SHUFFLE)},
    {"compressors": numcodecs.Blosc("zstd", 1, numcodecs.Blosc.BITSHUFFLE)},
    {"compressors": numcodecs.Blosc("zlib", 1)},
    {"compressors": numcodecs.Zstd(1)},
    {"compressors": numcodecs.GZip(1)},
    {"compressors": numcodecs.Zlib(1)},
    {"compressors": numcodecs.LZ4()},
    {"compressors": numcodecs.BZ2()},
    {"compressors": numcodecs.LZMA()},
    {"order": "F"},
    {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    {"compressors": numcodecs.Zstd(1), "filters": [numcodecs.Delta("<u2")]},
    {"filters": [numcodecs.FixedScaleOffset(0, 1, "<u2", "<u4"), numcodecs.Shuffle(4)]},
]
STORED_V3: list[dict[str, Any]] = [
    {"compressors": None},
    {"compressors": ZstdCodec(level=1)},
    {"compressors": GzipCodec(level=1)},
    {"compressors": BloscCodec(cname="lz4")},
    {"compressors": [ZstdCodec(level=1), Crc32cCodec()]},
    {"compressors": [Crc32cCodec(), ZstdCodec(level=1)]},
    {"serializer": BytesCodec(endian="big")},
    {"filters": [TransposeCodec(order=(2, 0, 1))]},
    {"chunk_key_encoding": {"name": "default", "separator": "."}},
    {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
    {"chunks": (1, 16, 16), "shards": (1, 32, 64)},
    {"chunks": (1, 16, 16), "shards": (3, 32, 64), "filters": [TransposeCodec(order=(0, 2, 1))]},
    {
        "chunks": (1, 16, 16),
        "shards": {"shape": (1, 32, 64), "index_location": "start"},
    },
]


@pytest.mark.parametrize(
    ("version", "stored"),
    [("0.4", options) for options in STORED_V2] + [("0.5", options) for options in STORED_V3],
)
def test_however_chunks_are_stored(tmp_path: Path, version: str, stored: dict[str, Any]) -> None:
    pixels = noise(3, 50, 70)
    pixels[1, 16:48, 16:64] = 0  # so that some chunks are missing
    save_image(tmp_path, version, pixels, array=stored)
    np.testing.assert_array_equal(whole(tmp_path), np.moveaxis(pixels, 0, -1), strict=True)


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 60), st.integers(1, 60)),
    chunk=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)),
    version=st.sampled_from(VERSIONS),
    shards=st.booleans(),
    cache_bytes=st.sampled_from([0, 3000, 10**6]),
    data=st.data(),
)
def test_any_window_of_any_grid(
    shape: tuple[int, int, int],
    chunk: tuple[int, int, int],
    version: str,
    shards: bool,
    cache_bytes: int,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("slide")
    pixels = noise(*shape)
    stored: dict[str, Any] = {"chunks": chunk}
    if shards and version == "0.5":
        stored["shards"] = (chunk[0], 2 * chunk[1], 3 * chunk[2])
    save_image(path, version, pixels, array=stored)
    with OmeZarrSlide(path, cache_bytes) as slide:
        assert slide.info.segment_bytes == 2 * np.prod(chunk)
        for _ in range(3):
            y, x = data.draw(st.integers(0, shape[1] - 1)), data.draw(st.integers(0, shape[2] - 1))
            h, w = (data.draw(st.integers(1, n)) for n in (shape[1] - y, shape[2] - x))
            channels = data.draw(st.lists(st.integers(0, shape[0] - 1), min_size=1, max_size=3))
            np.testing.assert_array_equal(
                slide.read(y, x, h, w, channels),
                np.moveaxis(pixels[channels, y : y + h, x : x + w], 0, -1),
            )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("dtype", "read_as"),
    [
        ("uint8", "uint8"),
        ("<u2", "uint16"),
        (">u2", "uint16"),
        ("<f4", "float32"),
        (">f4", "float32"),
        ("int8", "float32"),
        ("<i2", "float32"),
        (">i2", "float32"),
        ("<f2", "float32"),
    ],
)
def test_types(tmp_path: Path, version: str, dtype: str, read_as: str) -> None:
    pixels = noise(2, 20, 30, dtype=dtype)
    if pixels.dtype.kind != "u":
        pixels = pixels - np.array(50).astype(pixels.dtype)
    save_image(tmp_path, version, pixels)
    found = whole(tmp_path)
    assert found.dtype == np.dtype(read_as)
    np.testing.assert_array_equal(found, np.moveaxis(pixels, 0, -1).astype(read_as))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["CD31", "DAPI"], ("CD31", "DAPI")),
        ([0, 1], ("0", "1")),
        ([" CD31 ", ""], ("CD31", "1")),
        (["", ""], ("0", "1")),
        (["CD31"], ("0", "1")),
        (None, ("0", "1")),
    ],
)
def test_channel_names(tmp_path: Path, labels: Any, names: tuple[str, ...]) -> None:
    save_image(tmp_path, "0.5", noise(2, 8, 8), labels=labels)
    assert info_of(tmp_path).channels == names


@pytest.mark.parametrize("version", VERSIONS)
def test_levels(tmp_path: Path, version: str) -> None:
    levels = [noise(2, 101, 60), noise(2, 50, 30), noise(2, 26, 15)]
    save_group(tmp_path, version, image_attributes(version, levels, "cyx"))
    for index, level in enumerate(levels):
        save_array(tmp_path / str(index), version, level)
    info = info_of(tmp_path)
    assert info.levels == (1.0, 2.0, 4.0)
    assert info.level_shapes == ((101, 60), (50, 30), (26, 15))
    for index, level in enumerate(levels):
        np.testing.assert_array_equal(whole(tmp_path, index), np.moveaxis(level, 0, -1))


@pytest.mark.parametrize("version", VERSIONS)
def test_chunks_that_are_not_stored_have_the_fill_value(tmp_path: Path, version: str) -> None:
    save_image(tmp_path, version, np.full((1, 40, 40), 7, np.int16), array={"fill_value": 7})
    edit(tmp_path / "0" / (".zarray" if version == "0.4" else "zarr.json"), {"fill_value": -3})
    np.testing.assert_array_equal(whole(tmp_path), np.full((40, 40, 1), -3, np.float32))


def test_only_the_chunks_of_a_window_are_read(tmp_path: Path) -> None:
    pixels = noise(2, 64, 64) + 1
    save_image(tmp_path, "0.5", pixels, array={"chunks": (1, 16, 16), "shards": (1, 32, 32)})
    for file in (tmp_path / "0" / "c").rglob("*"):
        if file.is_file() and file.relative_to(tmp_path / "0" / "c").as_posix() != "1/0/1":
            file.write_bytes(b"torn")
    with open_slide(tmp_path) as slide:
        found = slide.read(3, 33, 20, 30, [1])
        np.testing.assert_array_equal(found[..., 0], pixels[1, 3:23, 33:63])
        with pytest.raises(SlideFormatError, match="0/c/1/1/1: truncated"):
            slide.read(31, 33, 2, 2, [1])


def test_windows_that_overlap_decode_a_chunk_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hrpn_tf.slides.zarr import chunks as zarr_chunks

    decoded = []
    decode = zarr_chunks.decode
    monkeypatch.setattr(
        zarr_chunks, "decode", lambda *given: decoded.append(len(given[0])) or decode(*given)
    )
    save_image(tmp_path, "0.4", noise(3, 64, 64) + 1, array={"chunks": (3, 16, 16)})
    with OmeZarrSlide(tmp_path) as slide:
        for start in range(0, 48, 4):
            slide.read(start, start, 16, 16, [0, 1, 2])
    assert len(decoded) == 10  # those along the diagonal and beside it
    decoded.clear()
    with OmeZarrSlide(tmp_path, cache_bytes=0) as slide:
        for start in range(0, 48, 4):
            slide.read(start, start, 16, 16, [0, 1, 2])
    assert len(decoded) > 10


@pytest.mark.parametrize("version", VERSIONS)
def test_files_are_the_metadata(tmp_path: Path, version: str) -> None:
    save_image(tmp_path, version, noise(2, 40, 40))
    info = info_of(tmp_path)
    found = {file.relative_to(tmp_path).as_posix() for file in info.files}
    if version == "0.4":
        assert found == {".zgroup", ".zattrs", "0/.zarray", "0/.zattrs"}
    else:
        assert found == {"zarr.json", "0/zarr.json"}
    assert info.format == f"OME-Zarr {version}"


@pytest.mark.parametrize("version", VERSIONS)
def test_bioformats2raw_layout_with_one_image(tmp_path: Path, version: str) -> None:
    mark = {"bioformats2raw.layout": 3}
    save_group(tmp_path, version, mark if version == "0.4" else {"ome": {"version": "0.5"} | mark})
    (tmp_path / "OME").mkdir()
    pixels = noise(2, 40, 40)
    save_image(tmp_path / "0", version, pixels, labels=["a", "b"])
    assert info_of(tmp_path).channels == ("a", "b")
    np.testing.assert_array_equal(whole(tmp_path), np.moveaxis(pixels, 0, -1))
    assert tmp_path / "0" in {file.parent for file in info_of(tmp_path).files}
    save_image(tmp_path / "1", version, pixels)
    with pytest.raises(SlideFormatError, match="holds 2 images; give the folder of one of them"):
        open_slide(tmp_path)
    assert info_of(tmp_path / "1").channels == ("0", "1")


def test_version_may_be_missing_or_marked(tmp_path: Path) -> None:
    for name, version, stated in (
        ("a", "0.4", None),
        ("b", "0.4", "0.4-dev-spatialdata"),
        ("c", "0.5", "0.5-dev-spatialdata"),
    ):
        pixels = noise(1, 8, 8)
        attributes = image_attributes(version, [pixels], "cyx")
        holder = attributes["multiscales"][0] if version == "0.4" else attributes["ome"]
        holder["version"] = stated
        if stated is None:
            del holder["version"]
        save_group(tmp_path / name, version, attributes)
        save_array(tmp_path / name / "0", version, pixels)
        assert info_of(tmp_path / name).format == f"OME-Zarr {version}"


@pytest.mark.parametrize("name", ["blobs_image_v04.ome.zarr", "blobs_image_v05.ome.zarr"])
def test_real_folders(shared_data: Path, name: str, tmp_path: Path) -> None:
    """They are of 64 bit; with their values as 32-bit ones they are read."""
    path = shared_data / "readers" / name
    assert is_ome_zarr(path)
    with pytest.raises(SlideFormatError, match="type float64; save it as uint8, uint16 or float32"):
        open_slide(path)
    group = zarr.open_group(str(path), mode="r")
    pixels = group["0"][...].astype(np.float32)
    version = "0.4" if "v04" in name else "0.5"
    save_group(tmp_path, version, dict(group.attrs))
    save_array(tmp_path / "0", version, pixels)
    info = info_of(tmp_path)
    assert (info.channels, info.pixel_size_um) == (("0", "1", "2"), None)
    np.testing.assert_array_equal(whole(tmp_path), np.moveaxis(pixels, 0, -1))
