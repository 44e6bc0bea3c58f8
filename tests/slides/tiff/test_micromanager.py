"""Micro-Manager: each plane is read from its own file, or the data set is refused."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.raw_tiff import directory

from hrpn_tf.errors import RgbSlideError, SlideFormatError
from hrpn_tf.slides import open_slide

SUMMARY = json.dumps({"PixelSize_um": 0.5}).encode()
FIRST, SECOND = "x_NDTiffStack.tif", "x_NDTiffStack_1.tif"


def page(pixels: np.ndarray, data: int, at: int) -> bytes:
    note = json.dumps({"a": 1}).encode() + b"\0"
    tags = [
        (256, 4, 1, pixels.shape[1]),
        (257, 4, 1, pixels.shape[0]),
        (258, 3, 1, 8 * pixels.itemsize),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, data),
        (277, 3, 1, 1),
        (278, 4, 1, pixels.shape[0]),
        (279, 4, 1, pixels.nbytes),
    ]
    length = len(directory(tags)) + 12
    return directory([*tags, (51123, 2, len(note), at + length)]) + note


def write_part(path: Path, pixels: np.ndarray) -> int:
    """A file of one page, and the offset of its pixels."""
    head = struct.pack("<4I", 483729, 2, 2355492, len(SUMMARY)) + SUMMARY
    data = 8 + len(head)
    at = data + pixels.nbytes
    content = b"II*\0" + struct.pack("<I", at) + head + pixels.tobytes() + page(pixels, data, at)
    path.write_bytes(content)
    return data


def entry(axes: dict[str, Any], name: str, offset: int, pixel_type: int = 0) -> bytes:
    where, file = json.dumps(axes).encode(), name.encode()
    return (
        struct.pack("<I", len(where)) + where + struct.pack("<I", len(file)) + file
        + struct.pack("<IiiiiIii", offset, 64, 64, pixel_type, 0, 0, 0, 0)
    )  # fmt: skip


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, int, int]:
    """The folder of two files of one channel each, and where their pixels are."""
    (tmp_path / "set").mkdir()
    first = write_part(tmp_path / "set" / FIRST, np.full((64, 64), 10, np.uint8))
    second = write_part(tmp_path / "set" / SECOND, np.full((64, 64), 200, np.uint8))
    return tmp_path / "set", first, second


def write_index(folder: Path, *entries: bytes) -> None:
    (folder / "NDTiff.index").write_bytes(b"".join(entries))


@pytest.mark.parametrize("names", [(0, 1), ("DAPI", "CD31")])
@pytest.mark.parametrize("opened", [FIRST, SECOND])
def test_each_plane_comes_from_its_own_file(
    parts: tuple[Path, int, int], opened: str, names: tuple[int | str, int | str]
) -> None:
    folder, first, second = parts
    rows = [({"channel": names[0]}, FIRST, first), ({"channel": names[1]}, SECOND, second)]
    write_index(folder, *(entry(*row) for row in rows))
    with open_slide(folder / opened) as slide:
        assert slide.info.channels == tuple(map(str, names))
        assert slide.read(0, 0, 1, 1, [0, 1]).tolist() == [[[10, 200]]]
        assert {file.name for file in slide.info.files} == {FIRST, SECOND, "NDTiff.index"}


def test_an_index_that_names_files_elsewhere_is_refused(
    tmp_path: Path, parts: tuple[Path, int, int]
) -> None:
    folder, first, _ = parts
    outside = tmp_path / "secret.tif"
    offset = write_part(outside, np.full((64, 64), 3, np.uint8))
    for name in ("../secret.tif", str(outside)):
        write_index(
            folder, entry({"channel": 0}, FIRST, first), entry({"channel": 1}, name, offset)
        )
        with pytest.raises(SlideFormatError, match="plain name of a file"):
            open_slide(folder / FIRST)
    (folder / "link.tif").symlink_to(outside)
    write_index(
        folder, entry({"channel": 0}, FIRST, first), entry({"channel": 1}, "link.tif", offset)
    )
    with pytest.raises(SlideFormatError, match="a link that leads out of the folder"):
        open_slide(folder / FIRST)


@pytest.mark.parametrize(
    ("second", "error", "match"),
    [
        (entry({"channel": 1}, "gone.tif", 8), SlideFormatError, "'gone.tif' is missing"),
        (entry({"channel": 1}, SECOND, 9), SlideFormatError, "has no page as it says"),
        (entry({"channel": 1}, SECOND, 8, 2), RgbSlideError, "RGB picture"),
        (
            entry({"channel": 0, "z": 1}, SECOND, 8),
            SlideFormatError,
            "2 planes in depth, where one is wanted",
        ),
        (entry({"channel": 0, "row": 1}, SECOND, 8), SlideFormatError, "along the axis 'row'"),
        (b"\x0e\0\0\0{", SlideFormatError, "malformed"),
        (struct.pack("<I", 9) + b"[" * 9 + b"\0" * 44, SlideFormatError, "malformed"),
    ],
    ids=["missing", "offset", "rgb", "depth", "mosaic", "truncated", "no axes"],
)
def test_index_that_does_not_fit(
    parts: tuple[Path, int, int], second: bytes, error: type[Exception], match: str
) -> None:
    folder, first, _ = parts
    write_index(folder, entry({"channel": 0}, FIRST, first), second)
    with pytest.raises(error, match=match):
        open_slide(folder / FIRST)


def test_a_part_without_its_index_is_refused(parts: tuple[Path, int, int]) -> None:
    with pytest.raises(SlideFormatError, match=r"NDTiff\.index is missing"):
        open_slide(parts[0] / FIRST)


@pytest.mark.parametrize(("stated", "held"), [(2, 1), (1, 1)])
def test_a_stack_of_which_a_part_is_elsewhere(tmp_path: Path, stated: int, held: int) -> None:
    """The older format of Micro-Manager: the other files are found by their names alone."""
    counts = {"Channels": stated, "Slices": 1, "Frames": 1, "Positions": 1}
    summary = json.dumps({"MicroManagerVersion": "1.4", "Prefix": "x", **counts}).encode()
    pixels = np.full((64, 64), 10, np.uint8)
    data = 8 + 32 + len(summary)
    at = data + pixels.nbytes
    written = page(pixels, data, at)
    index = struct.pack("<2I", 3453623, held) + struct.pack("<5I", 0, 0, 0, 0, at) * held
    head = struct.pack("<8I", 54773648, at + len(written), 0, 0, 0, 0, 2355492, len(summary))
    content = b"II*\0" + struct.pack("<I", at) + head + summary + pixels.tobytes() + written + index
    path = tmp_path / "x_MMStack.tif"
    path.write_bytes(content)
    (tmp_path / "x_MMStack_1.tif").write_bytes(content)
    if stated == held:
        with open_slide(path) as slide:
            assert slide.info.channels == ("0",)
            assert (slide.read(0, 0, 64, 64, [0]) == 10).all()
    else:
        with pytest.raises(SlideFormatError, match="holds 1 of 2 planes of a Micro-Manager"):
            open_slide(path)
