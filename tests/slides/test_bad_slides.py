"""Bad input ends in a named error of one line: no crash, no hang, no memory taken."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.places import SHARED

from hrpn_tf.errors import (
    HrpnError,
    NonFinitePixelsError,
    RgbSlideError,
    SlideFormatError,
    SlideNotFoundError,
)
from hrpn_tf.slides import open_slide
from hrpn_tf.slides.malformed import as_named_error

OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{}>{}</OME>'
OTHER = "other.tif"  # holds the other channel of a slide in two files
MALFORMED = SHARED / "data" / "malformed"


@pytest.mark.parametrize("bare", [IndexError(0), KeyError(273), KeyError("xy"), IndexError()])
def test_a_bare_key_or_index_gets_a_sentence(bare: Exception) -> None:
    with (
        pytest.raises(SlideFormatError, match=r"\(a part that is needed is missing; \w+Error:.*\)"),
        as_named_error(Path("a.tif"), "a TIFF"),
    ):
        raise bare
    with (
        pytest.raises(SlideFormatError, match=r"\(IndexError: list index out of range\)"),
        as_named_error(Path("a.tif"), "a TIFF"),
    ):
        raise IndexError("list index out of range")


def save(image: np.ndarray, **options: object) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, image, **options)


def text(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


RGB = np.zeros((8, 8, 3), np.uint8)
FLAT = np.zeros((8, 8), np.uint8)
PALETTE = np.random.default_rng(0).integers(0, 65535, (3, 256)).astype(np.uint16)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda path: None, SlideNotFoundError, "no such slide"),
        (text(b""), SlideFormatError, "not a TIFF"),
        (text(b"\x89PNG\r\n\x1a\n" + b"\0" * 99), SlideFormatError, "not a TIFF"),
        (lambda path: os.mkfifo(path), SlideFormatError, "neither a file nor a folder"),
        (save(RGB, photometric="rgb"), RgbSlideError, "RGB picture"),
        (save(RGB, photometric="rgb", planarconfig="separate"), RgbSlideError, "RGB picture"),
        (save(RGB, photometric="rgb", ome=True), RgbSlideError, "RGB picture"),
        (save(RGB, compression="jpeg"), RgbSlideError, "RGB picture"),
        (save(FLAT, photometric="palette", colormap=PALETTE), RgbSlideError, "RGB picture"),
        (save(FLAT.astype(bool)), SlideFormatError, "type bool; save it as uint8, uint16"),
        (save(FLAT.astype(np.int32)), SlideFormatError, "type int32"),
        (save(FLAT.astype(np.uint32)), SlideFormatError, "type uint32"),
        (save(FLAT.astype(np.float64)), SlideFormatError, "type float64"),
        (save(FLAT.astype(np.complex64)), SlideFormatError, "type complex64"),
        (
            save(np.zeros((3, 2, 8, 8), np.uint8), imagej=True, metadata={"axes": "ZCYX"}),
            SlideFormatError,
            "3 planes in depth, where one is wanted",
        ),
        (
            save(np.zeros((3, 8, 8), np.uint8), ome=True, metadata={"axes": "TYX"}),
            SlideFormatError,
            "3 time points",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_is_no_slide(
    tmp_path: Path, make: Callable[[Path], None], error: type[HrpnError], match: str
) -> None:
    path = tmp_path / "a.tif"
    make(path)
    with pytest.raises(error, match=match) as caught:
        open_slide(path)
    assert str(path) in str(caught.value)


def test_grey_levels_shown_in_a_colour_are_no_rgb(tmp_path: Path) -> None:
    green = np.zeros((3, 256), np.uint16)
    green[1] = np.arange(256) * 257
    tifffile.imwrite(tmp_path / "a.tif", FLAT + 7, photometric="palette", colormap=green)
    with open_slide(tmp_path / "a.tif") as slide:
        assert (slide.read(0, 0, 8, 8, [0]) == 7).all()


def test_named_samples_are_channels(tmp_path: Path) -> None:
    metadata = {"axes": "CYX", "Channel": {"Name": ["a", "b", "c"]}}
    planes = np.zeros((3, 8, 8), np.uint8)
    tifffile.imwrite(tmp_path / "a.ome.tif", planes, photometric="minisblack", metadata=metadata)
    planar = planes.astype(np.uint16)
    tifffile.imwrite(tmp_path / "b.tif", planar, photometric="minisblack", planarconfig="separate")
    with open_slide(tmp_path / "a.ome.tif") as slide:
        assert slide.info.channels == ("a", "b", "c")
    with open_slide(tmp_path / "b.tif") as slide:
        assert slide.info.channels == ("0", "1", "2")


def test_several_images_of_one_size_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        tif.write(FLAT)
        tif.write(FLAT + 1)
    with pytest.raises(SlideFormatError, match="2 images of equal size"):
        open_slide(tmp_path / "a.ome.tif")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_nan_and_infinity_say_where(tmp_path: Path, value: float, dtype: str) -> None:
    image = np.zeros((30, 40), dtype)
    image[20, 33] = value
    tifffile.imwrite(tmp_path / "a.tif", image)
    with open_slide(tmp_path / "a.tif") as slide:
        slide.read(0, 0, 20, 40, [0])
        with pytest.raises(NonFinitePixelsError, match="row 20, column 33 of level 0"):
            slide.read(10, 10, 20, 30, [0])


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "zlib"}])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_truncated_file(tmp_path: Path, options: dict[str, object], kept: float) -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, image, **options)
    os.truncate(path, int(kept * path.stat().st_size))
    with pytest.raises(SlideFormatError, match="truncated"):
        open_slide(path)


def test_file_that_shrinks_while_open(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8))
    with open_slide(path) as slide:
        os.truncate(path, 1000)
        slide.read(0, 0, 8, 64, [0])
        with pytest.raises(SlideFormatError, match="truncated"):
            slide.read(0, 0, 64, 64, [0])


PIXELS = (
    '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="8" '
    'SizeY="8" SizeC="{c}" SizeZ="1" SizeT="1">{data}</Pixels></Image>'
)
BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">{}]>'.format(
    "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
)


@pytest.mark.parametrize(
    ("xml", "match"),
    [
        (BOMB + OME.format("", "&i;"), "malformed OME-XML"),
        (OME.format("", "<Image>"), "malformed OME-XML"),
        (OME.format("", PIXELS.format(c=10**12, data="<TiffData/>")), "claims planes"),
        (
            OME.format("", PIXELS.format(c=1, data=f'<TiffData IFD="0" PlaneCount="{10**12}"/>')),
            "claims planes",
        ),
        (
            OME.format(
                "",
                '<StructuredAnnotations><XMLAnnotation ID="a" Namespace="modulo"><Value><Modulo>'
                '<ModuloAlongZ Type="z" Start="0" End="1e12"/></Modulo></Value></XMLAnnotation>'
                "</StructuredAnnotations>",
            ),
            "claims planes",
        ),
        (OME.format("", PIXELS.format(c=3, data='<TiffData IFD="0"/>')), "planes of channels"),
        (
            OME.format(
                ' UUID="urn:uuid:1"',
                PIXELS.format(
                    c=1,
                    data='<TiffData><UUID FileName="../../secret.tif">urn:uuid:2</UUID></TiffData>',
                ),
            ),
            r"names the file '\.\./\.\./secret\.tif'",
        ),
        (OME.format("", '<BinaryOnly MetadataFile="a" UUID="b"/>'), "its part 'a' is missing"),
    ],
    ids=["bomb", "tags", "channels", "planes", "modulo", "missing", "other file", "companion"],
)
def test_hostile_ome_xml(tmp_path: Path, xml: str, match: str) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, FLAT, description=xml, metadata=None)
    with pytest.raises(SlideFormatError, match=match):
        open_slide(path)


def test_circular_pages_after_many(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for _ in range(150):
            tif.write(FLAT, metadata=None, contiguous=False)
    with tifffile.TiffFile(path) as tif:
        last, back = tif.pages[149].offset, tif.pages[120].offset
    with path.open("r+b") as file:
        file.seek(last)
        file.seek(last + 2 + 12 * int.from_bytes(file.read(2), "little"))
        file.write(back.to_bytes(4, "little"))
    with pytest.raises(SlideFormatError, match="circular"):
        open_slide(path)


def test_a_strip_too_large_to_decode_is_refused_before_memory_is_taken(
    tmp_path: Path, memory_grows_less_than: Callable[[int], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FLAT, compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tif:
        for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tif.pages[0].tags[tag].overwrite(60_000)
    too_large = pytest.raises(SlideFormatError, match="60000 x 60000 px are too large")
    with memory_grows_less_than(50_000_000), too_large:
        open_slide(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FLAT)
    path.chmod(0)
    with pytest.raises(SlideFormatError, match="cannot be read: Permission denied"):
        open_slide(path)
