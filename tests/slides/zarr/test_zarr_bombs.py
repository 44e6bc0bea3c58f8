"""OME-Zarr from strangers: filters that fill the memory, links that lead out, names, chunks."""

import json
import os
import shutil
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
from support.zarr_samples import edit, save_image

from hrpn_tf.errors import SlideChangedError, SlideFormatError
from hrpn_tf.prediction.change import FileStates
from hrpn_tf.prediction.provenance import slide_checksums
from hrpn_tf.slides import channel_index, open_slide
from hrpn_tf.workflows.inspect.slide import inspect_slide
from hrpn_tf.workflows.inspect.summary import as_text

LIMIT = 60_000_000
PIXELS = (np.arange(64 * 64) % 200).astype("uint8").reshape(1, 64, 64)


def saved(folder: Path, content: bytes | None = None, **change: Any) -> Path:
    """A Zarr of version 2 with one uncompressed chunk, and some keys of its array changed."""
    stored = {"chunks": (1, 64, 64), "compressors": None}
    save_image(folder, "0.4", PIXELS, array=stored)
    edit(folder / "0" / ".zarray", change)
    if content is not None:
        (folder / "0" / "0" / "0" / "0").write_bytes(content)
    return folder


def read(path: Path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read(0, 0, 64, 64, [0])[..., 0]


def filtered(name: str, **configuration: Any) -> list[dict[str, Any]]:
    return [{"id": name, **configuration}]


AS_TEXT = {"encode_dtype": "|u1", "decode_dtype": "<U200000"}
FILTERS = [
    filtered("astype", **AS_TEXT),
    filtered("astype", encode_dtype="|u1", decode_dtype="|S400000"),
    filtered("astype", encode_dtype="|u1", decode_dtype="|O"),
    filtered("astype", encode_dtype="|u1", decode_dtype="<c16"),
    filtered("astype", encode_dtype="|u1", decode_dtype=[["a", "<u1"]]),
    filtered("astype", encode_dtype="|u1", decode_dtype="<f8"),
    filtered("astype", encode_dtype="<f8", decode_dtype="|u1") * 7,
    filtered("fixedscaleoffset", scale=1, offset=0, dtype="<U200000", astype="|u1"),
    filtered("fixedscaleoffset", scale=0, offset=0, dtype="|u1", astype="|u1"),
    filtered("fixedscaleoffset", scale=1e999, offset=0, dtype="|u1", astype="|u1"),
    filtered("delta", dtype="|O", astype="|O"),
    filtered("delta", dtype="<U9", astype="|u1"),
    filtered("quantize", digits=2, dtype="<f4", astype="<f4"),
    filtered("shuffle", elementsize=0),
    filtered("shuffle", elementsize=2**31 - 1),
    filtered("bitround", keepbits="many"),
    filtered("pickle"),
    filtered("vlen-utf8"),
    filtered("crc32", location="elsewhere"),
]


@pytest.mark.parametrize("filters", FILTERS)
def test_filters_that_are_no_plain_numbers_are_refused(
    tmp_path: Path,
    filters: list[dict[str, Any]],
    memory_grows_less_than: Callable[[int], AbstractContextManager[None]],
) -> None:
    saved(tmp_path, filters=filters)
    with memory_grows_less_than(LIMIT), pytest.raises(SlideFormatError) as caught:
        read(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


PLAIN = [
    numcodecs.Delta("<u2", "<i4"),
    numcodecs.FixedScaleOffset(offset=0, scale=2, dtype="<u2", astype="<u2"),
    numcodecs.AsType(encode_dtype="<u4", decode_dtype="<u2"),
    numcodecs.Shuffle(2),
]


@pytest.mark.parametrize("step", PLAIN)
def test_filters_of_plain_numbers_are_undone(tmp_path: Path, step: Any) -> None:
    pixels = PIXELS.astype("<u2")
    options = {"chunks": (1, 64, 64), "compressors": numcodecs.Zstd(1), "filters": [step]}
    save_image(tmp_path, "0.4", pixels, array=options)
    np.testing.assert_array_equal(read(tmp_path), pixels[0], strict=True)


def test_a_codec_is_never_another_one_by_its_configuration(tmp_path: Path) -> None:
    code = b"cos\nmkdir\n(S'" + os.fsencode(tmp_path / "done") + b"'\ntR."
    for index, encoding in enumerate(
        (
            {"compressor": {"id": "pickle"}},
            {"compressor": None, "filters": [{"id": "pickle"}]},
            {"dtype": "|O", "filters": [{"id": "pickle"}], "fill_value": None},
        )
    ):
        with pytest.raises(SlideFormatError):
            read(saved(tmp_path / str(index), code, **encoding))
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("name", ["blosc", "lz4", "bz2", "zlib"])
def test_headers_that_promise_more_than_a_chunk_are_refused(tmp_path: Path, name: str) -> None:
    plain = PIXELS.tobytes()
    codec = {"blosc": numcodecs.Blosc(), "lz4": numcodecs.LZ4(), "bz2": numcodecs.BZ2(1)}
    encoded = bytearray(
        codec[name].encode(plain + b"more") if name != "zlib" else zlib.compress(plain + b"more")
    )
    if name in ("blosc", "lz4"):
        encoded = bytearray(codec[name].encode(plain))
        place = 4 if name == "blosc" else 0
        encoded[place : place + 4] = (2**31 - 1).to_bytes(4, "little")
    saved(tmp_path, bytes(encoded), compressor={"id": name})
    with pytest.raises(SlideFormatError, match="0/0/0: not a Zarr chunk"):
        read(tmp_path)


@pytest.mark.parametrize("side", [(1, 1), (16, 16), (1, 40)])
def test_an_image_of_tiny_chunks_is_refused_at_once(tmp_path: Path, side: tuple[int, int]) -> None:
    saved(tmp_path, shape=[1, 4000, 4000], chunks=[1, *side])
    started = time.process_time()
    with pytest.raises(SlideFormatError, match=r"take too long to read; store it in chunks"):
        open_slide(tmp_path)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("count", [1, 6, 32])
def test_no_more_dimensions_than_an_ome_zarr_has(tmp_path: Path, count: int) -> None:
    saved(tmp_path)
    attributes = json.loads((tmp_path / ".zattrs").read_text(encoding="utf-8"))
    attributes["multiscales"][0]["axes"] = [{"name": f"a{index}"} for index in range(count)]
    edit(tmp_path / ".zattrs", attributes)
    with pytest.raises(SlideFormatError, match=f"has axes for {count} dimensions"):
        open_slide(tmp_path)
    shutil.rmtree(tmp_path)
    saved(tmp_path, shape=[1] * 30 + [64, 64])
    with pytest.raises(SlideFormatError, match="32 dimensions"):
        open_slide(tmp_path)


def test_many_channels_take_no_more_time_and_memory_than_some(
    tmp_path: Path, memory_grows_less_than: Callable[[int], AbstractContextManager[None]]
) -> None:
    """Nothing is stored, so that a folder of two files claims 64 channels of 4096 x 4096 px."""
    saved(tmp_path / "a", shape=[64, 4096, 4096], chunks=[1, 4096, 4096])
    shutil.rmtree(tmp_path / "a" / "0" / "0")
    started = time.process_time()
    with memory_grows_less_than(400_000_000):
        inspect_slide(tmp_path / "a", tmp_path / "a.png")
    assert time.process_time() - started < 10


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 1e308, -1.0, 0.0])
def test_scales_that_are_no_size_state_none(tmp_path: Path, scale: float) -> None:
    save_image(tmp_path, "0.4", PIXELS, scale=scale, unit="meter")
    with open_slide(tmp_path) as slide:
        assert slide.info.pixel_size_um is None


@pytest.mark.parametrize("inner", ["chunk", "folder", "level", ".zarray", ".zattrs", "device"])
def test_links_that_lead_out_are_refused(tmp_path: Path, inner: str) -> None:
    path, elsewhere = saved(tmp_path / "a.zarr"), saved(tmp_path / "secret.zarr")
    places = {"chunk": "0/0/0/0", "folder": "0/0", "level": "0", ".zarray": "0/.zarray"}
    place = path / places.get(inner, "0/0/0/0" if inner == "device" else inner)
    target = Path("/dev/zero") if inner == "device" else elsewhere / place.relative_to(path)
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    place.symlink_to(target)
    with pytest.raises(SlideFormatError, match="a link leads out of the slide"):
        read(path)


def test_links_within_a_slide_and_to_it_are_followed(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zarr")
    chunk = path / "0" / "0" / "0" / "0"
    chunk.rename(path / "0" / "kept")
    chunk.symlink_to("../../kept")
    (path / "0").rename(path / "level")
    (path / "0").symlink_to("level")
    (tmp_path / "link.zarr").symlink_to(path)
    np.testing.assert_array_equal(read(tmp_path / "link.zarr"), PIXELS[0])


def test_a_link_that_leads_nowhere_is_no_missing_chunk(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zarr")
    chunk = path / "0" / "0" / "0" / "0"
    chunk.unlink()
    assert not read(path).any(), "a chunk that is not stored"
    chunk.symlink_to("/nowhere/at/all")
    with pytest.raises(SlideFormatError, match="a link leads out of the slide"):
        read(path)


def test_checksums_and_changes_leave_out_what_lies_elsewhere(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zarr")
    before = slide_checksums(path)
    (tmp_path / "secret").write_text("a")
    (path / "secret").symlink_to(tmp_path / "secret")
    (path / "dead").symlink_to("/nowhere/at/all")
    assert slide_checksums(path) == before
    states = FileStates.of([path])
    states.check()
    (path / "0" / "0" / "0" / "0").write_bytes(b"changed")
    with pytest.raises(SlideChangedError):
        states.check()


@pytest.mark.parametrize("separator", ["/../../../ok/0/", "..", "//", "\\"])
def test_separators_that_climb_are_refused(tmp_path: Path, separator: str) -> None:
    with pytest.raises(SlideFormatError, match="malformed"):
        read(saved(tmp_path, dimension_separator=separator))


NAMES = [
    ("DAPI \ud800x", "DAPI \\ud800x"),
    ("\udcff", "\\udcff"),
    ("a\0b", "a\\x00b"),
    ("a\nb\tc", "a b c"),
    ("\x1b[31mDAPI\u009b", "\\x1b[31mDAPI\\x9b"),
    (r"$\frac{$", r"$\frac{$"),
    ("N" * 100_000, "N" * 199 + "…"),
]


@pytest.mark.parametrize(("label", "shown"), NAMES)
def test_odd_labels_are_printable_everywhere(tmp_path: Path, label: str, shown: str) -> None:
    save_image(tmp_path / "a", "0.4", PIXELS, labels=[label])
    report = inspect_slide(tmp_path / "a", tmp_path / "a.png")
    assert report.info.channels == (shown,)
    assert (tmp_path / "a.png").stat().st_size
    as_text(report).encode("utf-8")
    assert channel_index(report.info, shown) == channel_index(report.info, label) == 0


def test_a_level_of_another_shape_is_no_level(tmp_path: Path) -> None:
    saved(tmp_path)
    attributes = json.loads((tmp_path / ".zattrs").read_text(encoding="utf-8"))
    levels = attributes["multiscales"][0]["datasets"]
    levels.append({**levels[0], "path": "1"})
    edit(tmp_path / ".zattrs", attributes)
    shutil.copytree(tmp_path / "0", tmp_path / "1")
    edit(tmp_path / "1" / ".zarray", {"shape": [1, 32, 16]})
    with pytest.raises(SlideFormatError, match="no reduced copy of the full image"):
        open_slide(tmp_path)
    edit(tmp_path / "1" / ".zarray", {"shape": [1, 32, 32]})
    with open_slide(tmp_path) as slide:
        assert slide.info.levels == (1.0, 2.0)
