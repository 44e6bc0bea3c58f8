"""Sizes from 0 to absurd, and paths that are no ordinary file."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from hrpn_tf.errors import HrpnError, SlideFormatError, SlideNotFoundError
from hrpn_tf.slides import open_slide, write_slide

LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {"metadata": None, "photometric": "minisblack"},
    "tiled": {"metadata": None, "tile": (16, 16), "compression": "zlib", "photometric": 1},
    "ome": {"ome": True, "metadata": {"axes": "CYX"}, "photometric": "minisblack"},
    "imagej": {"imagej": True, "metadata": {"axes": "CYX"}},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 97), (89, 1), (97, 89), (127, 31)])
def test_one_pixel_and_primes(tmp_path: Path, layout: str, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (3, *shape), dtype=np.uint8)
    options = LAYOUTS[layout]
    if layout == "imagej" and shape[1] == 1:
        pytest.skip("tifffile writes a column of one pixel as something else")
    with tifffile.TiffWriter(tmp_path / "a.tif", **_of_file(options)) as tif:
        if layout in ("ome", "imagej"):
            tif.write(image, **_of_page(options))
        else:
            for plane in image:  # page by page: three rows of one pixel would be one plane
                tif.write(plane, contiguous=False, **_of_page(options))
    with open_slide(tmp_path / "a.tif") as slide:
        assert (slide.info.height, slide.info.width) == shape
        found = slide.read(0, 0, *shape, [0, 1, 2])
    np.testing.assert_array_equal(np.moveaxis(found, -1, 0), image)


def _of_file(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key in ("ome", "imagej")}


def _of_page(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in ("ome", "imagej")}


def test_a_written_slide_of_one_pixel(tmp_path: Path) -> None:
    image = np.array([[[7, 9]]], np.uint16)
    write_slide(tmp_path / "a.tif", image, channels="ab", pixel_size_um=0.5, provenance={})
    with open_slide(tmp_path / "a.tif") as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 1, 1, [0, 1]), image)


def resized(path: Path, options: dict[str, Any], **tags: int) -> Path:
    """A file of 8 x 8 px that says it is of another size."""
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8), **options)
    with tifffile.TiffFile(path, mode="r+") as tif:
        for tag, value in tags.items():
            tif.pages[0].tags[tag].overwrite(value)
    return path


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
def test_size_0(tmp_path: Path, options: dict[str, Any], tag: str) -> None:
    path = resized(tmp_path / "a.tif", {"metadata": None, **options}, **{tag: 0})
    with pytest.raises(SlideFormatError, match=r"holds no image|of 0 x|x 0 px"):
        open_slide(path)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
@pytest.mark.parametrize("sizes", [(2**31 - 1, 2**31 - 1), (8, 2**32 - 1), (2**32 - 1, 1)])
def test_absurd_sizes_are_refused_before_memory_is_taken(
    tmp_path: Path,
    options: dict[str, Any],
    sizes: tuple[int, int],
    memory_grows_less_than: Callable[[int], AbstractContextManager[None]],
) -> None:
    tags = {"ImageLength": sizes[0], "ImageWidth": sizes[1]}
    path = resized(tmp_path / "a.tif", {"metadata": None, **options}, **tags)
    with memory_grows_less_than(50_000_000), pytest.raises(SlideFormatError):
        open_slide(path)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def dangling(path: Path) -> None:
    path.symlink_to("nothing")


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (loop, SlideNotFoundError, "is a link that leads nowhere"),
        (dangling, SlideNotFoundError, "is a link that leads nowhere"),
        (folder, SlideFormatError, "holds no TIFF file"),
        (os.mkfifo, SlideFormatError, "neither a file nor a folder"),
        (Path.touch, SlideFormatError, "not a TIFF"),
    ],
)
@pytest.mark.parametrize("name", ["a.tif", "a.czi", "a.svs", "a.companion.ome", "a.ome.zarr"])
def test_paths_that_are_no_slide(
    tmp_path: Path, name: str, make: Callable[[Path], None], error: type[HrpnError], match: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(error) as caught:
        open_slide(tmp_path / name)
    # of which format an empty file is, its name says
    assert match in str(caught.value) or (make is Path.touch and name != "a.tif")


@pytest.mark.parametrize("name", ["\0.tif", "x" * 300 + ".tif"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(SlideNotFoundError, match="no such slide"):
        open_slide(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["a b'c\"$.tif", "ä µ 細胞.tif", "-o.tif", "a\tb.tif", "%s{0}.tif"]
)
def test_odd_names(tmp_path: Path, name: str) -> None:
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    tifffile.imwrite(tmp_path / name, image)
    with open_slide(tmp_path / name) as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 8, 8, [0])[..., 0], image)
        assert slide.info.files == (tmp_path / name,)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_unreadable_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0)
    with pytest.raises(SlideFormatError, match="cannot be read: Permission denied"):
        open_slide(tmp_path / "a")


def test_a_path_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for root, who may read whatever is not allowed to others."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SlideFormatError, match=r"a\.tif: cannot be read: Permission denied"):
        open_slide(path)
