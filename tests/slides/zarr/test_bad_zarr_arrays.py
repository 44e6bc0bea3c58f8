"""Absurd and hostile descriptions of Zarr arrays end in a named error, and take no memory."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import zarr
from support.reading import read_all
from support.zarr_samples import array_file, edit, noise, save_image

from hrpn_tf.errors import SlideFormatError

LIMIT = 60_000_000
HUGE = 2**31 - 1
ABSURD_V2: list[tuple[dict[str, Any], str]] = [
    ({"shape": [1, 10**30, 8]}, "malformed: 1 x 10000"),
    ({"shape": [1, 0, 8]}, "malformed: 1 x 0 x 8"),
    ({"shape": [1, -8, 8]}, "malformed"),
    ({"shape": [8, 8]}, "malformed"),
    ({"shape": [1, 8, 8, 1], "chunks": [1, 8, 8, 1]}, "4 dimensions for 3 axes"),
    ({"chunks": [1, 0, 8]}, "malformed: .* in chunks of 1 x 0 x 8"),
    ({"chunks": [1, HUGE, HUGE]}, "are too large to decode one by one"),
    ({"chunks": [1, 16_385, 16_385]}, "are too large to decode one by one"),
    ({"chunks": [10**30, 8, 8]}, "malformed"),
    ({"dtype": "<U99999999"}, "type '<U99999999'; save it as uint8, uint16 or float32"),
    ({"dtype": "|b1"}, "type bool; save it as uint8, uint16 or float32"),
    ({"dtype": "<f8"}, "type float64"),
    ({"dtype": "<u4"}, "type uint32"),
    ({"dtype": "<c8", "fill_value": None}, "type complex64"),
    ({"dtype": "|O", "filters": [{"id": "pickle"}]}, "of type '|O'; save it as uint8"),
    ({"compressor": {"id": "pickle"}}, "encoded by 'pickle', which is not supported"),
    ({"compressor": {"id": "json2"}}, "encoded by 'json2', which is not supported"),
    ({"compressor": {"id": "nonsense"}}, "encoded by 'nonsense', which is not supported"),
    ({"filters": [{"id": "packbits"}]}, "encoded by 'packbits', which is not supported"),
    ({"filters": [{"id": "zstd"}], "compressor": {"id": "zstd"}}, "compressed twice"),
]


@pytest.mark.parametrize(("change", "match"), ABSURD_V2)
def test_absurd_arrays_of_version_2(
    tmp_path: Path,
    change: dict[str, Any],
    match: str,
    memory_grows_less_than: Callable[[int], AbstractContextManager[None]],
) -> None:
    save_image(tmp_path, "0.4", noise(1, 8, 8))
    edit(array_file(tmp_path, "0.4"), change)
    with memory_grows_less_than(LIMIT), pytest.raises(SlideFormatError, match=match) as caught:
        read_all(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def grid(*shape: int) -> dict[str, Any]:
    return {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shape)}}}


def sharded(*chunk: int, index: Any = ("bytes", "crc32c"), **more: Any) -> dict[str, Any]:
    little = {"endian": "little"}
    codec = {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": list(chunk),
            "codecs": [{"name": "bytes", "configuration": little}],
            "index_codecs": [
                {"name": name, "configuration": little if name == "bytes" else {}} for name in index
            ],
        }
        | more,
    }
    return {"codecs": [codec]}


BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
ABSURD_V3: list[tuple[dict[str, Any], str]] = [
    (grid(1, HUGE, HUGE), "are too large to decode one by one"),
    (grid(1, 0, 8), "malformed: .* in chunks of 1 x 0 x 8"),
    (grid(1, 10**6, 10**6) | sharded(1, 1, 1), "chunks in a shard are too many"),
    (grid(1, 16, 16) | sharded(1, 32, 32), "malformed"),
    (grid(1, 16, 16) | sharded(1, 5, 16), "malformed"),
    (grid(1, 16, 16) | sharded(1, 8, 8, index=("bytes", "gzip")), "index of its shards|malformed"),
    (grid(1, 16, 16) | sharded(1, 8, 8, codecs=sharded(1, 8, 8)["codecs"]), "sharding_indexed"),
    ({"codecs": sharded(1, 8, 8)["codecs"] + [{"name": "crc32c"}]}, "sharding_indexed"),
    ({"codecs": [BYTES, {"name": "zstd"}, {"name": "gzip"}]}, "compressed twice|malformed"),
    ({"codecs": [BYTES, {"name": "nonsense"}]}, "encoded by 'nonsense', which is not supported"),
    ({"codecs": []}, "malformed"),
    ({"data_type": "int64"}, "type int64"),
    ({"data_type": "complex64", "fill_value": [0, 0]}, "type complex64"),
    ({"data_type": "nonsense"}, "malformed"),
    ({"fill_value": "nonsense"}, "malformed"),
    ({"node_type": "group"}, "malformed"),
    ({"zarr_format": 2}, "malformed"),
]


@pytest.mark.parametrize(("change", "match"), ABSURD_V3)
def test_absurd_arrays_of_version_3(
    tmp_path: Path,
    change: dict[str, Any],
    match: str,
    memory_grows_less_than: Callable[[int], AbstractContextManager[None]],
) -> None:
    save_image(tmp_path, "0.5", noise(1, 8, 8))
    edit(array_file(tmp_path, "0.5"), change)
    with memory_grows_less_than(LIMIT), pytest.raises(SlideFormatError, match=match) as caught:
        read_all(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_codecs_that_run_code_are_not_run(tmp_path: Path) -> None:
    """numcodecs knows pickle; the array of a file must not reach it."""
    pixels = noise(1, 8, 8)
    save_image(tmp_path, "0.4", pixels, array={"compressors": None})
    file = array_file(tmp_path, "0.4")
    for key in ("compressor", "filters"):
        pickle = {"id": "pickle", "protocol": 5}
        before = json.loads(file.read_text())
        edit(file, {key: pickle if key == "compressor" else [pickle]})
        with pytest.raises(SlideFormatError):
            read_all(tmp_path)
        file.write_text(json.dumps(before))
    read_all(tmp_path)
    assert zarr.open_array(str(tmp_path / "0"), mode="r")[...].max() == pixels.max()
