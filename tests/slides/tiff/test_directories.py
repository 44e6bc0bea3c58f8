"""Directories (IFDs) that would take tifffile minutes are counted and refused."""

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.raw_tiff import directory, one_segment, plain_page

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides import open_slide, read_provenance
from hrpn_tf.slides.tiff import ome_xml
from hrpn_tf.slides.tiff.directories import MAX_DIRECTORIES

PIXELS = bytes(64 * 64)
START = 8 + len(PIXELS)


def chain(count: int) -> bytes:
    """Pages of 64, 65 and 66 px, in turns, so that they are no single series."""
    length = len(directory(plain_page()))
    pages = [
        directory(plain_page(width=64 + k % 3), START + length * (k + 1) if k < count - 1 else 0)
        for k in range(count)
    ]
    return b"II*\0" + struct.pack("<I", START) + PIXELS + b"".join(pages)


def with_levels(count: int) -> bytes:
    """One page that names the same smaller one many times."""
    length = len(directory(plain_page(extra=[(330, 4, count, 0)])))
    names = START + length
    level = names + 4 * count
    page = directory(plain_page(extra=[(330, 4, count, names)]))
    offsets = struct.pack("<I", level) * count
    return (
        b"II*\0" + struct.pack("<I", START) + PIXELS + page + offsets
        + directory(plain_page(32, 32))
    )  # fmt: skip


def with_tag(code: int, kind: int, count: int, width: int) -> bytes:
    """One page with a tag of many values."""
    length = len(directory(plain_page(extra=[(code, kind, count, 0)])))
    page = directory(plain_page(extra=[(code, kind, count, START + length)]))
    return b"II*\0" + struct.pack("<I", START) + PIXELS + page + bytes(count * width)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: chain(MAX_DIRECTORIES + 100), "more than 4096 pages"),
        (lambda: with_levels(1_000_000), "more than 4096 levels"),
        (lambda: with_levels(4096), "more than 4096 pages"),
        (lambda: with_tag(65_000, 3, 9_000_000, 2), "more than 8000000 numbers"),
        (lambda: with_tag(33629, 5, 5000, 8), "more than 4096 planes"),
        (lambda: chain(1)[:-4] + struct.pack("<I", START), "circular"),
    ],
    ids=["pages", "levels", "pages in all", "numbers", "planes", "circle"],
)
def test_absurd_directories_are_refused_at_once(
    tmp_path: Path, make: Callable[[], bytes], match: str
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(make())
    for read in (open_slide, read_provenance):
        begin = time.process_time()
        with pytest.raises(SlideFormatError, match=match):
            read(path)
        assert time.process_time() - begin < 2


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
def test_sound_directories_pass(tmp_path: Path, options: dict) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, **options) as tif:
        for plane in range(40):
            tif.write(
                np.full((32, 32), plane, np.uint8), contiguous=False, metadata=None, subifds=1
            )
            tif.write(np.full((16, 16), plane, np.uint8), metadata=None, subfiletype=1)
    with open_slide(path) as slide:
        assert len(slide.info.channels) == 40
        assert (slide.read(0, 0, 1, 1, range(40))[0, 0] == range(40)).all()


def test_tiles_of_a_few_pixels_are_refused(tmp_path: Path) -> None:
    path = one_segment(tmp_path / "a.tif", b"\0", 1, size=1, tile=1, extra=[(317, 3, 1, 2)])
    with pytest.raises(SlideFormatError, match="tiles of 1 x 1 px are too small"):
        open_slide(path)


@pytest.mark.parametrize(
    "text", ["<a>" + "<b/>" * 1_000_001 + "</a>", f"<a {' b=' * 4_000_001}/>"], ids=["tags", "="]
)
def test_xml_of_very_many_tags_is_refused_unread(text: str) -> None:
    for form in (text, text.encode()):
        with pytest.raises(SlideFormatError, match="tags, more than any slide has"):
            ome_xml.parse_xml(form, Path("a.ome.tif"))


@pytest.mark.parametrize(
    "description",
    [
        "ImageJ=1.53\nimages=2000000000\nchannels=2000000000\nhyperstack=true\n",
        '{"shape": [1000000, 1000000, 64, 64]}',
        '{"shape": [-1, 64, 64]}',
        '{"shape": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "state.config.x=1\nstate.acq.frameRate=1\n",
    ],
    ids=["imagej", "shaped", "negative", "deep", "scanimage"],
)
def test_descriptions_that_expand(tmp_path: Path, description: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), description=description, metadata=None)
    begin = time.process_time()
    try:
        with open_slide(path) as slide:
            assert (slide.info.height, slide.info.width) == (64, 64)
    except SlideFormatError:
        pass
    assert time.process_time() - begin < 2


def test_a_pipe_in_the_place_of_a_part_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "b.ome.tif")
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<BinaryOnly MetadataFile="b.ome.tif" UUID="b"/></OME>'
    )
    tifffile.imwrite(
        tmp_path / "a.ome.tif", np.zeros((8, 8), np.uint8), description=xml, metadata=None
    )
    with pytest.raises(SlideFormatError, match="missing"):
        open_slide(tmp_path / "a.ome.tif")


@pytest.mark.parametrize(
    "start",
    [
        *(b"II*\0" + bytes(4), b"MM\0*" + bytes(4), b"II+\0" + struct.pack("<HHQ", 8, 0, 0)),
        b"II*\0" + struct.pack("<I", 10**9),  # beyond the end
    ],
)
def test_a_file_without_an_image_says_so(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "interrupted.tif"
    path.write_bytes(start + PIXELS)
    with pytest.raises(SlideFormatError, match="in which no image is found, as after") as caught:
        open_slide(path)
    assert "IndexError" not in str(caught.value)
