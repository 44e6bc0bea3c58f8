"""Malformed and damaged files are read or refused: no crash, no hang, no memory taken."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.places import SHARED

from hrpn_tf import errors
from hrpn_tf.errors import HrpnError, SlideFormatError
from hrpn_tf.slides import iter_windows, open_slide, write_slide

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
