"""The metadata of Zarr arrays is understood as zarr-python understands it."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from hrpn_tf.slides.zarr.array_metadata import (
    read_version_2,
    read_version_3,
    version_2,
    version_3,
)

SHAPE, CHUNK = (3, 40, 50), (1, 16, 20)
READ = {2: (".zarray", read_version_2), 3: ("zarr.json", read_version_3)}


def metadata(folder: Path, version: int, **options: Any) -> tuple[zarr.Array, dict[str, Any]]:
    """An array that zarr-python made, and its metadata."""
    array = zarr.create_array(
        str(folder), shape=SHAPE, chunks=CHUNK, zarr_format=version, **options
    )
    content: dict[str, Any] = json.loads((folder / READ[version][0]).read_text())
    return array, content


@pytest.mark.parametrize("version", READ)
@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        ("uint8", 0), ("uint16", 65535), ("int32", -7), ("uint64", 2**64 - 1), ("bool", True),
        ("float32", 0.5), ("float64", math.nan), ("float32", math.inf), ("float16", -math.inf),
        ("complex64", 1 + 2j),
    ],
)  # fmt: skip
def test_types_and_fill_values(tmp_path: Path, version: int, dtype: str, fill: Any) -> None:
    if version == 2 and dtype == "complex64":
        pytest.skip("Zarr v2 stores it in base64; no slide holds it")
    array, content = metadata(tmp_path / "0", version, dtype=dtype, fill_value=fill)
    found = READ[version][1](content)
    assert (found.shape, found.chunk, found.dtype) == (array.shape, array.chunks, array.dtype)
    np.testing.assert_array_equal(found.fill, np.asarray(fill, dtype))
    assert np.asarray(found.fill).dtype == dtype


@pytest.mark.parametrize("version", READ)
@pytest.mark.parametrize("name", ["v2", "default"])
@pytest.mark.parametrize("separator", [".", "/"])
def test_names_of_files(tmp_path: Path, version: int, name: str, separator: str) -> None:
    if version == 2 and name == "default":
        pytest.skip("of Zarr v3")
    encoding = {"name": name, "separator": separator}
    array, content = metadata(tmp_path / "0", version, dtype="uint8", chunk_key_encoding=encoding)
    key = READ[version][1](content).key
    assert key((2, 0, 11)) == array.metadata.encode_chunk_key((2, 0, 11))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_what_is_written_is_what_zarr_python_writes(tmp_path: Path, dtype: str) -> None:
    shards, names = (1, 32, 40), ("c", "y", "x")
    _, content = metadata(
        tmp_path / "0", 3, dtype=dtype, shards=shards, fill_value=0, dimension_names=names,
        compressors=zarr.codecs.ZstdCodec(level=1),
    )  # fmt: skip
    assert version_3(SHAPE, shards, CHUNK, np.dtype(dtype)) == content
    (tmp_path / "1").mkdir()
    old = version_2(SHAPE, CHUNK, np.dtype(dtype))
    (tmp_path / "1" / ".zarray").write_text(json.dumps(old))
    array = zarr.open_array(str(tmp_path / "1"), mode="r")
    assert (array.shape, array.chunks, array.dtype) == (SHAPE, CHUNK, dtype)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [3, 40]}, "other dimensions"),
        ({"shape": [3, 40, -1]}, "whole numbers"),
        ({"shape": [3, 40, 2.5]}, "whole numbers"),
        ({"shape": "3"}, "no list"),
        ({"data_type": "object"}, "not known"),
        ({"fill_value": 256}, "does not fit"),
        ({"fill_value": "0"}, "no whole number"),
        ({"fill_value": True}, "no whole number"),
        ({"chunk_key_encoding": {"name": "default", "configuration": {"separator": "../"}}}, "sep"),
        ({"chunk_grid": {"name": "rectilinear", "configuration": {}}}, "grid"),
        ({"storage_transformers": [{"name": "remote"}]}, "transformers"),
        ({"new": {"must_understand": True}}, "'new' is not known"),
        ({"new": 3}, "'new' is not known"),
        ({"node_type": "group"}, "no array"),
    ],
)
def test_what_is_malformed_is_refused(change: dict[str, Any], said: str) -> None:
    content = version_3(SHAPE, CHUNK, CHUNK, np.dtype("uint8"))
    assert read_version_3(content | {"new": {"must_understand": False}}).shape == SHAPE
    with pytest.raises((ValueError, TypeError), match=said):
        read_version_3(content | change)
