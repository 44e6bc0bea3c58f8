"""Undo the encoding of one chunk, with a known number of bytes after each step.

zarr-python would take as much memory as a chunk claims to hold, and hands the bytes to any codec
that the file names, pickle among them. So the chunks of files from elsewhere are decoded here, by
the same libraries, from a list of codecs and with the size checked after each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.extras import require
from hrpn_tf.slides.zarr import filters
from hrpn_tf.slides.zarr.chunk_files import CHECKSUM_BYTES, checksum


@dataclass(frozen=True)
class Step:
    """What undoes one codec.

    Attributes:
        undo: from the encoded bytes, and the number that they shall become.
        size: bytes afterwards; None where only the next step knows.
    """

    undo: Callable[[Any, int], Any]
    size: int | None


def steps_of(
    codecs: Sequence[Mapping[str, Any]], itemsize: int, count: int, folder: Path
) -> tuple[Step, ...]:
    """What undoes the encoding of a chunk, in this order.

    Args:
        codecs: configurations of numcodecs in the order of decoding.
        itemsize: bytes of a value in the array.
        count: number of values in a chunk.
        folder: of the array.

    Raises:
        SlideFormatError: a codec that is not in the lists, too many of them, two compressions, or
            filters that do not fit the values.
    """
    refuse_unknown(codecs, folder)
    steps: list[Step] = []
    size: int | None = itemsize * count
    for codec in reversed(codecs):  # in the order of encoding, which gives the sizes
        name = codec["id"]
        if name in COMPRESSORS:
            undo, encoded = COMPRESSORS[name], None
        elif name in _CHECKSUMS:
            undo, encoded = _checksum(codec, folder), size and size + CHECKSUM_BYTES
        elif size is None or size != itemsize * count:
            raise SlideFormatError(f"{folder}: malformed: filters after compression or checksum")
        else:
            undo, itemsize = filters.undo(codec, itemsize, count, folder)
            encoded = itemsize * count
        steps.append(Step(undo, size))
        size = encoded
    return tuple(steps[::-1])


def refuse_unknown(codecs: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Refuse codecs that are not in the lists; nothing of their configuration is looked at.

    Raises:
        SlideFormatError: there is one, there are too many, or two of them compress.
    """
    names = [str(codec.get("id")) for codec in codecs]
    if len(names) > _MOST:
        raise SlideFormatError(f"{folder}: malformed: {len(names)} codecs and filters of chunks")
    for name in names:
        if name not in COMPRESSORS and name not in _CHECKSUMS and name not in filters.NAMES:
            raise SlideFormatError(
                f"{folder}: its chunks are encoded by {name[:40]!r}, which is not supported; "
                f"compress them by one of {', '.join(COMPRESSORS)}"
            )
    if sum(name in COMPRESSORS for name in names) > 1:
        raise SlideFormatError(f"{folder}: its chunks are compressed twice; compress them once")


def decode(encoded: bytes, steps: Sequence[Step]) -> Any:
    """The bytes of a chunk, as a buffer.

    Args:
        encoded: as stored.
        steps: of :func:`steps_of`.

    Raises:
        Exception: whatever the codec raises on damaged bytes, or on more or fewer than expected.
    """
    data: Any = encoded
    for step in steps:
        data = step.undo(data, len(data) if step.size is None else step.size)
        if step.size is not None and memoryview(data).nbytes != step.size:
            raise ValueError(f"{memoryview(data).nbytes} bytes where {step.size} are expected")
    return data


def _blosc(data: Any, size: int) -> Any:
    stated, _, stored = np.frombuffer(data, "<u4", 3, 4).tolist()
    if stated != size or stored > len(data):
        raise ValueError(f"its header states {stated} bytes in {stored}, {size} are expected")
    return imagecodecs.blosc_decode(data, out=size)


def _lz4(data: Any, size: int) -> Any:
    stated = int(np.frombuffer(data, "<u4", 1)[0])
    if stated != size:
        raise ValueError(f"its header states {stated} bytes, {size} are expected")
    return imagecodecs.lz4_decode(data, header=True, out=size)


def _at_most(decode: Callable[..., Any], more: int, data: Any, size: int) -> Any:
    return decode(data, out=size + more)


def _checksum(codec: Mapping[str, Any], folder: Path) -> Callable[[Any, int], Any]:
    location = codec.get("location")
    if location not in (None, "start", "end"):
        raise SlideFormatError(f"{folder}: malformed: a checksum that is neither at start nor end")
    if codec["id"] == "crc32c" and location != "start":
        return _without_checksum
    require(f"{folder}: a checksum of its chunks", "numcodecs")
    import numcodecs

    place = {} if location is None else {"location": location}
    checked = numcodecs.get_codec({"id": codec["id"], **place})
    return lambda data, _: checked.decode(data)


def _without_checksum(data: Any, _: int) -> Any:
    plain, stated = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    if checksum(bytes(plain)) != bytes(stated):
        raise ValueError("its checksum is another one")
    return plain


# Each stops at the number of bytes that are expected; two do it silently unless asked for more.
COMPRESSORS: dict[str, Callable[[Any, int], Any]] = {
    "blosc": _blosc,
    "bz2": partial(_at_most, imagecodecs.bz2_decode, 1),
    "gzip": partial(_at_most, imagecodecs.gzip_decode, 0),
    "lz4": _lz4,
    "lzma": partial(_at_most, imagecodecs.lzma_decode, 1),
    "zlib": partial(_at_most, imagecodecs.zlib_decode, 0),
    "zstd": partial(_at_most, imagecodecs.zstd_decode, 0),
}
_CHECKSUMS = {"crc32", "crc32c", "adler32", "fletcher32"}
_MOST = 6
