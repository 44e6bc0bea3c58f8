"""The metadata of a Zarr array (``.zarray`` of Zarr v2, ``zarr.json`` of v3), read and written.

Read here and not by zarr-python: all that is needed of it are these few values, and it would take
half a second to import, and 38 MB with its numcodecs.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# The keys of Zarr v3; others must say that they need not be understood.
_KEYS = {
    "zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding",
    "fill_value", "codecs", "attributes", "storage_transformers", "dimension_names",
}  # fmt: skip
_TYPES = {
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
    "float32", "float64", "complex64", "complex128",
}  # fmt: skip
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
# A higher level takes twice the time for a tenth of the bytes.
LEVEL = 1


@dataclass(frozen=True)
class ArrayMetadata:
    """What both versions state of an array.

    Attributes:
        shape: of the array.
        chunk: of what is one file: a chunk, or in v3 also a shard.
        dtype: of a pixel; the codecs of v3 give its byte order.
        fill: value of pixels that are not stored.
        key: path of a file, from its position in the grid of files.
    """

    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    dtype: np.dtype
    fill: Any
    key: Callable[[tuple[int, ...]], str]


def read_version_2(content: Mapping[str, Any]) -> ArrayMetadata:
    """Read the object of a ``.zarray``.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is malformed.
    """
    if content["zarr_format"] != 2 or content["order"] not in ("C", "F"):
        raise ValueError("no array of Zarr v2")
    dtype = np.dtype(content["dtype"])
    separator = _separator(content.get("dimension_separator", "."))
    shape, chunk = _sides(content["shape"]), _sides(content["chunks"])
    if len(shape) != len(chunk):
        raise ValueError("chunks of other dimensions")
    fill = content["fill_value"]
    return ArrayMetadata(
        shape,
        chunk,
        dtype,
        dtype.type(0) if fill is None else _fill(fill, dtype),
        _joined(separator),
    )


def read_version_3(content: Mapping[str, Any]) -> ArrayMetadata:
    """Read the object of a ``zarr.json``.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is malformed, or needs what is not
            known here.
    """
    if content["zarr_format"] != 3 or content["node_type"] != "array":
        raise ValueError("no array of Zarr v3")
    for name in set(content) - _KEYS:
        if not isinstance(content[name], dict) or content[name].get("must_understand") is not False:
            raise ValueError(f"{name[:40]!r} is not known")
    if content.get("storage_transformers"):
        raise ValueError("storage transformers are not known")
    if content["data_type"] not in _TYPES:
        raise ValueError(f"the type {str(content['data_type'])[:40]!r} is not known")
    dtype = np.dtype(content["data_type"])
    grid, encoding = content["chunk_grid"], content["chunk_key_encoding"]
    if grid["name"] != "regular" or encoding["name"] not in ("default", "v2"):
        raise ValueError("its grid of chunks, or their names, are not known")
    shape, chunk = _sides(content["shape"]), _sides(grid["configuration"]["chunk_shape"])
    if len(shape) != len(chunk):
        raise ValueError("chunks of other dimensions")
    usual = "/" if encoding["name"] == "default" else "."
    separator = _separator(encoding.get("configuration", {}).get("separator", usual))
    joined = _joined(separator)

    def key(place: tuple[int, ...]) -> str:
        return joined(place) if encoding["name"] == "v2" else f"c{separator}{joined(place)}"

    return ArrayMetadata(shape, chunk, dtype, _fill(content["fill_value"], dtype), key)


def version_2(shape: Sequence[int], chunk: Sequence[int], dtype: np.dtype) -> dict[str, Any]:
    """The object of a ``.zarray``: Blosc is what every reader of Zarr v2 knows.

    Shuffled bytes of 16-bit pixels take a fifth less.
    """
    blosc = {"id": "blosc", "cname": "zstd", "clevel": LEVEL, "shuffle": 1, "blocksize": 0}
    return {
        "shape": list(shape),
        "chunks": list(chunk),
        "dtype": dtype.newbyteorder("<").str,
        "fill_value": 0,
        "order": "C",
        "filters": None,
        "dimension_separator": "/",
        "compressor": blosc,
        "zarr_format": 2,
    }


def version_3(
    shape: Sequence[int], shard: Sequence[int], chunk: Sequence[int], dtype: np.dtype
) -> dict[str, Any]:
    """The object of a ``zarr.json``, of an array (C, Y, X) whose files are shards."""
    plain: dict[str, Any] = {"name": "bytes"}
    ordered = {"name": "bytes", "configuration": {"endian": "little"}}
    zstd = {"name": "zstd", "configuration": {"level": LEVEL, "checksum": False}}
    sharding = {
        "chunk_shape": list(chunk),
        "codecs": [plain if dtype.itemsize == 1 else ordered, zstd],
        "index_codecs": [ordered, {"name": "crc32c"}],
        "index_location": "end",
    }
    return {
        "shape": list(shape),
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shard)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "attributes": {},
        "dimension_names": ["c", "y", "x"],
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    }


def _joined(separator: str) -> Callable[[tuple[int, ...]], str]:
    return lambda place: separator.join(map(str, place))


def _separator(value: Any) -> str:
    if value not in (".", "/"):
        raise ValueError(f"{str(value)[:40]!r} separates no numbers")
    return str(value)


def _sides(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not values:
        raise TypeError("no list of sides")
    if any(isinstance(side, bool) or not isinstance(side, int) or side < 0 for side in values):
        raise ValueError("sides are whole numbers")
    return tuple(values)


def _fill(value: Any, dtype: np.dtype) -> Any:
    """A fill value as JSON stores it, as one of the type."""
    if dtype.kind == "c":
        real, imaginary = value
        return dtype.type(complex(_float(real), _float(imaginary)))
    if dtype.kind == "f":
        if isinstance(value, str) and value.startswith("0x"):
            return np.frombuffer(bytes.fromhex(value[2:])[::-1], dtype.newbyteorder("<"))[0]
        return dtype.type(_float(value))
    if dtype.kind == "b":
        if value not in (0, 1):
            raise ValueError("the fill value is neither true nor false")
        return np.bool_(value)
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError("the fill value is no whole number")
    limits = np.iinfo(dtype)
    if not limits.min <= number <= limits.max:
        raise ValueError("the fill value does not fit the type")
    return dtype.type(number)


def _float(value: Any) -> float:
    if isinstance(value, str):
        return _NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("the fill value is no number")
    return float(value)
