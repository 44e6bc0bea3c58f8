"""Writes patches to disk one shard at a time, so that memory holds one shard only."""

from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

SHARD_BYTES = 64 * 2**20  # before compression; Zarr writes a shard as a whole


def whole(path: Path, array: zarr.Array) -> bool:
    """Whether every shard is on disk; Zarr would read a missing one as zeros without a word."""
    shards = -(-array.shape[0] // (array.shards or array.chunks)[0])
    return shards == sum(1 for file in (path / "c").rglob("*") if file.is_file())


class PatchWriter:
    """Appends patches to a Zarr v3 array, one whole shard at a time.

    Used as a context manager; the array is cut to the patches that were appended.

    Args:
        path: folder of the array.
        most: the largest number of patches that may come.
        shape: (patch, patch, C).
        dtype: type of the grey levels.

    Attributes:
        kept: the ``row`` of every patch appended, in order.
    """

    def __init__(self, path: Path, most: int, shape: tuple[int, int, int], dtype: np.dtype) -> None:
        size = int(np.prod(shape)) * dtype.itemsize
        per_shard = max(1, min(most, SHARD_BYTES // size))
        self.kept: list[int] = []
        self._buffer = np.empty((per_shard, *shape), dtype)
        self._array = zarr.create_array(
            str(path),
            shape=(most, *shape),
            chunks=(1, *shape),
            shards=(per_shard, *shape),
            dtype=dtype,
            compressors=ZstdCodec(level=1, checksum=True),
        )

    def __enter__(self) -> "PatchWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._flush()
            self._array.resize((len(self.kept), *self._array.shape[1:]))

    def append(self, patch: np.ndarray, row: int) -> None:
        """Add one patch (patch, patch, C)."""
        self._buffer[len(self.kept) % len(self._buffer)] = patch
        self.kept.append(row)
        if len(self.kept) % len(self._buffer) == 0:
            self._flush()

    def _flush(self) -> None:
        end = len(self.kept)
        start = (end - 1) // len(self._buffer) * len(self._buffer)
        if end > start:
            self._array[start:end] = self._buffer[: end - start]
