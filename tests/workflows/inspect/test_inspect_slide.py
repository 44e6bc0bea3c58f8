"""hrpn-tf inspect: what it says, what it draws, and what it leaves alone."""

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
from support.hostile import is_harmless
from support.inspected import decoded, image, inspect

from hrpn_tf.slides import SlideInfo, channel_index, open_slide, write_slide
from hrpn_tf.workflows.inspect.slide import PERCENTILES, _spots, inspect_slide, overview_level


def test_what_is_printed(slide: Path) -> None:
    found = inspect(slide)
    lines = found.out.splitlines()
    assert lines[:6] == [
        f"slide       {slide}",
        "format      OME-TIFF",
        "size        90 x 120 px (height x width), 0.045 x 0.06 mm",
        "type        uint16",
        "pixel size  0.5 um/px",
        "levels      1 (1: 90 x 120)",
    ]
    assert lines[6] == "thumbnail   a b.thumbnail.png"
    assert lines[8] == "channels (grey levels of all pixels)"
    assert [line.split()[:3] for line in lines[10:13]] == [
        ["0", "CD31", "vessels"],
        ["1", "DAPI", "nuclei"],
        ["2", "QD655", "qd"],
    ]
    assert lines[-1] == "for hrpn-tf predict: --channel vessels=CD31 --channel nuclei=DAPI"
    assert found.err == ""


def test_json_holds_the_same(slide: Path) -> None:
    found = json.loads(inspect(slide, "--json", "--out", "x.png").out)
    assert (found["height"], found["width"], found["dtype"]) == (90, 120, "uint16")
    assert found["thumbnail"] == "x.png"
    assert found["files"] == [str(slide)]
    assert found["levels"] == [{"factor": 1.0, "height": 90, "width": 120}]
    for index, channel in enumerate(found["channels"]):
        expected = np.percentile(image()[..., index], PERCENTILES)
        assert list(channel["percentiles"].values()) == pytest.approx(list(expected))
        assert list(channel["percentiles"]) == ["0", "1", "50", "99", "99.9", "100"]


def test_names_are_quoted_for_the_shell_and_replaced_by_an_index_where_not_unique(
    tmp_path: Path,
) -> None:
    names = ("my CD31's", "DAPI", "x", "x")
    pixels = np.zeros((9, 9, 4), np.uint8)
    write_slide(tmp_path / "a.tif", pixels, channels=names, pixel_size_um=0.5, provenance={})
    report = inspect_slide(tmp_path / "a.tif")
    command = " ".join(report.options)
    echoed = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True
    )
    assert echoed.stdout.splitlines() == [
        "--channel",
        "vessels=my CD31's",
        "--channel",
        "nuclei=DAPI",
    ]
    assert any("several channels are named x" in text for text in report.remarks)


def test_options_of_a_stack_say_what_was_read(tmp_path: Path) -> None:
    info = {"axes": "ZCYX", "Channel": {"Name": ["CD31", "DAPI"]}}
    pixels = np.zeros((3, 2, 9, 9), np.uint8)
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata=info, photometric="minisblack")
    found = inspect_slide(tmp_path / "a.ome.tif", z="max").options
    assert found == ("--channel vessels=CD31", "--channel nuclei=DAPI", "--z max")


def test_no_option_for_a_role_of_two_channels(tmp_path: Path) -> None:
    pixels = np.zeros((9, 9, 3), np.uint8)
    names = ("DAPI", "Hoechst", "CD31")
    write_slide(tmp_path / "a.tif", pixels, channels=names, pixel_size_um=0.5, provenance={})
    assert inspect_slide(tmp_path / "a.tif").options == ("--channel vessels=CD31",)


@pytest.mark.parametrize(
    ("size", "remark"),
    [
        (500, "500 um/px is implausible: is the unit right?"),
        (0.019, "0.019 um/px is implausible: is the unit right?"),
        (None, "no pixel size is stated"),
    ],
)
def test_pixel_sizes_are_questioned(tmp_path: Path, size: float | None, remark: str) -> None:
    pixels = np.zeros((9, 9, 1), np.uint8)
    write_slide(tmp_path / "a.tif", pixels, channels="a", pixel_size_um=size, provenance={})
    found = inspect(tmp_path / "a.tif")
    assert found.err.startswith(f"hrpn-tf: {tmp_path}/a.tif: {remark}")
    assert found.err.count("\n") == 1
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.info.pixel_size_um == size


@pytest.mark.parametrize("size", [0.02, 0.5, 25])
def test_plausible_pixel_sizes_are_not(tmp_path: Path, size: float) -> None:
    pixels = np.zeros((9, 9, 1), np.uint8)
    write_slide(tmp_path / "a.tif", pixels, channels="a", pixel_size_um=size, provenance={})
    assert inspect_slide(tmp_path / "a.tif").remarks == ()


def test_pixels_that_are_not_finite_cost_one_channel(tmp_path: Path) -> None:
    pixels = np.ones((3, 40, 50), np.float32)
    pixels[1, 7, 9] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    found = inspect(tmp_path / "a.tif")
    assert "row 7, column 9 of level 0" in found.err
    rows = [line for line in found.out.splitlines() if line.startswith(("0 ", "1 ", "2 "))]
    assert [row.split()[-1] for row in rows] == ["1", "-", "1"]


@pytest.mark.parametrize(
    ("shapes", "level"),
    [
        ([(90, 120)], 0),
        ([(5000, 9000), (2500, 4500), (1250, 2250), (625, 1125), (313, 563)], 3),
        ([(2000, 1000), (1000, 500)], 0),
        ([(100_000, 100_000)], 0),
    ],
)
def test_the_level_that_is_measured(shapes: list[tuple[int, int]], level: int) -> None:
    height, width = shapes[0]
    info = SlideInfo(
        Path("a"),
        height,
        width,
        ("0",),
        np.dtype("uint8"),
        None,
        tuple(height / h for h, _ in shapes),
        tuple(shapes),
    )
    assert overview_level(info) == level


def test_percentiles_are_of_the_level_that_is_named(tmp_path: Path) -> None:
    pixels = image(2100, 1500)[..., :1]
    write_slide(tmp_path / "a.tif", pixels, channels="a", pixel_size_um=0.5, provenance={})
    report = inspect_slide(tmp_path / "a.tif")
    assert report.measured == "level 1, 1050 x 750 px"
    with open_slide(tmp_path / "a.tif") as slide:
        level = slide.read(0, 0, 1050, 750, [0], 1)
    assert report.channels[0].percentiles == pytest.approx(tuple(np.percentile(level, PERCENTILES)))


def test_a_huge_slide_without_smaller_levels_is_sampled(
    tmp_path: Path, memory_grows_less_than: Callable[[int], AbstractContextManager[None]]
) -> None:
    """10 Gpx, most of them a hole in the file; a band across the middle is bright."""
    side, path = 100_000, tmp_path / "huge.tif"
    tifffile.imwrite(path, shape=(side, side), dtype="uint8", bigtiff=True, metadata=None)
    with tifffile.TiffFile(path) as tif:
        first = tif.pages[0].dataoffsets[0]
    with path.open("r+b") as file:
        for y in range(43_000, 45_000):
            file.seek(first + y * side)
            file.write(b"\xc8" * side)
    with memory_grows_less_than(150_000_000):
        report = inspect_slide(path, Path("huge.png"))
    assert report.measured == "64 windows of 512 px, evenly over level 0"
    assert report.channels[0].percentiles == pytest.approx((0, 0, 0, 200, 200, 200))
    assert "no smaller levels" in " ".join(report.remarks)
    bright = np.argwhere((decoded(Path("huge.png")) == 255).all(axis=-1).mean(axis=1) > 0.9)
    assert 0.40 < bright.mean() / decoded(Path("huge.png")).shape[0] < 0.50


@pytest.mark.parametrize(
    ("side", "segment", "spots"),
    [
        (100_000, 0, 64),
        (100_000, 2 * 512**2, 64),
        (100_000, 2 * 2048**2, 16),
        (100_000, 2 * 16_384**2, 8),
        (16_384, 2 * 16_384**2, 64),  # one piece is decoded once
    ],
)
def test_fewer_spots_are_sampled_where_tiles_are_large(side: int, segment: int, spots: int) -> None:
    dtype = np.dtype("uint16")
    info = SlideInfo(Path("a"), side, side, ("0",), dtype, None, segment_bytes=segment)
    assert _spots(info, 0) == spots


def test_no_tensorflow_is_loaded(slide: Path) -> None:
    script = (
        "import sys\nfrom hrpn_tf.workflows.inspect.slide import inspect_slide\n"
        "from pathlib import Path\ninspect_slide(Path(sys.argv[1]))\n"
        "assert not {'tensorflow', 'keras', 'bioio'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(slide)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_real_field(shared_data: Path) -> None:
    report = inspect_slide(shared_data / "dextran" / "01.ome.tif")
    assert [channel.role for channel in report.channels] == ["vessels", "qd", "nuclei"]
    pixels = tifffile.imread(shared_data / "dextran" / "01.ome.tif")
    assert report.channels[1].percentiles == pytest.approx(
        tuple(np.percentile(pixels[1], PERCENTILES))
    )
    assert report.thumbnail is not None
    assert os.path.getsize(report.thumbnail) > 100_000


def test_it_says_which_roles_the_names_leave_open(tmp_path: Path) -> None:
    pixels = np.zeros((9, 9, 2), np.uint8)
    names = ("DAPI", "0")
    write_slide(tmp_path / "a.tif", pixels, channels=names, pixel_size_um=0.5, provenance={})
    lines = inspect(tmp_path / "a.tif", "--out", tmp_path / "a.png").out.splitlines()
    assert "some channels have no names; name them by index, from 0: 1" in lines
    assert any(line.startswith("vessels: no channel's name suggests") for line in lines)
    assert any(line.startswith("qd: no channel's name suggests") for line in lines)
    assert not any(line.startswith("nuclei:") for line in lines)


def test_a_name_that_acts_on_the_terminal_is_shown_and_can_be_given(tmp_path: Path) -> None:
    pixels = np.zeros((9, 9, 1), np.uint8)
    names = ("DAPI\u202e\u009b31m $\\frac{$",)
    write_slide(tmp_path / "a.tif", pixels, channels=names, pixel_size_um=0.5, provenance={})
    found = inspect(tmp_path / "a.tif", "--out", tmp_path / "a.png")
    assert is_harmless(found.out + found.err)
    shown = found.out.splitlines()[-1].partition("'nuclei=")[2].removesuffix("'")
    with open_slide(tmp_path / "a.tif") as slide:
        assert channel_index(slide.info, shown) == 0
