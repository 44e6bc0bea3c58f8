"""Windows of one plane of a Zarr array, decoding only the chunks that they touch."""

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.malformed import as_named_error
from hrpn_tf.slides.planes import SegmentCache, read_bytes
from hrpn_tf.slides.zarr.codecs import decode, steps_of
from hrpn_tf.slides.zarr.layout import ArrayLayout, Shards
from hrpn_tf.slides.zarr.links import Inside

_NOT_STORED = 2**64 - 1
_CHECKSUM = {"id": "crc32c", "location": "end"}
# No codec makes a chunk larger than it is by more than this.
_OVERHEAD_BYTES = 2**16
_LARGE = 2**20  # an index of this many bytes takes as long to read as a chunk


class ChunkReader:
    """The chunks of an array; those decoded last are kept in a cache.

    Args:
        layout: of the array.
        cache: for what was decoded.
        inside: the folder that no link may lead out of; by default that of the array.

    Raises:
        SlideFormatError: a file is truncated or damaged, or a link leads elsewhere.
    """

    def __init__(
        self, layout: ArrayLayout, cache: SegmentCache, inside: Inside | None = None
    ) -> None:
        self.layout = layout
        self._cache = cache
        self._inside = inside or Inside(layout.folder)

    def chunk(self, position: tuple[int, ...]) -> np.ndarray | None:
        """The chunk at a position in the grid of chunks; None if it is not stored."""
        key = (id(self), _flat(position, self.layout.grid), 0)
        found = self._cache.get(key)
        if found is None:
            found = self._load(position)
            if found is not None:
                self._cache.put(key, found)
        return found

    def _load(self, position: tuple[int, ...]) -> np.ndarray | None:
        layout = self.layout
        per_shard = layout.chunks_per_shard
        shard = tuple(p // n for p, n in zip(position, per_shard, strict=True))
        file = layout.folder / layout.key(shard)
        with _opened(file, self._inside) as handle:
            if handle is None:
                return None
            size = os.fstat(handle).st_size
            offset, length = 0, size
            if layout.shards is not None:
                index = self._index(file, handle, layout.shards, shard)
                inside = tuple(p % n for p, n in zip(position, per_shard, strict=True))
                offset, length = map(int, index[_flat(inside, per_shard)])
                if offset == length == _NOT_STORED:
                    return None
            if length > 2 * layout.most_bytes + _OVERHEAD_BYTES:
                raise SlideFormatError(f"{file}: malformed: a chunk of {length} bytes is too large")
            if offset + length > size:
                raise SlideFormatError(
                    f"{file}: truncated: it has {size} bytes where {offset + length} are needed; "
                    "copy it again"
                )
            encoded = read_bytes(file, handle, offset, length)
        with as_named_error(file, "a Zarr chunk"):
            pixels = np.frombuffer(decode(encoded, layout.steps), layout.dtype)
            stored = pixels.reshape([layout.chunk[axis] for axis in layout.order])
            return stored.transpose(np.argsort(layout.order))

    def _index(self, file: Path, handle: int, shards: Shards, shard: tuple[int, ...]) -> np.ndarray:
        """(offset, length) of each chunk in a shard."""
        key = (id(self), _flat(shard, self.layout.grid), 1)
        index = self._cache.get(key)
        if index is None:
            size = os.fstat(handle).st_size
            chunks = math.prod(self.layout.chunks_per_shard)
            length = self.layout.index_bytes
            if size < length:
                raise SlideFormatError(
                    f"{file}: truncated: it has {size} bytes where its index alone has {length}; "
                    "copy it again"
                )
            encoded = read_bytes(file, handle, 0 if shards.index_first else size - length, length)
            with as_named_error(file, "a Zarr shard"):
                codecs = (_CHECKSUM,) if shards.checked else ()
                plain = decode(encoded, steps_of(codecs, 16, chunks, file))
                index = np.frombuffer(plain, "<u8").reshape(-1, 2)
            self._cache.put(key, index)
        return index


@dataclass(frozen=True)
class ZarrPlane:
    """One channel of an array; see :class:`~hrpn_tf.slides.planes.StoredPlane`.

    Attributes:
        chunks: of the array.
        fixed: the plane's index along each axis; that along ``rows`` and ``columns`` is unused.
        rows, columns: axes of the array.
    """

    chunks: ChunkReader
    fixed: tuple[int, ...]
    rows: int
    columns: int

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.chunks.layout.shape[self.rows]

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.chunks.layout.shape[self.columns]

    @property
    def segment_bytes(self) -> int:
        """Bytes of a decoded chunk, or of the index of its shard where that is absurdly large."""
        layout = self.chunks.layout
        return max(layout.chunk_bytes, layout.index_bytes if layout.index_bytes > _LARGE else 0)

    def read(self, y: int, x: int, out: np.ndarray) -> None:
        """See :class:`~hrpn_tf.slides.planes.StoredPlane`."""
        shape = self.chunks.layout.chunk
        length, breadth = shape[self.rows], shape[self.columns]
        for row in range(y // length, (y + out.shape[0] - 1) // length + 1):
            for column in range(x // breadth, (x + out.shape[1] - 1) // breadth + 1):
                top, left = row * length - y, column * breadth - x
                target = out[max(top, 0) : top + length, max(left, 0) : left + breadth]
                pixels = self._chunk(row, column)
                if pixels is None:
                    target[...] = self.chunks.layout.fill
                    continue
                first, second = max(-top, 0), max(-left, 0)
                target[...] = pixels[
                    first : first + target.shape[0], second : second + target.shape[1]
                ]

    def _chunk(self, row: int, column: int) -> np.ndarray | None:
        """The chunk's pixels (rows, columns) of this plane; None if it is not stored."""
        shape = self.chunks.layout.chunk
        position = [index // size for index, size in zip(self.fixed, shape, strict=True)]
        position[self.rows], position[self.columns] = row, column
        pixels = self.chunks.chunk(tuple(position))
        if pixels is None:
            return None
        inside: list[int | slice] = [i % n for i, n in zip(self.fixed, shape, strict=True)]
        inside[self.rows] = inside[self.columns] = slice(None)
        plane = pixels[tuple(inside)]
        return plane if self.rows < self.columns else plane.T


@contextmanager
def _opened(file: Path, inside: Inside) -> Iterator[int | None]:
    """The handle of a file for reading; None if there is no such file."""
    handle = inside.open(file)
    if handle is None:
        yield None
        return
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise SlideFormatError(f"{file}: malformed: is not a file")
        yield handle
    finally:
        os.close(handle)


def _flat(position: tuple[int, ...], shape: tuple[int, ...]) -> int:
    number = 0
    for index, size in zip(position, shape, strict=True):
        number = number * size + index
    return number
