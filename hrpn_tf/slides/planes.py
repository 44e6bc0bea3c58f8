"""Windows of one plane (one channel at one level) of a TIFF file, with the least decoding."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from hrpn_tf.errors import SlideFormatError

MIB = 2**20
# A strip or tile is decoded whole, so this bounds the memory that a file can ask for.
MAX_SEGMENT_BYTES = 512 * MIB
# Enough for a row of windows of a wide slide, so that neighbours do not decode a strip again.
CACHE_BYTES = 128 * MIB
# What a strip or tile may have beyond its pixels: a colour profile, shared tables, the codec's own.
_OVERHEAD_BYTES = 16 * MIB


class StoredPlane(Protocol):
    """One channel at one level."""

    @property
    def height(self) -> int:
        """Rows, px."""
        ...

    @property
    def width(self) -> int:
        """Columns, px."""
        ...

    @property
    def segment_bytes(self) -> int:
        """The largest piece that has to be decoded at once to read any pixel, or 0."""
        ...

    def read(self, y: int, x: int, out: np.ndarray) -> None:
        """Fill ``out`` (h, w), of any type that holds the grey levels, from row y, column x."""
        ...


@dataclass(frozen=True)
class RawPlane:
    """Pixels stored uncompressed, row after row, in one piece.

    Rows are read one by one rather than mapped: mapped pages count as memory of the process, and
    a file that shrinks under a mapping ends the process.

    Attributes:
        descriptor: of the open file.
        offset: of the first pixel, bytes.
        samples: values stored per pixel; ``sample`` is the one that counts.
        dtype: as stored, byte order included.
        white: the value that stands for no light, where 0 is the brightest; None where 0 is dark.
    """

    path: Path
    descriptor: int
    offset: int
    height: int
    width: int
    samples: int
    sample: int
    dtype: np.dtype
    white: int | None = None

    @property
    def end(self) -> int:
        """Offset behind the last pixel, bytes."""
        return self.offset_of(self.height, 0)

    @property
    def segment_bytes(self) -> int:
        """0: any part of a row can be read on its own."""
        return 0

    def offset_of(self, y: int, x: int) -> int:
        """Offset of a pixel's first sample, bytes."""
        return self.offset + (y * self.width + x) * self.samples * self.dtype.itemsize

    def read(self, y: int, x: int, out: np.ndarray) -> None:
        """See :class:`StoredPlane`."""
        length = out.shape[1] * self.samples * self.dtype.itemsize
        for row in range(out.shape[0]):
            encoded = read_bytes(self.path, self.descriptor, self.offset_of(y + row, x), length)
            values = np.frombuffer(encoded, self.dtype)[self.sample :: self.samples]
            out[row] = values if self.white is None else self.white - values


@dataclass(frozen=True)
class SegmentPlane:
    """Pixels stored in strips or tiles that are decoded one by one.

    Attributes:
        decode: gives the pixels (rows, columns, samples) of a strip or tile from its index in the
            page, the rows of it that lie within the picture, and its bytes.
        stored_bytes: of a strip or tile with all samples interleaved in it, decoded.
        missing: the value of strips or tiles that are not stored.
        offsets, byte_counts: of each strip or tile of the page.
        first: index of the plane's first strip or tile.
        length, breadth: rows and columns of a strip or tile.
        sample: index among the samples interleaved in a strip or tile.
        white: as in :class:`RawPlane`.
    """

    path: Path
    descriptor: int
    cache: "SegmentCache"
    decode: Callable[[int, int, bytes], np.ndarray]
    stored_bytes: int
    missing: float
    offsets: tuple[int, ...]
    byte_counts: tuple[int, ...]
    first: int
    height: int
    width: int
    length: int
    breadth: int
    sample: int
    white: int | None = None

    @property
    def segment_bytes(self) -> int:
        """Bytes of one decoded strip or tile, with all samples that are interleaved in it."""
        return self.stored_bytes

    def read(self, y: int, x: int, out: np.ndarray) -> None:
        """See :class:`StoredPlane`."""
        for row, column, top, left in self._touched(y, x, *out.shape):
            pixels = self._segment(row, column)
            target = out[
                max(top - y, 0) : top + self.length - y, max(left - x, 0) : left + self.breadth - x
            ]
            if pixels is None:
                target[...] = self.missing
                continue
            inner_y, inner_x = max(y - top, 0), max(x - left, 0)
            inside = pixels[
                inner_y : inner_y + target.shape[0],
                inner_x : inner_x + target.shape[1],
                self.sample,
            ]
            target[...] = inside if self.white is None else self.white - inside

    def _touched(self, y: int, x: int, h: int, w: int) -> Iterator[tuple[int, int, int, int]]:
        """(row, column) in the grid, and (top, left) px, of the segments under a window."""
        for row in range(y // self.length, (y + h - 1) // self.length + 1):
            for column in range(x // self.breadth, (x + w - 1) // self.breadth + 1):
                yield row, column, row * self.length, column * self.breadth

    def _segment(self, row: int, column: int) -> np.ndarray | None:
        """One decoded strip or tile (length, breadth, samples); None where nothing is stored."""
        index = self.first + row * -(-self.width // self.breadth) + column
        offset, count = self.offsets[index], self.byte_counts[index]
        if offset == 0 or count == 0:
            return None
        key = (id(self.offsets), index, offset)
        found = self.cache.get(key)
        if found is None:
            if count > 2 * self.stored_bytes + _OVERHEAD_BYTES:
                raise SlideFormatError(
                    f"{self.path}: malformed: a strip or tile of {count} bytes, where "
                    f"{self.stored_bytes} bytes of pixels are declared"
                )
            rows = min(self.length, self.height - row * self.length)
            encoded = read_bytes(self.path, self.descriptor, offset, count)
            found = self.decode(index, rows, encoded)
            self.cache.put(key, found)
        return found


class SegmentCache:
    """The strips and tiles decoded last, up to a number of bytes; safe to share by threads."""

    def __init__(self, capacity: int = CACHE_BYTES) -> None:
        self._capacity = capacity
        self._bytes = 0
        self._held: OrderedDict[tuple[int, int, int], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int, int]) -> np.ndarray | None:
        """What was put under this key, if it is still held."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: tuple[int, int, int], pixels: np.ndarray) -> None:
        """Hold an array; those used longest ago make room, but the newest always stays."""
        with self._lock:
            if key in self._held:
                return
            self._held[key] = pixels
            self._bytes += pixels.nbytes
            while self._bytes > self._capacity and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Release all arrays."""
        with self._lock:
            self._held.clear()
            self._bytes = 0


def read_bytes(path: Path, descriptor: int, offset: int, length: int) -> bytes:
    """Bytes of an open file, whatever its position.

    Raises:
        SlideFormatError: the file ends before.
    """
    found = os.pread(descriptor, length, offset)
    if len(found) < length:
        raise SlideFormatError(
            f"{path}: truncated: {length} bytes are missing from byte {offset + len(found)} on; "
            "copy the file again"
        )
    return found
