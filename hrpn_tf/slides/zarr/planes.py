"""A slide's planes as a Zarr array in a folder: written block by block, by many at once."""

import asyncio
import os
from collections.abc import Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from hrpn_tf.errors import SlideNotFoundError
from hrpn_tf.slides.description import SlideDescription
from hrpn_tf.slides.planes import SegmentCache
from hrpn_tf.slides.threads import ahead, finished
from hrpn_tf.slides.zarr.chunks import ChunkReader, ZarrPlane
from hrpn_tf.slides.zarr.layout import read_layout

# The version of OME-Zarr by the version of Zarr that it is made of.
VERSIONS = {"0.4": 2, "0.5": 3}
# A higher level takes twice the time for a tenth of the bytes.
_COMPRESSION_LEVEL = 1
# Of decoded chunks and indices of shards that are kept for the next window.
_CACHE_BYTES = 2 * 2**20


class ZarrPlanes:
    """A Zarr array (C, Y, X) in a folder; see :class:`~hrpn_tf.slides.description.WritablePlanes`.

    Zarr v3 keeps a block of a channel in one file (a shard) of chunks; Zarr v2 keeps each chunk in
    a file. Where all pixels are 0, nothing is stored. Several processes and threads may write at
    the same time as long as no two of them write to one file: see :meth:`write`. Each process
    opens the array for itself.

    Attributes:
        folder: of the array.
        channels, height, width, dtype: of the array.
        version: of OME-Zarr: "0.4" or "0.5".
        chunk: (height, width) of what is decoded at once, px.
        grid: (height, width) of what is one file, px: a block in "0.5", a chunk in "0.4".
    """

    def __init__(self, folder: Path, array: Any) -> None:
        self.folder = folder
        self._array = array
        self._chunks: ChunkReader | None = None
        self.channels, self.height, self.width = array.shape
        self.dtype = np.dtype(array.dtype)
        self.version = {number: name for name, number in VERSIONS.items()}[
            array.metadata.zarr_format
        ]
        self.chunk: tuple[int, int] = array.chunks[1:]
        self.grid: tuple[int, int] = (array.shards or array.chunks)[1:]

    @classmethod
    def create(
        cls,
        folder: Path,
        description: SlideDescription,
        *,
        block: tuple[int, int],
        chunk: tuple[int, int],
        version: str,
    ) -> Self:
        """An array of zeros.

        Args:
            folder: where the array goes, e.g. ``slide.zarr/0``; holds no array yet.
            description: gives size, channels and type.
            block: (height, width) that is written at once, px; a multiple of ``chunk``.
            chunk: (height, width) that is decoded at once, px.
            version: "0.5" for Zarr v3 with a shard per block, "0.4" for Zarr v2.

        Raises:
            OSError: the disk is full.
        """
        from zarr import Array
        from zarr.api import asynchronous

        if version not in VERSIONS or any(b % c for b, c in zip(block, chunk, strict=True)):
            raise ValueError(f"version {version!r}, blocks {block}, chunks {chunk} do not fit")
        shape = (len(description.channels), description.height, description.width)
        folder.mkdir(parents=True, exist_ok=True)
        options = _version_2() if version == "0.4" else _version_3((1, *block))
        array = _settled(
            asynchronous.create_array(
                str(folder),
                shape=shape,
                dtype=np.dtype(description.dtype).newbyteorder("<"),
                chunks=(1, *chunk),
                fill_value=0,
                config={"order": "C", "write_empty_chunks": False},
                **options,
            )
        )
        _sync_all([path for path in folder.iterdir() if path.is_file()], folder.parent)
        return cls(folder, Array(array))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The array that :meth:`create` made in this folder, by whatever process.

        Raises:
            SlideNotFoundError: there is none.
        """
        import zarr

        try:
            array = zarr.open_array(str(folder), mode="r+", config={"write_empty_chunks": False})
        except FileNotFoundError:
            raise SlideNotFoundError(f"{folder}: holds no Zarr array") from None
        return cls(folder, array)

    def write(self, y: int, x: int, block: np.ndarray) -> None:
        """Store a block (h, w, C) of the array's type at row ``y``, column ``x``.

        A block that begins and ends on lines of ``grid``, or at the end of the plane, has files of
        its own: they are written once, whatever was there before, and others may write other such
        blocks at the same time. Any other block is merged into the files that it shares, and only
        one writer may be at work there. Each file appears whole, under a temporary name first, and
        is on the disk when this returns.

        On top of the block this takes up to 3 x h x w values of memory, however many channels there
        are: one channel's copy, and its compressed chunks before and after they are put together.

        Raises:
            OSError: the disk is full.
        """
        self._chunks = None  # holds what was there before
        for channel in range(self.channels):
            self._write_channel(y, x, block, channel)

    def _write_channel(self, y: int, x: int, block: np.ndarray, channel: int) -> None:
        h, w = block.shape[:2]
        files = list(self._files(channel, y, x, h, w))
        if self._is_own(y, h, 0) and self._is_own(x, w, 1):
            # zarr would read a shard before it replaces it, even one that a dying disk tore
            for file in files:
                file.unlink(missing_ok=True)
        window = (channel, slice(y, y + h), slice(x, x + w))
        plane = np.ascontiguousarray(block[..., channel])
        _settled(self._array.async_array.setitem(window, plane))
        _sync_all(files, self.folder)

    def read(self, channel: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """A window (height, width) of one channel; pixels never written are 0."""
        # zarr-python takes twice the time: it starts tasks for every chunk
        if self._chunks is None:
            layout = read_layout(self.folder, VERSIONS[self.version])
            self._chunks = ChunkReader(layout, SegmentCache(_CACHE_BYTES))
        out = np.empty((height, width), self.dtype)
        ZarrPlane(self._chunks, (channel, 0, 0), rows=1, columns=2).read(y, x, out)
        return out

    def _is_own(self, start: int, length: int, axis: int) -> bool:
        """Whether a range along rows (0) or columns (1) shares no file with its neighbours."""
        end = start + length
        size = self.grid[axis]
        return start % size == 0 and (end % size == 0 or end == (self.height, self.width)[axis])

    def _files(self, channel: int, y: int, x: int, h: int, w: int) -> Iterator[Path]:
        for row in range(y // self.grid[0], (y + h - 1) // self.grid[0] + 1):
            for column in range(x // self.grid[1], (x + w - 1) // self.grid[1] + 1):
                yield self.folder / self._array.metadata.encode_chunk_key((channel, row, column))


def _settled(write: Coroutine[Any, Any, Any]) -> Any:
    """What zarr gives, once none of its threads writes any more.

    After an error zarr's own loop would go on with the other files, in a folder that is being
    removed. The end of a loop of its own waits for its threads.
    """
    return finished(lambda: asyncio.run(write))


def _version_2() -> dict[str, Any]:
    import numcodecs

    # Blosc is what every reader of Zarr v2 knows; shuffled bytes of 16-bit pixels take a fifth less
    compressor = numcodecs.Blosc("zstd", _COMPRESSION_LEVEL, numcodecs.Blosc.SHUFFLE)
    return {
        "zarr_format": 2,
        "compressors": compressor,
        "filters": None,
        "chunk_key_encoding": {"name": "v2", "separator": "/"},
    }


def _version_3(shard: tuple[int, int, int]) -> dict[str, Any]:
    from zarr.codecs import ZstdCodec

    return {
        "zarr_format": 3,
        "shards": shard,
        "compressors": ZstdCodec(level=_COMPRESSION_LEVEL),
        "dimension_names": ("c", "y", "x"),
    }


def _sync_all(files: Iterable[Path], top: Path) -> None:
    """Wait until files, and their names in the folders up to ``top``, are on the disk."""
    paths: dict[Path, None] = {}
    for file in files:
        paths[file] = None
        for folder in file.parents:
            if folder == top or not folder.is_relative_to(top):
                break
            paths[folder] = None
    # the files of one block take no longer than one file when the disk gets them together
    stored = [path for path in (*paths, top) if path.exists()]
    for _ in ahead(sync, stored, len(stored)):
        pass


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
