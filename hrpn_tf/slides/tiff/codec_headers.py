"""Read the size of a picture in its codec's own header, before anything is decoded.

A strip or tile of a TIFF may hold a picture with a header of its own, such as a JPEG. Decoders
believe that header, whatever the TIFF declares, so a few hundred bytes can ask for gigabytes. Each
function here reads one kind of header and refuses what this project does not need and what would
make a decoder take more memory than the size alone says.
"""

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """What a header says.

    Attributes:
        height, width: px.
        samples: values per pixel; None where the decoder gives as many as it is asked for.
        bits: of a value.
        working_bytes: memory that the decoder takes per value, at most, bytes.
    """

    height: int
    width: int
    samples: int | None
    bits: int
    working_bytes: int


_JPEG_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA}
_JPEG_OTHER_FRAMES = {0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}
_JPEG_PROGRESSIVE = {0xC2, 0xCA}
_START_OF_SCAN, _END = 0xDA, 0xD9
# Each scan of a progressive JPEG passes over the whole picture; encoders write about ten.
_MAX_SCANS = 64


def jpeg(encoded: bytes) -> Picture:
    """JPEG (ITU T.81), lossy or lossless.

    Raises:
        ValueError: malformed, hierarchical, or of very many scans.
    """
    if encoded[:2] != b"\xff\xd8":
        raise ValueError("it does not begin as a JPEG")
    if encoded.count(b"\xff\xda") > _MAX_SCANS:
        raise ValueError(f"more than {_MAX_SCANS} scans")
    found = None
    for marker, content in _jpeg_segments(encoded):
        if marker in _JPEG_OTHER_FRAMES or (found and marker in _JPEG_FRAMES):
            raise ValueError("several frames")
        if marker in _JPEG_FRAMES:
            bits, height, width, samples = struct.unpack_from(">BHHB", content)
            if height == 0:
                raise ValueError("its height comes after its pixels")
            working = 6 if marker in _JPEG_PROGRESSIVE else 2
            found = Picture(height, width, samples, bits, working)
        if marker == _START_OF_SCAN and found:
            return found
    raise ValueError("no frame")


def refuse_jpeg_frames(tables: bytes) -> None:
    """Refuse shared JPEG tables that hold more than tables.

    Raises:
        ValueError: they hold a frame or a scan.
    """
    for marker, _ in _jpeg_segments(tables):
        if marker in _JPEG_FRAMES | _JPEG_OTHER_FRAMES or marker == _START_OF_SCAN:
            raise ValueError("a frame among the tables")


def _jpeg_segments(encoded: bytes) -> list[tuple[int, bytes]]:
    """(marker, content) up to the first scan."""
    found: list[tuple[int, bytes]] = []
    at = 2
    while True:
        at = encoded.find(b"\xff", at)
        while at >= 0 and encoded[at + 1 : at + 2] == b"\xff":  # fill bytes
            at += 1
        if at < 0 or at + 1 >= len(encoded) or encoded[at + 1] == _END:
            return found
        marker = encoded[at + 1]
        at += 2
        if marker in (0x00, 0x01, *range(0xD0, 0xD9)):
            continue
        length = int.from_bytes(encoded[at : at + 2], "big")
        found.append((marker, encoded[at + 2 : at + max(length, 2)]))
        if marker == _START_OF_SCAN:
            return found
        at += max(length, 2)


def png(encoded: bytes) -> Picture:
    """PNG.

    Raises:
        ValueError: malformed, or with a palette.
    """
    if encoded[:8] != b"\x89PNG\r\n\x1a\n" or encoded[12:16] != b"IHDR":
        raise ValueError("it does not begin as a PNG")
    width, height, bits, colours = struct.unpack_from(">IIBB", encoded, 16)
    samples = {0: 1, 2: 3, 4: 2, 6: 4}.get(colours)
    if samples is None:
        raise ValueError("a palette of colours")
    return Picture(height, width, samples, bits, 6)


def webp(encoded: bytes) -> Picture:
    """WebP, lossy or lossless, of one frame.

    Raises:
        ValueError: malformed, or an animation.
    """
    if encoded[:4] != b"RIFF" or encoded[8:12] != b"WEBP":
        raise ValueError("it does not begin as a WebP")
    heights, widths = [0], [0]
    at = 12
    while at + 8 <= len(encoded):
        kind, length = encoded[at : at + 4], int.from_bytes(encoded[at + 4 : at + 8], "little")
        content = encoded[at + 8 : at + 8 + 16]
        if kind == b"VP8X":
            if content[0] & 2:
                raise ValueError("an animation")
            widths.append(int.from_bytes(content[4:7], "little") + 1)
            heights.append(int.from_bytes(content[7:10], "little") + 1)
        elif kind == b"VP8 ":
            widths.append(int.from_bytes(content[6:8], "little") & 0x3FFF)
            heights.append(int.from_bytes(content[8:10], "little") & 0x3FFF)
        elif kind == b"VP8L":
            both = int.from_bytes(content[1:5], "little")
            widths.append((both & 0x3FFF) + 1)
            heights.append((both >> 14 & 0x3FFF) + 1)
        at += 8 + length + length % 2
    return Picture(max(heights), max(widths), None, 8, 4)


_LERC_BITS = (8, 8, 16, 16, 32, 32, 32, 64)


def lerc(encoded: bytes) -> Picture:
    """LERC2, one blob.

    Raises:
        ValueError: malformed, of another version, or several blobs.
    """
    if encoded[:6] != b"Lerc2 ":
        raise ValueError("it does not begin as a LERC2")
    version = int.from_bytes(encoded[6:10], "little", signed=True)
    if not 2 <= version <= 6:
        raise ValueError(f"of version {version}")
    at = 10 + (4 if version >= 3 else 0)  # after a checksum
    height, width = struct.unpack_from("<ii", encoded, at)
    at += 8
    samples = 1
    if version >= 4:
        samples = struct.unpack_from("<i", encoded, at)[0]
        at += 4
    _, _, length, kind = struct.unpack_from("<iiii", encoded, at)
    if version >= 6 and struct.unpack_from("<i", encoded, at + 16)[0] != 0:
        raise ValueError("several bands")
    if not 0 <= kind < len(_LERC_BITS) or length != len(encoded):
        raise ValueError("malformed, or several bands")
    return Picture(height, width, samples, _LERC_BITS[kind], 16)


_JXR_BITS = {1: 8, 2: 16, 3: 16, 4: 16, 6: 32, 7: 32}
_JXR_SAMPLES = {0: 1, 7: 3}  # grey, RGB
_JXR_INTERNAL = {0: (0,), 7: (1, 2, 3)}  # how those are coded; decoders crash on others
_JXR_TILES, _JXR_WINDOW, _JXR_ALPHA = 0x80, 0x20, 0x01


def jpegxr(encoded: bytes) -> Picture:
    """JPEG XR, grey or RGB, without transparency.

    Raises:
        ValueError: malformed, with transparency, or of a size that its two headers do not share.
    """
    if encoded[:3] != b"II\xbc":
        raise ValueError("it does not begin as a JPEG XR")
    at = int.from_bytes(encoded[4:8], "little")
    tags = {}
    for index in range(min(int.from_bytes(encoded[at : at + 2], "little"), 64)):
        code, kind, count, value = struct.unpack_from("<HHII", encoded, at + 2 + 12 * index)
        tags[code] = value & 0xFFFF if kind == 3 and count == 1 else value
    if {0xBCC2, 0xBCC3} & set(tags):
        raise ValueError("transparency")
    stream = encoded[tags.get(0xBCC0, len(encoded)) :]
    if stream[:8] != b"WMPHOTO\0":
        raise ValueError("no pixels")
    short = stream[10] & 0x80
    width, height = (n + 1 for n in struct.unpack_from(">HH" if short else ">II", stream, 12))
    colours, depth = stream[11] >> 4, stream[11] & 15
    if (tags.get(0xBC80), tags.get(0xBC81)) != (width, height):
        raise ValueError("two different sizes")
    if colours not in _JXR_SAMPLES or depth not in _JXR_BITS or stream[10] & _JXR_ALPHA:
        raise ValueError("an unsupported kind of pixels")
    if stream[9] & _JXR_TILES or stream[10] & _JXR_WINDOW:
        raise ValueError("tiles within")
    if stream[16 if short else 20] >> 5 not in _JXR_INTERNAL[colours]:
        raise ValueError("an unsupported kind of pixels")
    return Picture(height, width, _JXR_SAMPLES[colours], _JXR_BITS[depth], 12)
