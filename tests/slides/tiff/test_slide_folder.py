"""Folders with one TIFF per channel."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from hrpn_tf.errors import (
    ChannelSizeError,
    NonFinitePixelsError,
    PixelSizeError,
    RgbSlideError,
    SlideFormatError,
)
from hrpn_tf.slides import open_slide, write_slide

PUBLISHED = ("DAPI", "SpGreen", "SpOrange")


def plane(seed: int, shape: tuple[int, ...] = (40, 50), dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, shape).astype(dtype)


def test_published_layout(tmp_path: Path) -> None:
    for seed, name in enumerate(PUBLISHED):
        tifffile.imwrite(tmp_path / f"{name}.tif", plane(seed))
    (tmp_path / "._DAPI.tif").write_bytes(b"resource fork")
    (tmp_path / "notes.txt").write_text("by hand")
    with open_slide(tmp_path) as slide:
        assert slide.info.channels == PUBLISHED
        assert slide.info.pixel_size_um is None
        found = slide.read(3, 5, 30, 40, [2, 0])
    expected = np.stack([plane(2), plane(0)], axis=-1)[3:33, 5:45]
    np.testing.assert_array_equal(found, expected)


def test_pixel_size_and_levels_that_the_files_share(tmp_path: Path) -> None:
    images = {"a.ome.tif": plane(0, (1100, 30, 1)), "b.TIFF": plane(1, (1100, 30, 1))}
    for name, image in images.items():
        write_slide(tmp_path / name, image, channels=["x"], pixel_size_um=0.325, provenance={})
    with open_slide(tmp_path) as slide:
        assert slide.info.channels == ("a", "b")
        assert slide.info.pixel_size_um == 0.325
        assert slide.info.levels == (1.0, 2.0)
        assert slide.read(0, 0, 550, 15, [0, 1], level=1).shape == (550, 15, 2)
    tifffile.imwrite(tmp_path / "c.tif", plane(2, (1100, 30)))
    with open_slide(tmp_path) as slide:
        assert slide.info.pixel_size_um == 0.325
        assert slide.info.levels == (1.0,)


@pytest.mark.parametrize(
    ("other", "error", "match"),
    [
        (plane(1, (40, 51)), ChannelSizeError, "a.tif is 40 x 50 uint8, b.tif is 40 x 51 uint8"),
        (plane(1, dtype="uint16"), ChannelSizeError, "b.tif is 40 x 50 uint16"),
        (plane(1, (2, 40, 50)), SlideFormatError, "b.tif: holds 2 channels"),
        (plane(1, (40, 50, 3)), RgbSlideError, "b.tif: is an RGB picture"),
    ],
    ids=["size", "type", "channels", "rgb"],
)
def test_channels_that_do_not_fit(
    tmp_path: Path, other: np.ndarray, error: type[Exception], match: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", plane(0))
    photometric = "rgb" if other.shape[-1] == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "b.tif", other, photometric=photometric)
    with pytest.raises(error, match=match):
        open_slide(tmp_path)


def test_different_pixel_sizes_are_refused(tmp_path: Path) -> None:
    for name, size in (("a.tif", 0.5), ("b.tif", 0.6)):
        write_slide(
            tmp_path / name, plane(0, (9, 9, 1)), channels=["x"], pixel_size_um=size, provenance={}
        )
    with pytest.raises(PixelSizeError, match=r"0\.5 and 0\.6 um"):
        open_slide(tmp_path)


def test_folders_that_are_no_slide(tmp_path: Path) -> None:
    with pytest.raises(SlideFormatError, match="holds no TIFF file"):
        open_slide(tmp_path)
    for name in ("a.tif", "a.ome.tif"):
        tifffile.imwrite(tmp_path / name, plane(0))
    with pytest.raises(SlideFormatError, match="two files for channel 'a'"):
        open_slide(tmp_path)


def test_nan_names_the_file_of_the_channel(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", plane(0, dtype="float32"))
    bad = plane(1, dtype="float32")
    bad[7, 9] = np.inf
    tifffile.imwrite(tmp_path / "b.tif", bad)
    with open_slide(tmp_path) as slide:
        slide.read(0, 0, 7, 50, [0, 1])
        with pytest.raises(NonFinitePixelsError, match=r"b.tif: .* row 7, column 9 of level 0"):
            slide.read(5, 5, 30, 30, [0, 1])
