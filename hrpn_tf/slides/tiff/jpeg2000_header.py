"""Read the size of a JPEG 2000 picture, and whatever else decides about the decoder's memory."""

import struct
from collections.abc import Iterator

from hrpn_tf.slides.tiff.codec_headers import Picture

_START = b"\xff\x4f\xff\x51"
_BOXES = b"\0\0\0\x0cjP  \r\n\x87\n"
_SIZE, _CODING, _COMPONENT_CODING = 0xFF51, 0xFF52, 0xFF53
_START_OF_PART, _START_OF_DATA, _END = 0xFF90, 0xFF93, 0xFFD9
# Decoders allocate something for each of these, however few bytes they take in the file.
_MAX_TILES = 1024
_MAX_PARTS = 4096
_MAX_LAYERS = 256
_SMALLEST_PRECINCT = 5  # power of two, px
_SMALLEST_CODE_BLOCK = 8  # power of two, px in all


def jpeg2000(encoded: bytes) -> Picture:
    """JPEG 2000, bare or in a JP2 file.

    Raises:
        ValueError: malformed, with a palette, with subsampled components, or divided into so many
            tiles, layers or blocks that a decoder would need far more memory than for the pixels.
    """
    stream = encoded if encoded[:4] == _START else _codestream(encoded)
    picture = None
    for marker, content in _segments(stream):
        if marker == _SIZE:
            picture = _size(content)
        elif marker == _CODING:
            if int.from_bytes(content[2:4], "big") > _MAX_LAYERS:
                raise ValueError("very many layers")
            _refuse_small_blocks(content[5:], has_precincts=bool(content[0] & 1))
        elif marker == _COMPONENT_CODING:
            wide = picture is not None and (picture.samples or 0) > 256
            own = content[2:] if wide else content[1:]
            _refuse_small_blocks(own[1:], has_precincts=bool(own[0] & 1))
    if picture is None:
        raise ValueError("no size")
    return picture


def _codestream(encoded: bytes) -> bytes:
    """The first codestream of a JP2 file."""
    if not encoded.startswith(_BOXES):
        raise ValueError("it does not begin as a JPEG 2000")
    at = 0
    for _ in range(64):
        length, kind = struct.unpack_from(">I4s", encoded, at)
        header = 8
        if length == 1:
            length, header = struct.unpack_from(">Q", encoded, at + 8)[0], 16
        content = encoded[at + header : at + length] if length else encoded[at + header :]
        if kind == b"jp2c":
            if content[:4] != _START:
                break
            return content
        if kind == b"jp2h" and (b"pclr" in content or b"cmap" in content):
            raise ValueError("a palette of colours")
        if length < header:
            break
        at += length
    raise ValueError("no pixels")


def _segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, content) of the main header and of the header of each tile."""
    at, part_end = 2, len(stream)
    parts = 0
    while at + 4 <= len(stream):
        marker, length = struct.unpack_from(">HH", stream, at)
        if marker == _END:
            return
        if marker == _START_OF_DATA:
            at = part_end
            continue
        if marker < 0xFF00 or length < 2:
            raise ValueError("a damaged header")
        content = stream[at + 4 : at + 2 + length]
        if marker == _START_OF_PART:
            parts += 1
            if parts > _MAX_PARTS:
                raise ValueError("very many tiles")
            whole = int.from_bytes(content[2:6], "big")
            part_end = at + whole if whole >= 12 else len(stream)
        yield marker, content
        at += 2 + length


def _size(content: bytes) -> Picture:
    width, height, left, top, tile_width, tile_height, tile_left, tile_top, samples = (
        struct.unpack_from(">8IH", content, 2)
    )
    components = content[36 : 36 + 3 * samples]
    if len(components) < 3 * samples or samples < 1 or not (tile_width and tile_height):
        raise ValueError("a damaged header")
    if any(step != 1 for step in components[1::3] + components[2::3]):
        raise ValueError("subsampled components")
    tiles = -(-(width - tile_left) // tile_width) * -(-(height - tile_top) // tile_height)
    if not 0 < tiles <= _MAX_TILES:
        raise ValueError(f"{tiles} tiles within")
    bits = max((depth & 0x7F) + 1 for depth in components[::3])
    return Picture(height - top, width - left, samples, bits, 12)


def _refuse_small_blocks(coding: bytes, has_precincts: bool) -> None:
    """``coding``: levels, code-block width and height, style, transform, precincts."""
    if (coding[1] & 15) + (coding[2] & 15) + 4 < _SMALLEST_CODE_BLOCK:
        raise ValueError("very small code-blocks")
    sizes = coding[5 : 6 + coding[0]] if has_precincts else b""
    if any(min(size & 15, size >> 4) < _SMALLEST_PRECINCT for size in sizes):
        raise ValueError("very small precincts")
