"""What counts as a smaller level of a slide."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides import levels, open_slide, write_slide


@pytest.mark.parametrize("full", [(1000, 1001), (65, 66), (7, 3000), (1, 9), (30_001, 41_007)])
@pytest.mark.parametrize("factor", [2, 3, 4, 7.5, 16])
def test_rounded_copies_are_levels(full: tuple[int, int], factor: float) -> None:
    down = tuple(max(1, int(side / factor)) for side in full)
    up = tuple(int(-(-side // factor)) for side in full)
    assert levels.reduces(full, (down[0], down[1]))
    assert levels.reduces(full, (up[0], up[1]))
    halved = full
    for _ in range(5):  # rounding again at each level
        halved = ((halved[0] + 1) // 2, (halved[1] + 1) // 2)
        assert halved == full or levels.reduces(full, halved)


@pytest.mark.parametrize(
    "level", [(512, 256), (256, 512), (1024, 1024), (1025, 512), (500, 512), (40, 36), (512, 0)]
)
def test_other_shapes_are_no_levels(level: tuple[int, int]) -> None:
    assert not levels.reduces((1024, 1024), level)


def test_a_label_among_the_levels_is_left_out(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (2, 256, 256), dtype=np.uint8)
    half, label = image[:, ::2, ::2], np.full((2, 96, 64), 200, np.uint8)
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(image, subifds=2, photometric=1, tile=(64, 64), metadata={"axes": "CYX"})
        for level in (half, label):
            tif.write(level, subfiletype=1, photometric=1, tile=(64, 64), metadata=None)
    with open_slide(path) as slide:
        assert slide.info.level_shapes == ((256, 256), (128, 128))
        np.testing.assert_array_equal(slide.read(0, 0, 128, 128, [1], 1)[..., 0], half[1])


def test_a_zarr_level_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    image = np.zeros((2000, 1200, 1), np.uint8)
    write_slide(path, image, channels=["a"], pixel_size_um=0.5, provenance={})
    smaller = zarr.open_group(path, mode="r+")
    old = smaller["1"]
    smaller.create_array(
        "1", shape=(1, 900, 600), chunks=(1, 300, 300), dtype=old.dtype, overwrite=True
    )
    with pytest.raises(SlideFormatError, match="no reduced copy"):
        open_slide(path)
