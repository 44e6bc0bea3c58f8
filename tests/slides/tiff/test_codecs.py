"""A strip or tile decodes to what the TIFF declares, or is refused before it takes memory."""

import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.command import hrpn_tf
from support.raw_tiff import one_segment

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides import open_slide
from hrpn_tf.slides.tiff import codec_headers, codecs
from hrpn_tf.slides.tiff.jpeg2000_header import jpeg2000
from hrpn_tf.slides.tiff.jpegxl_header import jpegxl

SMALL = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
LARGE = np.zeros((70, 64), np.uint8)  # a few rows too many; a bomb differs in the number alone
# Compression: encoded by
PICTURES: dict[int, Callable[[np.ndarray], bytes]] = {
    7: lambda a: imagecodecs.jpeg8_encode(a, level=95),
    22610: imagecodecs.jpegxr_encode,
    34712: lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k"),
    33005: lambda a: imagecodecs.jpeg2k_encode(a, codecformat="jp2"),
    34887: imagecodecs.lerc_encode,
    34933: imagecodecs.png_encode,
    50002: lambda a: imagecodecs.jpegxl_encode(a, lossless=True),
    52546: lambda a: imagecodecs.jpegxl_encode(a, lossless=True, usecontainer=True),
}
BYTES: dict[int, Callable[[bytes], bytes]] = {
    1: bytes,
    5: imagecodecs.lzw_encode,
    8: zlib.compress,
    32773: imagecodecs.packbits_encode,
    34925: lzma.compress,
    50000: imagecodecs.zstd_encode,
}


def first_pixels(path: Path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read(0, 0, 64, 64, [0])[..., 0]


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("decoded before its header was read")

    monkeypatch.setattr(codecs, "_decoded_picture", refused)


@pytest.mark.parametrize("tile", [None, 64])
@pytest.mark.parametrize("compression", [*PICTURES, *BYTES])
def test_what_is_declared_is_read(tmp_path: Path, compression: int, tile: int | None) -> None:
    encode = PICTURES.get(compression) or (lambda image: BYTES[compression](image.tobytes()))
    path = one_segment(tmp_path / "a.tif", bytes(encode(SMALL)), compression, tile=tile)
    difference = first_pixels(path).astype(int) - SMALL
    assert abs(difference).max() <= (40 if compression == 7 else 0)


@pytest.mark.parametrize("tile", [None, 64])
@pytest.mark.parametrize("compression", PICTURES)
def test_a_picture_larger_than_declared_is_refused_before_it_is_decoded(
    tmp_path: Path, no_decoding: None, compression: int, tile: int | None
) -> None:
    encoded = bytes(PICTURES[compression](LARGE))
    path = one_segment(tmp_path / "a.tif", encoded, compression, tile=tile)
    with pytest.raises(SlideFormatError, match="70 x 64 px, where 64 x 64 px are declared"):
        first_pixels(path)


@pytest.mark.parametrize("compression", [number for number in BYTES if number != 1])
def test_more_bytes_than_declared_are_refused_never_cut(tmp_path: Path, compression: int) -> None:
    path = one_segment(tmp_path / "a.tif", BYTES[compression](LARGE.tobytes()), compression)
    with pytest.raises(SlideFormatError, match="more than the 4096 bytes declared"):
        first_pixels(path)


@pytest.mark.parametrize("compression", BYTES)
def test_fewer_bytes_than_declared_are_refused(tmp_path: Path, compression: int) -> None:
    path = one_segment(tmp_path / "a.tif", BYTES[compression](bytes(4000)), compression)
    with pytest.raises(SlideFormatError, match=r"4096|damaged|truncated"):
        first_pixels(path)


def test_a_webp_larger_than_declared_is_refused(tmp_path: Path, no_decoding: None) -> None:
    encoded = imagecodecs.webp_encode(np.zeros((70, 64, 3), np.uint8), lossless=True)
    path = one_segment(tmp_path / "a.tif", bytes(encoded), 50001, samples=3)
    with pytest.raises(SlideFormatError, match="70 x 64 px, where 64 x 64 px are declared"):
        first_pixels(path)


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (np.zeros((64, 64, 3), np.uint8), "3 samples per pixel, where 1 are declared"),
        (np.zeros((64, 64), np.uint16), "16 bits per sample, where 8 are declared"),
    ],
)
def test_a_picture_of_another_kind_is_refused(
    tmp_path: Path, no_decoding: None, image: np.ndarray, match: str
) -> None:
    path = one_segment(tmp_path / "a.tif", bytes(imagecodecs.png_encode(image)), 34933)
    with pytest.raises(SlideFormatError, match=match):
        first_pixels(path)


def test_inspect_says_so_in_one_line(tmp_path: Path) -> None:
    encoded = bytes(imagecodecs.jpeg8_encode(LARGE))
    path = one_segment(tmp_path / "a.tif", encoded, 7)
    ended = hrpn_tf("inspect", str(path), "--out", str(tmp_path / "a.png"))
    assert ended.exit_code == 1
    assert ended.err.count("\n") == 1
    assert "70 x 64 px, where 64 x 64 px are declared" in ended.err


@pytest.mark.parametrize("compression", [2, 3, 4])
@pytest.mark.parametrize("bits", [1, 8])
def test_fax_is_no_picture_of_intensities(tmp_path: Path, compression: int, bits: int) -> None:
    noise = np.random.default_rng(0).bytes(500)
    path = one_segment(tmp_path / "a.tif", noise, compression, bits=bits)
    with pytest.raises(SlideFormatError, match=r"black-and-white|type bool"):
        open_slide(path)


@pytest.mark.parametrize("compression", [0, 9, 32766, 32809, 34676, 48124, 60000, 65000])
def test_a_compression_without_a_check_is_refused(tmp_path: Path, compression: int) -> None:
    path = one_segment(tmp_path / "a.tif", b"\0" * 5000, compression)
    with pytest.raises(SlideFormatError, match=f"compression {compression} is not supported"):
        open_slide(path)


def test_every_codec_is_limited() -> None:
    assert all((codec.check is None) != (codec.expand is None) for codec in codecs.CODECS.values())
    with pytest.raises(ValueError, match="either a header or a limit"):
        codecs.Codec("new")
    # what tifffile can decode, and this table does not hold, must be refused
    page = SimpleNamespace(compression=48124, bitspersample=8, predictor=1)
    with pytest.raises(SlideFormatError, match="not supported"):
        codecs.refuse_unknown(page, Path("a.tif"))


def edited(encoded: bytes, at: int, replacement: bytes) -> bytes:
    return encoded[:at] + replacement + encoded[at + len(replacement) :]


def test_the_jpeg_frame_counts_wherever_it_is() -> None:
    encoded = bytes(imagecodecs.jpeg8_encode(SMALL))
    frame = encoded.index(b"\xff\xc0")
    huge = edited(encoded, frame + 5, struct.pack(">HH", 65500, 65500))
    assert codec_headers.jpeg(huge).height == codec_headers.jpeg(huge).width == 65500
    # a thumbnail among the metadata, with a frame of its own, does not count
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(encoded)) + encoded
    assert codec_headers.jpeg(huge[:2] + comment + huge[2:]).height == 65500
    with pytest.raises(ValueError, match="several frames"):
        codec_headers.jpeg(encoded[:frame] + huge[frame : frame + 13] + encoded[frame:])
    with pytest.raises(ValueError, match="a frame among the tables"):
        codec_headers.refuse_jpeg_frames(huge)
    with pytest.raises(ValueError, match="scans"):
        codec_headers.jpeg(encoded + b"\xff\xda\0\x02" * 100)
    with pytest.raises(ValueError, match="its height comes after"):
        codec_headers.jpeg(edited(encoded, frame + 5, b"\0\0"))


def test_jpeg_2000_that_takes_more_memory_than_its_pixels() -> None:
    encoded = bytes(imagecodecs.jpeg2k_encode(SMALL, codecformat="j2k", level=0))
    assert jpeg2000(encoded).height == 64
    tiles = edited(encoded, encoded.index(b"\xff\x51") + 22, struct.pack(">II", 1, 1))
    with pytest.raises(ValueError, match="4096 tiles"):
        jpeg2000(tiles)
    coding = encoded.index(b"\xff\x52")
    with pytest.raises(ValueError, match="code-blocks"):
        jpeg2000(edited(encoded, coding + 10, b"\0\0"))
    with pytest.raises(ValueError, match="layers"):
        jpeg2000(edited(encoded, coding + 6, b"\xff\xff"))
    palette = imagecodecs.jpeg2k_encode(SMALL, codecformat="jp2").replace(b"colr", b"pclr")
    with pytest.raises(ValueError, match="palette"):
        jpeg2000(bytes(palette))


def test_jpeg_xr_that_decoders_crash_on() -> None:
    encoded = bytes(imagecodecs.jpegxr_encode(SMALL))
    stream = encoded.index(b"WMPHOTO")
    assert codec_headers.jpegxr(encoded).width == 64
    for at, byte in ((9, b"\x80"), (10, b"\xe0"), (16, b"\xb0")):
        with pytest.raises(ValueError, match=r"tiles within|unsupported kind"):
            codec_headers.jpegxr(edited(encoded, stream + at, byte))
    with pytest.raises(ValueError, match="two different sizes"):
        codec_headers.jpegxr(edited(encoded, stream + 12, struct.pack(">HH", 999, 999)))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("options", [{"lossless": True}, {"level": 80}, {"usecontainer": True}])
@pytest.mark.parametrize("shape", [(48, 80), (300, 257), (37, 51, 3)])
def test_jpeg_xl_headers(dtype: str, options: dict, shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, dtype)
    picture = jpegxl(bytes(imagecodecs.jpegxl_encode(image, **options)))
    assert (picture.height, picture.width) == shape[:2]
    assert picture.samples == (3 if len(shape) == 3 else 1)
    assert picture.bits == 8 * image.itemsize


def test_jpeg_xl_of_several_frames_or_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="animation"):
        jpegxl(bytes(imagecodecs.jpegxl_encode(np.zeros((3, 8, 8, 3), np.uint8))))
    with pytest.raises(ValueError, match="channels beside"):
        jpegxl(bytes(imagecodecs.jpegxl_encode(np.zeros((8, 8, 4), np.uint8))))


def test_a_header_that_breaks_off_is_a_named_error(tmp_path: Path) -> None:
    for compression, encode in PICTURES.items():
        for kept in (0, 3, 12, 20, 40):
            encoded = bytes(encode(SMALL))[:kept] or b"\0"
            with pytest.raises(SlideFormatError):
                first_pixels(one_segment(tmp_path / "a.tif", encoded, compression))


@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_predictors_and_byte_orders(tmp_path: Path, predictor: int, byteorder: str) -> None:
    image = np.random.default_rng(0).random((33, 40)).astype("float32" if predictor == 3 else "u2")
    path = tmp_path / "a.tif"
    for options in ({"rowsperstrip": 7}, {"tile": (16, 32)}):
        tifffile.imwrite(
            path, image, compression="zlib", predictor=predictor, byteorder=byteorder, **options
        )
        with open_slide(path) as slide:
            np.testing.assert_array_equal(slide.read(0, 0, 33, 40, [0])[..., 0], image)


@pytest.mark.xfail(raises=NotImplementedError, reason="older imagecodecs only unpack", strict=False)
def test_packed_integers(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 4096, (33, 41)).astype(np.uint16)
    packed = b"".join(imagecodecs.packints_encode(row, 12) for row in image)
    path = one_segment(tmp_path / "a.tif", zlib.compress(packed), 8, bits=12)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(41)
        tif.pages[0].tags["ImageLength"].overwrite(33)
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 33, 41, [0])[..., 0], image)


def test_pages_of_one_series_with_tables_of_their_own(tmp_path: Path) -> None:
    """libtiff writes the tables of each page; pages of another quality differ in nothing else."""
    rows, columns = np.mgrid[:128, :160]
    waves = (120 + 80 * np.sin(rows / 9) * np.cos(columns / 7)).astype(np.uint8)
    fine, coarse = (Image.fromarray(image) for image in (waves, waves[::-1].copy()))
    coarse.encoderinfo = {"compression": "jpeg", "quality": 30}  # type: ignore[attr-defined]
    pixels = (
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="160" SizeY="128" '
        'SizeC="2" SizeZ="1" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        '<Channel ID="Channel:0:1" SamplesPerPixel="1"/><TiffData/></Pixels>'
    )
    schema = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    xml = f'<OME xmlns="{schema}"><Image ID="Image:0">{pixels}</Image></OME>'
    path = tmp_path / "a.ome.tif"
    fine.save(path, save_all=True, append_images=[coarse], compression="jpeg", quality=95,
              tiffinfo={270: xml})  # fmt: skip
    with tifffile.TiffFile(path) as file:
        one, other = file.series[0].pages
        assert one.jpegtables != other.jpegtables
    with Image.open(path) as stored, open_slide(path) as slide:
        for channel in range(2):
            stored.seek(channel)
            found = slide.read(0, 0, 128, 160, [channel])[..., 0]
            np.testing.assert_allclose(found, np.asarray(stored), atol=1)
