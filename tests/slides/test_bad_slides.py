"""Bad input ends in a named error of one line: no crash, no hang, no memory taken."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.places import SHARED

from hrpn_tf import errors
from hrpn_tf.errors import (
    HrpnError,
    NonFinitePixelsError,
    RgbSlideError,
    SlideFormatError,
    SlideNotFoundError,
)
from hrpn_tf.slides import iter_windows, open_slide, write_slide
from hrpn_tf.slides.malformed import as_named_error

OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{}>{}</OME>'
OTHER = "other.tif"  # holds the other channel of a slide in two files
MALFORMED = SHARED / "data" / "malformed"

# One process reads all files: each within 10 s, and all within 2 GiB of address space above the
# interpreter's. A crash, a hang or another error leaves the results from there on missing.
READ_ALL = """
import json, resource, signal, sys
from pathlib import Path
import numpy as np, tifffile
from hrpn_tf.errors import HrpnError
from hrpn_tf.slides import iter_windows, open_slide
from hrpn_tf.slides.tiff import layout

in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + 2**31, in_use + 2**31))
if sys.argv[2] == "any colours":
    layout.refuse_rgb = lambda *arguments: None  # so that their pixels are decoded, too
for file in sorted(Path(sys.argv[1]).glob("*/*")):
    signal.alarm(10)
    try:
        with open_slide(file) as slide:
            info = slide.info
            found = np.zeros((info.height, info.width, len(info.channels)), info.dtype)
            for y, x, h, w in iter_windows(info.height, info.width, 100):
                found[y : y + h, x : x + w] = slide.read(y, x, h, w, range(len(info.channels)))
        with tifffile.TiffFile(file) as tif:
            series = max(tif.series, key=lambda one: one.keyframe.imagelength)
            expected = series.asarray()
            if 262 in series.keyframe.tags and series.keyframe.photometric == 0:
                expected = 2 ** series.keyframe.bitspersample - 1 - expected
        if not series.axes.endswith("S"):
            expected = np.moveaxis(expected, 0, -1) if expected.ndim == 3 else expected[..., None]
        result = "read" if np.array_equal(found, expected) else "read wrongly"
    except HrpnError as error:
        result = type(error).__name__ + (": several lines" if "\\n" in str(error) else "")
    print(json.dumps([file.relative_to(sys.argv[1]).as_posix(), result]), flush=True)
"""


@pytest.fixture(scope="session", params=["as they are", "any colours"])
def malformed_results(request: pytest.FixtureRequest, shared_data: Path) -> dict[str, str]:
    command = [sys.executable, "-c", READ_ALL, str(shared_data / "malformed"), request.param]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    return dict(json.loads(line) for line in done.stdout.splitlines())


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


@pytest.mark.parametrize(
    "name", [p.relative_to(MALFORMED).as_posix() for p in sorted(MALFORMED.glob("*/*"))]
)
def test_malformed_files_are_read_or_refused(name: str, malformed_results: dict[str, str]) -> None:
    result = malformed_results[name]
    assert result == "read" or issubclass(getattr(errors, result), SlideFormatError)


@pytest.fixture(scope="session")
def sound_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    folder = tmp_path_factory.mktemp("sound")
    image = np.random.default_rng(0).integers(0, 99, (33, 40, 3)).astype(np.uint16)
    write_slide(folder / "0.tif", image, channels="abc", pixel_size_um=0.5, provenance={"a": 1})
    planes = np.moveaxis(image, -1, 0)
    tifffile.imwrite(folder / "1.tif", planes, imagej=True, metadata={"axes": "CYX"})
    tifffile.imwrite(
        folder / "2.tif", image, photometric=1, planarconfig="contig", compression="lzw"
    )
    tifffile.imwrite(folder / "3.tif", planes, tile=(16, 16), bigtiff=True, photometric=1)
    qpi = "<PerkinElmer-QPI-ImageDescription><ImageType>{}</ImageType><Name>{}</Name></{}>"
    with tifffile.TiffWriter(folder / "4.tif") as tif:
        for plane, name in zip(planes, "abc", strict=True):
            text = qpi.format("FullResolution", name, "PerkinElmer-QPI-ImageDescription")
            tif.write(plane, description=text, metadata=None, software="PerkinElmer-QPI")
    parts = "".join(
        f'<TiffData FirstC="{i}" IFD="0"><UUID FileName="{n}">urn:uuid:{n}</UUID></TiffData>'
        for i, n in enumerate((OTHER, "damaged.tif"))
    )
    xml = OME.format(
        ' UUID="urn:uuid:damaged.tif"',
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" '
        f'SizeX="40" SizeY="33" SizeC="2" SizeZ="1" SizeT="1">{parts}</Pixels></Image>',
    )
    tifffile.imwrite(folder / "5.tif", planes[0], description=xml, metadata=None)
    return tuple((folder / f"{i}.tif").read_bytes() for i in range(6))


def test_sound_files_are_sound(sound_files: tuple[bytes, ...], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / OTHER, np.zeros((33, 40), np.uint16))
    counts = []
    for content in sound_files:
        (tmp_path / "damaged.tif").write_bytes(content)
        with open_slide(tmp_path / "damaged.tif") as slide:
            counts.append(len(slide.info.channels))
    assert counts == [3, 3, 3, 3, 3, 2]


@settings(
    max_examples=150, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused(
    sound_files: tuple[bytes, ...], tmp_path: Path, data: st.DataObject
) -> None:
    damaged = bytearray(data.draw(st.sampled_from(sound_files)))
    near_the_start = st.integers(0, min(len(damaged), 1200) - 1)
    anywhere = st.integers(0, len(damaged) - 1)
    for _ in range(data.draw(st.integers(0, 6))):
        position = data.draw(near_the_start | anywhere)
        damaged[position : position + 4] = data.draw(
            st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff" * 4, b"\0" * 4])
        )
    tifffile.imwrite(tmp_path / OTHER, np.zeros((33, 40), np.uint16))
    path = tmp_path / "damaged.tif"
    path.write_bytes(damaged[: data.draw(st.just(len(damaged)) | anywhere)])
    message = "damaged.tif"
    try:
        with open_slide(path) as slide:
            for window in list(iter_windows(slide.info.height, slide.info.width, 64))[:50]:
                slide.read(*window, range(len(slide.info.channels)))
    except HrpnError as error:
        message = str(error)
    assert "damaged.tif" in message
    assert "\n" not in message


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
