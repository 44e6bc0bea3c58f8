"""Label images: numbers of objects, in types that no grey levels have."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.zarr_samples import image_attributes, save_array, save_group

from hrpn_tf.errors import MaskError, SlideFormatError
from hrpn_tf.evaluation import ChannelPlane
from hrpn_tf.evaluation.planes import Window
from hrpn_tf.evaluation.spatial.nuclei import GivenNuclei
from hrpn_tf.slides import open_labels, open_slide
from hrpn_tf.workflows.evaluate.spatial_inputs import refuse_bad_labels

TYPES = ("int32", "uint32", "int64", "uint64")


def labels(dtype: str) -> np.ndarray:
    """Numbers that float32 would round and uint16 would wrap."""
    return (np.arange(40 * 50).reshape(40, 50) + 2**24).astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_labels_of_a_tiff_are_read_exactly(tmp_path: Path, dtype: str) -> None:
    file = tmp_path / "labels.tif"
    tifffile.imwrite(file, labels(dtype), compression="zlib")
    with open_labels(file) as slide:
        assert slide.info.dtype == np.dtype(dtype)
        plane = ChannelPlane(slide, 0)
        refuse_bad_labels(plane, file)
        found, _ = GivenNuclei(plane, 3).label(Window(10, 10, 20, 20))
    np.testing.assert_array_equal(found, labels("int64")[7:33, 7:33])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_of_an_ome_zarr_are_read(tmp_path: Path, version: str) -> None:
    pixels = labels("uint32")
    attributes = image_attributes(version, [pixels], "yx")
    (attributes if version == "0.4" else attributes["ome"])["image-label"] = {}
    save_group(tmp_path, version, attributes)
    save_array(tmp_path / "0", version, pixels)
    with open_labels(tmp_path) as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 40, 50, [0])[..., 0], pixels, strict=True)
    with pytest.raises(SlideFormatError, match="holds a label image"):
        open_slide(tmp_path)


@pytest.mark.parametrize("dtype", TYPES)
def test_they_are_no_grey_levels_and_nothing_is_wrapped(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", labels(dtype))
    with pytest.raises(SlideFormatError, match=f"type {dtype}, .* scaled if they do not fit"):
        open_slide(tmp_path / "a.tif")


def test_negative_labels_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", -labels("int32"))
    with open_labels(tmp_path / "a.tif") as slide, pytest.raises(MaskError, match="whole numbers"):
        refuse_bad_labels(ChannelPlane(slide, 0), tmp_path / "a.tif")
