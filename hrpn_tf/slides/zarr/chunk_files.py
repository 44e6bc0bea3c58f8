"""Writes the files of a Zarr array: a chunk of Zarr v2, or a shard of v3 with its index."""

import os
import uuid
from pathlib import Path
from typing import Any

import google_crc32c
import imagecodecs
import numpy as np

from hrpn_tf.slides.threads import ahead
from hrpn_tf.slides.zarr.array_metadata import LEVEL

NOT_STORED = 2**64 - 1  # offset and length of a chunk of a shard in which all pixels are 0
CHECKSUM_BYTES = 4
_SHUFFLE = 1


def encode_chunk(pixels: np.ndarray) -> bytes | None:
    """A file of Zarr v2: a chunk (h, w); None where all its pixels are 0."""
    if not pixels.any():
        return None
    values: Any = np.ascontiguousarray(pixels)  # as an array: of bytes, nothing is shuffled
    encoded = imagecodecs.blosc_encode(
        values,
        level=LEVEL,
        compressor="zstd",
        shuffle=_SHUFFLE,
        typesize=pixels.itemsize,
        blocksize=0,
        numthreads=1,
    )
    return bytes(encoded)


def encode_shard(pixels: np.ndarray, chunk: tuple[int, int]) -> bytes | None:
    """A file of Zarr v3: a shard (h, w) of chunks; None where all its pixels are 0.

    Chunks are compressed by several threads; the bytes do not depend on it.
    """
    height, width = pixels.shape
    tiles = [
        pixels[y : y + chunk[0], x : x + chunk[1]]
        for y in range(0, height, chunk[0])
        for x in range(0, width, chunk[1])
    ]
    parts: list[bytes] = []
    index = np.full((len(tiles), 2), NOT_STORED, "<u8")
    offset = 0
    for number, encoded in enumerate(ahead(_compressed, tiles, len(tiles))):
        if encoded is not None:
            index[number] = offset, len(encoded)
            offset += len(encoded)
            parts.append(encoded)
    if not parts:
        return None
    stated = index.tobytes()
    return b"".join((*parts, stated, checksum(stated)))


def checksum(data: bytes) -> bytes:
    """CRC-32C of an index, as it is stored behind it."""
    return int(google_crc32c.value(data)).to_bytes(CHECKSUM_BYTES, "little")


def replace_file(file: Path, content: bytes | None) -> None:
    """Write a file under a temporary name first; None removes it."""
    if content is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{uuid.uuid4().hex}.partial")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _compressed(tile: np.ndarray) -> bytes | None:
    if not tile.any():
        return None
    values: Any = np.ascontiguousarray(tile)
    return bytes(imagecodecs.zstd_encode(values, level=LEVEL))
