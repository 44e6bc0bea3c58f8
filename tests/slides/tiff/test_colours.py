"""Grey levels are read as intensities; colours and transparency are refused with a reason."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from support.raw_tiff import one_segment

from hrpn_tf.errors import RgbSlideError, SlideFormatError
from hrpn_tf.slides import open_slide

LIGHT = np.random.default_rng(0).integers(0, 4096, (40, 50)).astype(np.uint16)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("layout", [{}, {"tile": (16, 16)}, {"rowsperstrip": 7}])
def test_white_is_zero_is_read_inverted(
    tmp_path: Path, dtype: str, layout: dict[str, Any], compression: str | None
) -> None:
    light = (LIGHT // 16).astype(dtype)
    stored = np.iinfo(dtype).max - light
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="miniswhite", compression=compression, **layout)
    with open_slide(path) as slide:
        assert slide.info.dtype == dtype
        np.testing.assert_array_equal(slide.read(3, 2, 30, 40, [0])[..., 0], light[3:33, 2:42])


@pytest.mark.xfail(raises=NotImplementedError, reason="older imagecodecs only unpack", strict=False)
def test_white_is_zero_of_12_bits(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, 4095 - LIGHT, photometric="miniswhite", bitspersample=12)
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 40, 50, [0])[..., 0], LIGHT)


def test_white_is_zero_in_several_files_and_folders(tmp_path: Path) -> None:
    for name in ("CD31", "DAPI"):
        photometric = "miniswhite" if name == "CD31" else "minisblack"
        tifffile.imwrite(tmp_path / f"{name}.tif", LIGHT, photometric=photometric)
    with open_slide(tmp_path) as slide:
        found = slide.read(0, 0, 40, 50, [0, 1])
    np.testing.assert_array_equal(found[..., 0], 65535 - LIGHT)
    np.testing.assert_array_equal(found[..., 1], LIGHT)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_white_is_zero_of_other_types_is_refused(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", LIGHT.astype(dtype), photometric="miniswhite")
    with pytest.raises(SlideFormatError, match="0 is the brightest"):
        open_slide(tmp_path / "a.tif")


def test_pages_that_differ_in_what_zero_means_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.stack([LIGHT] * 3), photometric=1, compression="zlib", ome=True)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[1].tags["PhotometricInterpretation"].overwrite(0)
    with pytest.raises(SlideFormatError, match="not stored alike"):
        open_slide(path)


@pytest.mark.parametrize("alpha", ["assocalpha", "unassalpha"])
def test_transparency_is_no_channel(tmp_path: Path, alpha: str) -> None:
    image = np.stack([LIGHT, LIGHT], axis=-1)
    tifffile.imwrite(
        tmp_path / "a.tif", image, photometric=1, planarconfig="contig", extrasamples=[alpha]
    )
    with pytest.raises(SlideFormatError, match="transparency"):
        open_slide(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("layout", ["contig", "separate"])
@pytest.mark.parametrize(
    ("samples", "photometric"), [(3, "rgb"), (4, "rgb"), (4, "separated"), (3, "cielab")]
)
def test_colours_of_any_depth_are_refused(
    tmp_path: Path, dtype: str, layout: str, samples: int, photometric: str
) -> None:
    shape = (40, 50, samples) if layout == "contig" else (samples, 40, 50)
    image = np.zeros(shape, dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric=photometric, planarconfig=layout)
    with pytest.raises(RgbSlideError, match="RGB picture"):
        open_slide(tmp_path / "a.tif")


@pytest.mark.parametrize("photometric", [4, 5, 6, 8, 9, 10, 32803, 32844, 34892])
def test_one_sample_of_a_colour_space_is_no_intensity(tmp_path: Path, photometric: int) -> None:
    path = one_segment(tmp_path / "a.tif", bytes(4096), 1, photometric=photometric)
    with pytest.raises(RgbSlideError, match="RGB picture"):
        open_slide(path)


def test_samples_that_the_metadata_name_are_channels(tmp_path: Path) -> None:
    image = np.stack([LIGHT, LIGHT + 1, LIGHT + 2], axis=-1)
    named = {"axes": "YXS", "Channel": {"Name": ["a", "b", "c"], "SamplesPerPixel": 1}}
    tifffile.imwrite(tmp_path / "a.tif", image, photometric=1, planarconfig="contig")
    tifffile.imwrite(
        tmp_path / "b.ome.tif", image, photometric=1, planarconfig="contig", metadata=named
    )
    planes = np.moveaxis(image, -1, 0)
    tifffile.imwrite(tmp_path / "c.tif", planes, imagej=True, metadata={"axes": "CYX"})
    for name in ("a.tif", "b.ome.tif", "c.tif"):
        with open_slide(tmp_path / name) as slide:
            np.testing.assert_array_equal(slide.read(0, 0, 40, 50, range(3)), image)
