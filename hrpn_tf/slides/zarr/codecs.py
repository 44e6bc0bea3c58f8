"""Undo the compression of one chunk, within a known number of bytes.

zarr-python would take as much memory as a chunk claims to hold, and hands the bytes to any codec
that the file names, pickle among them. So the chunks of files from elsewhere are decoded here, by
the same libraries, from a list of codecs and with a limit.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.planes import MAX_SEGMENT_BYTES

# Each stops at the number of bytes given as ``out``.
_COMPRESSORS: dict[str, Callable[..., Any]] = {
    "blosc": imagecodecs.blosc_decode,
    "bz2": imagecodecs.bz2_decode,
    "gzip": imagecodecs.gzip_decode,
    "lz4": partial(imagecodecs.lz4_decode, header=True),
    "lzma": imagecodecs.lzma_decode,
    "zlib": imagecodecs.zlib_decode,
    "zstd": imagecodecs.zstd_decode,
}
_CHECKSUMS = {"crc32", "crc32c", "adler32", "fletcher32"}
# These change each value, and at most to eight times its bytes.
_FILTERS = {"astype", "bitround", "delta", "fixedscaleoffset", "quantize", "shuffle"}
_CHECKSUM_BYTES = 64


def refuse_unknown(steps: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Refuse an array whose chunks :func:`decode` cannot decode.

    Args:
        steps: what undoes the encoding, in this order, as configurations of numcodecs.
        folder: of the array.

    Raises:
        SlideFormatError: a codec that is not in the lists above, or two compressions.
    """
    names = [str(step.get("id")) for step in steps]
    for name in names:
        if name not in _COMPRESSORS and name not in _CHECKSUMS | _FILTERS:
            raise SlideFormatError(
                f"{folder}: its chunks are encoded by {name[:40]!r}, which is not supported; "
                f"compress them by one of {', '.join(_COMPRESSORS)}"
            )
    if sum(name in _COMPRESSORS for name in names) > 1:
        raise SlideFormatError(f"{folder}: its chunks are compressed twice; compress them once")


def decode(encoded: bytes, steps: Sequence[Mapping[str, Any]], size: int) -> Any:
    """The bytes of a chunk, as a buffer.

    Args:
        encoded: as stored.
        steps: what :func:`refuse_unknown` let pass.
        size: number of bytes that the chunk has when decoded.

    Raises:
        Exception: whatever the codec raises on damaged bytes, or on more than ``size`` of them.
    """
    import numcodecs

    data: Any = encoded
    for index, step in enumerate(steps):
        later = {other["id"] for other in steps[index + 1 :]}
        if step["id"] in _COMPRESSORS:
            limit = min(8 * size, MAX_SEGMENT_BYTES) if later & _FILTERS else size
            limit += _CHECKSUM_BYTES if later & _CHECKSUMS else 0
            data = _COMPRESSORS[step["id"]](data, out=limit)
        else:
            data = numcodecs.get_codec(dict(step)).decode(data)
    return data
