"""Small TIFF files byte by byte, so that a tag can say something else than the pixels."""

import struct
from collections.abc import Sequence
from pathlib import Path

Tag = tuple[int, int, int, int]  # code, type, count, value
_DATA = -1


def one_segment(
    path: Path,
    encoded: bytes,
    compression: int,
    *,
    size: int = 64,
    bits: int = 8,
    samples: int = 1,
    photometric: int = 1,
    tile: int | None = None,
    extra: Sequence[Tag] = (),
) -> Path:
    """A TIFF of ``size`` x ``size`` px in one strip, or one tile, that holds ``encoded``."""
    length = len(encoded)
    tags = [
        (256, 4, 1, size),
        (257, 4, 1, size),
        (258, 3, 1, bits),
        (259, 3, 1, compression),
        (262, 3, 1, photometric),
        (277, 3, 1, samples),
    ]
    if tile:
        tags += [(322, 4, 1, tile), (323, 4, 1, tile), (324, 4, 1, _DATA), (325, 4, 1, length)]
    else:
        tags += [(273, 4, 1, _DATA), (278, 4, 1, size), (279, 4, 1, length)]
    tags = sorted([*tags, *extra])
    data = 8 + 2 + 12 * len(tags) + 4
    written = [(code, kind, n, data if v == _DATA else v) for code, kind, n, v in tags]
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + directory(written) + encoded)
    return path


def directory(tags: Sequence[Tag], following: int = 0) -> bytes:
    """One directory, and the offset of the next one."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)


def plain_page(height: int = 64, width: int = 64, extra: Sequence[Tag] = ()) -> list[Tag]:
    """Tags of an uncompressed 8-bit page whose pixels begin at byte 8."""
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, height * width),
    ]
    return sorted([*tags, *extra])
