"""How a Zarr array is stored: shape, chunks, shards, codecs; Zarr v2 and v3."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.planes import MAX_SEGMENT_BYTES
from hrpn_tf.slides.zarr.codecs import refuse_unknown
from hrpn_tf.slides.zarr.metadata_files import MARKS, read_json

_MAX_SIDE = 2**31
_MAX_INDEX_BYTES = 64 * 2**20
_INDEX_CODECS = (["bytes"], ["bytes", "crc32c"])


@dataclass(frozen=True)
class Shards:
    """How several chunks lie in one file, with an index of (offset, length) of each.

    Attributes:
        shape: of a shard, a multiple of the chunk's along each axis.
        index_first: whether the index is at the start of the file rather than at its end.
        checked: whether a checksum of 4 bytes follows the index.
    """

    shape: tuple[int, ...]
    index_first: bool
    checked: bool


@dataclass(frozen=True)
class ArrayLayout:
    """How an array is stored.

    Attributes:
        folder: of the array.
        shape, chunk: of the array, and of what is decoded at once.
        dtype: as stored, byte order included.
        fill: value of the pixels of chunks that are not stored.
        order: of the axes within a chunk, from the slowest to the fastest.
        steps: what undoes a chunk's encoding, see :mod:`~hrpn_tf.slides.zarr.codecs`.
        shards: None where each chunk is a file.
        key: path of a file below ``folder``, from its position in the grid of files.
    """

    folder: Path
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    dtype: np.dtype
    fill: Any
    order: tuple[int, ...]
    steps: tuple[Mapping[str, Any], ...]
    shards: Shards | None
    key: Callable[[tuple[int, ...]], str]

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a chunk when it is decoded."""
        return math.prod(self.chunk) * self.dtype.itemsize

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        return tuple(math.ceil(s / c) for s, c in zip(self.shape, self.chunk, strict=True))

    @property
    def chunks_per_shard(self) -> tuple[int, ...]:
        """Along each axis; 1 where each chunk is a file."""
        shape = self.chunk if self.shards is None else self.shards.shape
        return tuple(s // c for s, c in zip(shape, self.chunk, strict=True))


def read_layout(folder: Path, zarr_format: int) -> ArrayLayout:
    """The layout of the array in a folder; nothing of its size is taken from memory.

    Raises:
        SlideFormatError: no array, or one that is absurdly large or of an unsupported kind.
        Exception: whatever zarr-python raises on malformed metadata.
    """
    import zarr

    files = [folder / mark for mark in MARKS if (folder / mark).exists()]
    if not files:
        raise SlideFormatError(f"{folder}: is missing or holds no Zarr array; copy the slide again")
    for file in files:
        read_json(file)  # zarr-python would wait for a pipe, and read a file of any size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = zarr.open_array(str(folder), mode="r", zarr_format=zarr_format)
    metadata: dict[str, Any] = array.metadata.to_dict()
    common = {
        "folder": folder,
        "shape": array.shape,
        "fill": 0 if array.fill_value is None else array.fill_value,
        "key": array.metadata.encode_chunk_key,
    }
    layout = (_version_2 if zarr_format == 2 else _version_3)(metadata, array.dtype, common)
    _refuse_absurd(layout)
    refuse_unknown(layout.steps, folder)
    return layout


def _version_2(metadata: Mapping[str, Any], dtype: np.dtype, common: dict[str, Any]) -> ArrayLayout:
    axes = tuple(range(len(common["shape"])))
    encoders = [*(metadata["filters"] or ()), *filter(None, [metadata["compressor"]])]
    return ArrayLayout(
        chunk=tuple(metadata["chunks"]),
        dtype=dtype,
        order=axes[::-1] if metadata["order"] == "F" else axes,
        steps=tuple(encoders[::-1]),
        shards=None,
        **common,
    )


def _version_3(metadata: Mapping[str, Any], dtype: np.dtype, common: dict[str, Any]) -> ArrayLayout:
    shape = tuple(metadata["chunk_grid"]["configuration"]["chunk_shape"])
    codecs: Sequence[Mapping[str, Any]] = metadata["codecs"]
    shards = None
    if codecs[0]["name"] == "sharding_indexed" and len(codecs) == 1:
        sharding = codecs[0]["configuration"]
        index = [codec["name"] for codec in sharding["index_codecs"]]
        endian = sharding["index_codecs"][0].get("configuration", {}).get("endian", "little")
        if index not in _INDEX_CODECS or endian != "little":
            raise SlideFormatError(
                f"{common['folder']}: the index of its shards is encoded by {', '.join(index)}, "
                "which is not supported"
            )
        shards = Shards(shape, sharding["index_location"] == "start", index[-1] == "crc32c")
        shape, codecs = tuple(sharding["chunk_shape"]), sharding["codecs"]
    order = tuple(range(len(shape)))
    if codecs[0]["name"] == "transpose":
        order, codecs = tuple(codecs[0]["configuration"]["order"]), codecs[1:]
    if codecs[0]["name"] != "bytes":
        raise SlideFormatError(
            f"{common['folder']}: its chunks are encoded by {str(codecs[0]['name'])[:40]!r}, which "
            "is not supported"
        )
    big = codecs[0].get("configuration", {}).get("endian") == "big"
    encoders = [
        {**codec.get("configuration", {}), "id": codec["name"].removeprefix("numcodecs.")}
        for codec in codecs[1:]
    ]
    return ArrayLayout(
        chunk=shape,
        dtype=dtype.newbyteorder(">" if big else "<"),
        order=order,
        steps=tuple(encoders[::-1]),
        shards=shards,
        **common,
    )


def _refuse_absurd(layout: ArrayLayout) -> None:
    folder = layout.folder
    sides = (*layout.shape, *layout.chunk)
    shard = layout.chunk if layout.shards is None else layout.shards.shape
    if min(sides) < 1 or max(sides) >= _MAX_SIDE or not _divides(layout.chunk, shard):
        raise SlideFormatError(
            f"{folder}: malformed: {_product(layout.shape)} in chunks of {_product(layout.chunk)} "
            f"and shards of {_product(shard)}"
        )
    if layout.chunk_bytes > MAX_SEGMENT_BYTES:
        raise SlideFormatError(
            f"{folder}: chunks of {_product(layout.chunk)} are too large to decode one by one; "
            "store it in smaller chunks"
        )
    if 16 * math.prod(layout.chunks_per_shard) > _MAX_INDEX_BYTES:
        raise SlideFormatError(
            f"{folder}: {math.prod(layout.chunks_per_shard)} chunks in a shard are too many"
        )


def _divides(chunk: tuple[int, ...], shard: tuple[int, ...]) -> bool:
    return all(s >= c and s % c == 0 for s, c in zip(shard, chunk, strict=True))


def _product(sides: tuple[int, ...]) -> str:
    return " x ".join(map(str, sides))[:80]
