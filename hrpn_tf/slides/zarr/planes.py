"""A slide's planes as a Zarr array in a folder: written block by block, by many at once."""

import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from hrpn_tf.errors import SlideNotFoundError
from hrpn_tf.files import sync
from hrpn_tf.slides.description import SlideDescription
from hrpn_tf.slides.planes import SegmentCache
from hrpn_tf.slides.threads import ahead, finished
from hrpn_tf.slides.zarr.array_metadata import version_2, version_3
from hrpn_tf.slides.zarr.chunk_files import encode_chunk, encode_shard, replace_file
from hrpn_tf.slides.zarr.chunks import ChunkReader, ZarrPlane
from hrpn_tf.slides.zarr.layout import ArrayLayout, read_layout

# The version of OME-Zarr by the version of Zarr that it is made of.
VERSIONS = {"0.4": 2, "0.5": 3}
_MARKS = {"0.5": "zarr.json", "0.4": ".zarray"}
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

    def __init__(self, folder: Path, layout: ArrayLayout) -> None:
        self.folder = folder
        self._layout = layout
        self._chunks: ChunkReader | None = None
        self.channels, self.height, self.width = layout.shape
        self.dtype = layout.dtype.newbyteorder("=")
        self.version = "0.4" if layout.shards is None else "0.5"
        self.chunk: tuple[int, int] = (layout.chunk[1], layout.chunk[2])
        _, rows, columns = layout.chunk if layout.shards is None else layout.shards.shape
        self.grid: tuple[int, int] = (rows, columns)

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
        if version not in VERSIONS or any(b % c for b, c in zip(block, chunk, strict=True)):
            raise ValueError(f"version {version!r}, blocks {block}, chunks {chunk} do not fit")
        shape = (len(description.channels), description.height, description.width)
        dtype = np.dtype(description.dtype)
        content = (
            version_2(shape, (1, *chunk), dtype)
            if version == "0.4"
            else version_3(shape, (1, *block), (1, *chunk), dtype)
        )
        folder.mkdir(parents=True, exist_ok=True)
        mark = folder / _MARKS[version]
        replace_file(mark, json.dumps(content, indent=2).encode())
        _sync_all([mark], folder.parent)
        return cls(folder, read_layout(folder, VERSIONS[version]))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The array that :meth:`create` made in this folder, by whatever process.

        Raises:
            SlideNotFoundError: there is none.
        """
        for version, mark in _MARKS.items():
            if (folder / mark).is_file():
                return cls(folder, read_layout(folder, VERSIONS[version]))
        raise SlideNotFoundError(f"{folder}: holds no Zarr array")

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
            plane = block[..., channel]
            files = list(self._files(channel, y, x, *plane.shape))
            finished(partial(self._write_files, files, channel, y, x, plane))
            _sync_all([file for file, _, _ in files], self.folder)
        self._chunks = None

    def _write_files(
        self, files: list[tuple[Path, int, int]], channel: int, y: int, x: int, plane: np.ndarray
    ) -> None:
        """Write the files that a window of a channel touches, several at a time."""

        def write(place: tuple[Path, int, int]) -> None:
            file, top, left = place
            replace_file(file, self._encoded(self._merged(channel, top, left, y, x, plane)))

        for _ in ahead(write, files, len(files)):
            pass

    def _encoded(self, pixels: np.ndarray) -> bytes | None:
        return encode_chunk(pixels) if self.version == "0.4" else encode_shard(pixels, self.chunk)

    def _merged(
        self, channel: int, top: int, left: int, y: int, x: int, plane: np.ndarray
    ) -> np.ndarray:
        """The pixels of a file from row ``top``, column ``left``: a window's, and what was there.

        What was there is read only if the window does not cover it: a dying disk may have torn it.
        """
        rows = min(top + self.grid[0], self.height)
        columns = min(left + self.grid[1], self.width)
        first, last = max(y, top), min(y + plane.shape[0], rows)
        start, end = max(x, left), min(x + plane.shape[1], columns)
        pixels = np.zeros(self.grid, self._layout.dtype)
        if (first, last, start, end) != (top, rows, left, columns):
            there = pixels[: rows - top, : columns - left]
            self._plane(channel).read(top, left, there)
        part = plane[first - y : last - y, start - x : end - x]
        pixels[first - top : last - top, start - left : end - left] = part
        return pixels

    def read(self, channel: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """A window (height, width) of one channel; pixels never written are 0."""
        chunks = self._chunks  # another thread that writes takes it away
        if chunks is None:
            chunks = self._chunks = self._reader()
        out = np.empty((height, width), self.dtype)
        ZarrPlane(chunks, (channel, 0, 0), rows=1, columns=2).read(y, x, out)
        return out

    def _plane(self, channel: int) -> ZarrPlane:
        return ZarrPlane(self._reader(), (channel, 0, 0), rows=1, columns=2)

    def _reader(self) -> ChunkReader:
        return ChunkReader(self._layout, SegmentCache(_CACHE_BYTES))

    def _files(
        self, channel: int, y: int, x: int, h: int, w: int
    ) -> Iterator[tuple[Path, int, int]]:
        """Files that a window touches, and the first row and column of each."""
        rows, columns = self.grid
        for row in range(y // rows, (y + h - 1) // rows + 1):
            for column in range(x // columns, (x + w - 1) // columns + 1):
                path = self.folder / self._layout.key((channel, row, column))
                yield path, row * rows, column * columns


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
