"""Undo the compression of one strip or tile, within the size that the TIFF declares.

What is not in the table is refused. Each codec in it either stops at a number of bytes, or holds a
picture whose own header is read first. A strip or tile that decodes to more than the file declares
is an error; it is never cut to size.
"""

import lzma
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.planes import MIB
from hrpn_tf.slides.tiff import codec_headers as headers
from hrpn_tf.slides.tiff.jpeg2000_header import jpeg2000
from hrpn_tf.slides.tiff.jpegxl_header import jpegxl

# What a decoder of pictures may take, in all.
_MAX_WORKING_BYTES = 768 * MIB
_LZMA_DICTIONARY = 192 * MIB  # that of the highest preset, and a half
# Uncompressed strips are sometimes padded to a whole word.
_PADDING = 7
_PREDICTORS = {1, 2, 3, 34892, 34893, 34894, 34895}
_FLOAT_PREDICTORS = {3, 34894, 34895}
_FAX = {2: "CCITT RLE", 3: "CCITT Group 3", 4: "CCITT Group 4"}


@dataclass(frozen=True)
class Codec:
    """One compression.

    Attributes:
        name: as users know it.
        check: reads the header of a picture; or
        expand: gives at most a number of bytes of what is encoded, or raises if there are more.
    """

    name: str
    check: Callable[[bytes], headers.Picture] | None = None
    expand: Callable[[bytes, int], Any] | None = None

    def __post_init__(self) -> None:
        if (self.check is None) == (self.expand is None):
            raise ValueError(f"{self.name}: a codec has either a header or a limit of bytes")


def _lzma(encoded: bytes, most: int) -> bytes:
    return lzma.LZMADecompressor(memlimit=_LZMA_DICTIONARY).decompress(encoded, most)


_DEFLATE = Codec("Deflate", expand=lambda data, most: imagecodecs.deflate_decode(data, out=most))
_ZSTD = Codec("Zstandard", expand=lambda data, most: imagecodecs.zstd_decode(data, out=most))
_JPEG = Codec("JPEG", check=headers.jpeg)
_JPEG2000 = Codec("JPEG 2000", check=jpeg2000)
_JPEGXR = Codec("JPEG XR", check=headers.jpegxr)
_JPEGXL = Codec("JPEG XL", check=jpegxl)
_WEBP = Codec("WebP", check=headers.webp)

# by the number of the tag Compression
CODECS = {
    1: Codec("none", expand=lambda data, most: data),
    5: Codec("LZW", expand=lambda data, most: imagecodecs.lzw_decode(data, out=most)),
    6: _JPEG,
    7: _JPEG,
    8: _DEFLATE,
    22610: _JPEGXR,
    32773: Codec("PackBits", expand=lambda data, most: imagecodecs.packbits_decode(data, out=most)),
    32946: _DEFLATE,
    33003: _JPEG2000,
    33004: _JPEG2000,
    33005: _JPEG2000,
    33007: _JPEG,
    34712: _JPEG2000,
    34887: Codec("LERC", check=headers.lerc),
    34892: _JPEG,
    34925: Codec("LZMA", expand=_lzma),
    34926: _ZSTD,
    34927: _WEBP,
    34933: Codec("PNG", check=headers.png),
    34934: _JPEGXR,
    50000: _ZSTD,
    50001: _WEBP,
    50002: _JPEGXL,
    50013: _DEFLATE,
    52546: _JPEGXL,
}


def refuse_unknown(page: Any, path: Path) -> None:
    """Refuse a page whose strips or tiles :func:`decode` cannot decode.

    Args:
        page: a tifffile page.
        path: of the file.

    Raises:
        SlideFormatError: says by what it is compressed.
    """
    number = int(page.compression)
    if number in _FAX:
        raise SlideFormatError(
            f"{path}: is a black-and-white picture ({_FAX[number]}), where intensities are wanted"
        )
    if number not in CODECS:
        known = ", ".join(sorted({codec.name for codec in CODECS.values() if codec.name != "none"}))
        raise SlideFormatError(
            f"{path}: compression {number} is not supported; save it uncompressed, or by one of "
            f"{known}"
        )
    if not isinstance(page.bitspersample, int):
        raise SlideFormatError(f"{path}: its samples differ in their number of bits")
    packed = page.bitspersample % 8 != 0 or page.bitspersample == 24
    predictor = int(page.predictor)
    if CODECS[number].expand and (predictor not in _PREDICTORS or (packed and predictor != 1)):
        raise SlideFormatError(f"{path}: predictor {predictor} is not supported")


def decode(
    page: Any, tables: bytes | None, path: Path, index: int, rows: int, encoded: bytes
) -> np.ndarray:
    """The pixels of a strip or tile, (rows, columns, samples), of native byte order.

    Args:
        page: a tifffile page that :func:`refuse_unknown` let pass; may stand for pages like it.
        tables: JPEG tables of the very page; pages that are alike else may differ in their quality.
        path: of the file.
        index: of the strip or tile in the page.
        rows: of it that lie within the picture.
        encoded: as stored.

    Raises:
        SlideFormatError: it decodes to more, or to something else, than the page declares.
        Exception: whatever a decoder raises on damaged bytes.
    """
    codec = CODECS[int(page.compression)]
    full, columns, samples = segment_shape(page)
    where = f"{path}: malformed: strip or tile {index} ({codec.name})"
    if codec.expand is None:
        _check_picture(codec, page, tables, encoded, where)
        return _decoded_picture(page, tables, index, encoded, where)
    row_bytes = -(-columns * samples * page.bitspersample // 8)
    most = full * row_bytes
    if page.fillorder == 2:
        encoded = bytes(imagecodecs.bitorder_decode(encoded))
    try:
        data = codec.expand(encoded, most + 1)
    except Exception as error:
        raise SlideFormatError(
            f"{where} is damaged, or decodes to more than the {most} bytes declared"
        ) from error
    padding = _PADDING if page.compression == 1 else 0
    if len(data) > most + padding:
        raise SlideFormatError(f"{where} decodes to more than the {most} bytes declared")
    whole = full if page.is_tiled and len(data) >= most else rows
    if len(data) < whole * row_bytes:
        raise SlideFormatError(
            f"{where} decodes to {len(data)} bytes, where {whole * row_bytes} are declared"
        )
    return _unpack(page, data[: whole * row_bytes], (whole, columns, samples))


def segment_shape(page: Any) -> tuple[int, int, int]:
    """(rows, columns, samples) that a page declares for each strip or tile."""
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth), int(samples)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth), int(samples)


def _check_picture(
    codec: Codec, page: Any, tables: bytes | None, encoded: bytes, where: str
) -> None:
    """Refuse a picture whose own header says something else than the page."""
    assert codec.check is not None
    try:
        picture = codec.check(encoded)
        if tables is not None:
            headers.refuse_jpeg_frames(tables)
    except (ValueError, IndexError, ArithmeticError) as error:
        raise SlideFormatError(f"{where} is damaged or of an unsupported kind: {error}") from error
    except Exception as error:  # struct.error: the header ends too early
        raise SlideFormatError(f"{where} has a damaged header") from error
    rows, columns, samples = segment_shape(page)
    found = f"{picture.height} x {picture.width} px"
    if picture.height > rows or picture.width > columns or min(picture.height, picture.width) < 1:
        raise SlideFormatError(f"{where} is of {found}, where {rows} x {columns} px are declared")
    if picture.samples not in (samples, None) or (picture.samples is None and samples < 3):
        raise SlideFormatError(
            f"{where} has {picture.samples or 3} samples per pixel, where {samples} are declared"
        )
    if picture.bits > 8 * page.dtype.itemsize:
        raise SlideFormatError(
            f"{where} has {picture.bits} bits per sample, where {page.bitspersample} are declared"
        )
    if picture.height * picture.width * samples * picture.working_bytes > _MAX_WORKING_BYTES:
        raise SlideFormatError(f"{where} of {found} is too large to decode; save smaller tiles")


def _decoded_picture(
    page: Any, tables: bytes | None, index: int, encoded: bytes, where: str
) -> np.ndarray:
    given = {} if tables is None else {"jpegtables": tables}
    pixels = np.asarray(page.decode(encoded, index, **given)[0][0])
    if pixels.dtype != page.dtype:
        raise SlideFormatError(f"{where} holds {pixels.dtype}, where {page.dtype} is declared")
    return pixels


def _unpack(page: Any, data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    predictor, order = int(page.predictor), page.parent.byteorder
    if page.bitspersample in (8, 16, 32, 64):
        # the predictor for floating point takes care of the order of bytes itself
        dtype = page.dtype if predictor in _FLOAT_PREDICTORS else page.dtype.newbyteorder(order)
        values = np.frombuffer(data, dtype)
    elif page.dtype.kind == "f":
        values = imagecodecs.float24_decode(data, byteorder=order)
    else:
        values = imagecodecs.packints_decode(
            data, page.dtype, page.bitspersample, runlen=shape[1] * shape[2]
        )
    values = values.reshape(shape).astype(page.dtype.newbyteorder("="), copy=False)
    if predictor == 1:
        return np.asarray(values)
    return np.asarray(tifffile.TIFF.UNPREDICTORS[predictor](values, axis=-2))
