"""How a Zarr array is stored: shape, chunks, shards, codecs; Zarr v2 and v3."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.planes import MAX_SEGMENT_BYTES
from hrpn_tf.slides.zarr.array_metadata import ArrayMetadata, read_version_2, read_version_3
from hrpn_tf.slides.zarr.codecs import Step, refuse_unknown, steps_of
from hrpn_tf.slides.zarr.links import Inside
from hrpn_tf.slides.zarr.metadata_files import read_json

_MAX_SIDE = 2**31
_MAX_INDEX_BYTES = 16 * 2**20
_MAX_DIMENSIONS = 5  # of an OME-Zarr
_MOST_CODECS = 8
_LONGEST_TYPE = 16  # of a name of a type
# Numbers of any kind; of which ones a slide is made is asked later.
_PLAIN = re.compile(r"[<>|=]?[biufc](1|2|4|8|16)")
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
    steps: tuple[Step, ...]
    shards: Shards | None
    key: Callable[[tuple[int, ...]], str]

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a chunk when it is decoded."""
        return math.prod(self.chunk) * self.dtype.itemsize

    @property
    def most_bytes(self) -> int:
        """Bytes of a chunk before it is compressed, which filters may have made larger."""
        return max(self.chunk_bytes, *(step.size or 0 for step in self.steps), 0)

    @property
    def index_bytes(self) -> int:
        """Bytes of the index of a shard; 0 where each chunk is a file."""
        if self.shards is None:
            return 0
        return 16 * math.prod(self.chunks_per_shard) + (4 if self.shards.checked else 0)

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        return tuple(math.ceil(s / c) for s, c in zip(self.shape, self.chunk, strict=True))

    @property
    def chunks_per_shard(self) -> tuple[int, ...]:
        """Along each axis; 1 where each chunk is a file."""
        shape = self.chunk if self.shards is None else self.shards.shape
        return tuple(s // c for s, c in zip(shape, self.chunk, strict=True))


def read_layout(folder: Path, zarr_format: int, inside: Inside | None = None) -> ArrayLayout:
    """The layout of the array in a folder; nothing of its size is taken from memory.

    Args:
        folder: of the array.
        zarr_format: 2 or 3.
        inside: the folder that no link may lead out of; by default that of the array.

    Raises:
        SlideFormatError: no array, or one that is absurdly large or of an unsupported kind.
        ValueError, TypeError, KeyError, AttributeError, IndexError: malformed metadata.
    """
    mark = ".zarray" if zarr_format == 2 else "zarr.json"
    if not (folder / mark).exists():
        (inside or Inside(folder)).check(folder)
        raise SlideFormatError(f"{folder}: is missing or holds no Zarr array; copy the slide again")
    content = read_json(folder / mark, inside or Inside(folder))
    (_refuse_version_2 if zarr_format == 2 else _refuse_version_3)(content, folder)
    array = (read_version_2 if zarr_format == 2 else read_version_3)(content)
    common = {"folder": folder, "shape": array.shape, "fill": array.fill, "key": array.key}
    layout, codecs = (_version_2 if zarr_format == 2 else _version_3)(content, array, common)
    _refuse_absurd(layout)
    count = math.prod(layout.chunk)
    return replace(layout, steps=steps_of(codecs, layout.dtype.itemsize, count, folder))


def _refuse_version_2(content: Mapping[str, Any], folder: Path) -> None:
    """Refuse types and codecs before anything is made of them."""
    _refuse_dimensions(content, folder)
    _refuse_type(content.get("dtype"), _PLAIN.fullmatch, folder)
    codecs = [*(content.get("filters") or ()), content.get("compressor")]
    refuse_unknown([codec for codec in codecs if codec is not None], folder)


def _refuse_version_3(content: Mapping[str, Any], folder: Path) -> None:
    _refuse_dimensions(content, folder)
    _refuse_type(content.get("data_type"), re.compile(r"[a-z]+\d{0,3}").fullmatch, folder)
    codecs: Sequence[Mapping[str, Any]] = content.get("codecs") or ()
    if len(codecs) == 1 and codecs[0]["name"] == "sharding_indexed":
        sharding = codecs[0]["configuration"]
        _refuse_codecs(sharding["index_codecs"], folder)
        codecs = sharding["codecs"]
    _refuse_codecs(codecs, folder)


def _refuse_codecs(codecs: Sequence[Mapping[str, Any]], folder: Path) -> None:
    if len(codecs) > _MOST_CODECS:
        raise SlideFormatError(f"{folder}: malformed: {len(codecs)} codecs of its chunks")
    refuse_unknown(_after_bytes(codecs), folder)


def _refuse_dimensions(content: Mapping[str, Any], folder: Path) -> None:
    shape = content.get("shape")
    if isinstance(shape, list) and len(shape) > _MAX_DIMENSIONS:
        raise SlideFormatError(
            f"{folder}: malformed: {len(shape)} dimensions, where an OME-Zarr has at most "
            f"{_MAX_DIMENSIONS}"
        )


def _refuse_type(name: Any, known: Callable[[str], object], folder: Path) -> None:
    if not isinstance(name, str) or len(name) > _LONGEST_TYPE or not known(name):
        raise SlideFormatError(
            f"{folder}: malformed, or of an unsupported kind: its pixels are of type "
            f"{str(name)[:40]!r}; save it as uint8, uint16 or float32"
        )


def _after_bytes(codecs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Codecs of Zarr v3 that follow "bytes", as configurations of numcodecs."""
    named = [codec for codec in codecs if codec["name"] not in ("bytes", "transpose")]
    return [
        {**codec.get("configuration", {}), "id": codec["name"].removeprefix("numcodecs.")}
        for codec in named
    ]


# a layout without its steps, and the codecs to undo
_Encoded = tuple[ArrayLayout, Sequence[Mapping[str, Any]]]


def _version_2(
    content: Mapping[str, Any], array: ArrayMetadata, common: dict[str, Any]
) -> _Encoded:
    axes = tuple(range(len(array.shape)))
    encoders = [*(content.get("filters") or ()), *filter(None, [content.get("compressor")])]
    layout = ArrayLayout(
        chunk=array.chunk,
        dtype=array.dtype,
        order=axes[::-1] if content["order"] == "F" else axes,
        steps=(),
        shards=None,
        **common,
    )
    return layout, encoders[::-1]


def _version_3(
    content: Mapping[str, Any], array: ArrayMetadata, common: dict[str, Any]
) -> _Encoded:
    shape = array.chunk
    codecs: Sequence[Mapping[str, Any]] = content["codecs"]
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
        shards = Shards(shape, sharding.get("index_location") == "start", index[-1] == "crc32c")
        shape, codecs = tuple(sharding["chunk_shape"]), sharding["codecs"]
    order = tuple(range(len(shape)))
    if codecs[0]["name"] == "transpose":
        order, codecs = tuple(codecs[0]["configuration"]["order"]), codecs[1:]
        if sorted(order) != list(range(len(shape))):
            raise ValueError("axes that are transposed to no order")
    if codecs[0]["name"] != "bytes":
        raise SlideFormatError(
            f"{common['folder']}: its chunks are encoded by {str(codecs[0]['name'])[:40]!r}, which "
            "is not supported"
        )
    big = codecs[0].get("configuration", {}).get("endian") == "big"
    layout = ArrayLayout(
        chunk=shape,
        dtype=array.dtype.newbyteorder(">" if big else "<"),
        order=order,
        steps=(),
        shards=shards,
        **common,
    )
    return layout, _after_bytes(codecs[1:])[::-1]


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
