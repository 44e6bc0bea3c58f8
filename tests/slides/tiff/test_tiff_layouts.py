"""Windows of every TIFF layout against the array that tifffile was given to write."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpn_tf.errors import RegionError, UnknownChannelError
from hrpn_tf.slides import iter_windows, open_slide

LAYOUTS = ("pages", "apart", "shaped", "samples", "planar", "imagej", "ome", "ome-samples")
WIDENED = {"int8": "float32", "int16": "float32", "float16": "float32"}


def write_layout(image: np.ndarray, layout: str, **options: Any) -> bytes:
    """A TIFF of an image (H, W, C), stored in one of the ways that files in the field are."""
    planes = np.moveaxis(image, -1, 0)
    arguments: dict[str, Any] = {"photometric": "minisblack", **options}
    if layout == "imagej":
        arguments = {
            "imagej": True,
            "metadata": {"axes": "CYX"},
            "byteorder": options["byteorder"],
        }
    elif layout.startswith("ome"):
        axes = "YXS" if layout == "ome-samples" else "CYX"
        arguments |= {"ome": True, "metadata": {"axes": axes}}
    elif layout != "shaped":
        arguments["metadata"] = None
    if layout in ("samples", "ome-samples"):
        arguments["planarconfig"] = "contig"
        planes = image
    elif layout == "planar":
        arguments["planarconfig"] = "separate"
    buffer = io.BytesIO()
    if layout == "apart":
        with tifffile.TiffWriter(
            buffer, byteorder=arguments.pop("byteorder"), bigtiff=arguments.pop("bigtiff")
        ) as tif:
            for plane in planes:
                tif.write(plane, contiguous=False, **arguments)
    else:
        tifffile.imwrite(buffer, planes, **arguments)
    return buffer.getvalue()


@st.composite
def stored_images(draw: st.DrawFn) -> tuple[np.ndarray, bytes]:
    layout = draw(st.sampled_from(LAYOUTS))
    kept = ["uint8", "uint16", "float32"]
    allowed = {"imagej": kept, "ome": [*kept, "int8"], "ome-samples": [*kept, "int16"]}
    dtype = draw(st.sampled_from(allowed.get(layout, [*kept, *WIDENED])))
    # from 2 px on: tifffile takes (C, 1, 1) for one plane of C rows
    height, width = draw(st.integers(2, 70)), draw(st.integers(2, 70))
    channels = draw(st.integers(2, 5))
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(
        0, 120, (height, width, channels)
    )
    image = values.astype(dtype)
    options: dict[str, Any] = {"byteorder": draw(st.sampled_from("<>"))}
    compression = draw(st.sampled_from([None, "zlib", "lzw"]))
    if compression:
        options["compression"] = compression
        options["predictor"] = draw(st.booleans()) and np.dtype(dtype).kind in "ui"
    if draw(st.booleans()):
        options["tile"] = draw(st.sampled_from([(16, 16), (32, 16), (16, 64)]))
    else:
        options["rowsperstrip"] = draw(st.integers(1, 80))
    options["bigtiff"] = draw(st.booleans())
    return image, write_layout(image, layout, **options)


@settings(max_examples=100, deadline=None)
@given(stored=stored_images(), data=st.data())
def test_any_window_of_any_layout(
    stored: tuple[np.ndarray, bytes], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    image, file = stored
    path = tmp_path_factory.mktemp("layout") / "slide.tif"
    path.write_bytes(file)
    height, width, channels = image.shape
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    h, w = data.draw(st.integers(1, height - y)), data.draw(st.integers(1, width - x))
    wanted = data.draw(st.lists(st.integers(0, channels - 1), min_size=1, max_size=4))
    with open_slide(path) as slide:
        assert (slide.info.height, slide.info.width) == (height, width)
        assert slide.info.channels == tuple(map(str, range(channels)))
        assert slide.info.pixel_size_um is None
        assert slide.info.dtype == WIDENED.get(image.dtype.name, image.dtype.name)
        window = slide.read(y, x, h, w, wanted)
    assert window.dtype == slide.info.dtype
    np.testing.assert_array_equal(window, image[y : y + h, x : x + w][..., wanted])


@pytest.mark.parametrize(
    "name",
    [
        "dextran/01.ome.tif",
        "neurons/kevan-a4.ome.tif",
        "readers/2008-02__single-channel.ome.tif",
        "readers/OmeFiles__6x4y1z1t3c8b-swatch.ome-v-Match.ome.tiff",
        "readers/imagej-2-channels.tif",
        "readers/viv-multi-channel.ome.tif",
        "malformed/pillow/12bit.cropped.tif",
        "malformed/pillow/16bit.MM.deflate.tif",
    ],
)
def test_real_files_read_as_tifffile_reads_them(shared_data: Path, name: str) -> None:
    expected = np.atleast_3d(tifffile.imread(shared_data / name).T).T
    with open_slide(shared_data / name) as slide:
        info = slide.info
        found = slide.read(0, 0, info.height, info.width, range(len(info.channels)))
    np.testing.assert_array_equal(np.moveaxis(found, -1, 0), expected)


def test_pyramid_in_subifds_and_in_pages(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = ((65, 66), (33, 33), (16, 17))
    levels = [rng.integers(0, 255, (2, *shape), dtype=np.uint8) for shape in shapes]
    path = tmp_path / "slide.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(levels[0], subifds=2, tile=(16, 16), metadata={"axes": "CYX"})
        for level in levels[1:]:
            tif.write(level, subfiletype=1, tile=(16, 16))
    with open_slide(path) as slide:
        assert slide.info.levels == (1.0, 2.0, 4.0)
        assert slide.info.level_shapes == shapes
        for index, level in enumerate(levels):
            h, w = level.shape[1:]
            np.testing.assert_array_equal(
                slide.read(0, 0, h, w, [1, 0], index), np.moveaxis(level[::-1], 0, -1)
            )


def test_tiles_that_are_not_stored_are_zero(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tif"
    tiles = iter([np.zeros((16, 16), np.uint16), np.ones((16, 16), np.uint16), None, None])
    tifffile.imwrite(path, tiles, shape=(32, 32), dtype="uint16", tile=(16, 16), compression="zlib")
    with open_slide(path) as slide:
        found = slide.read(0, 0, 32, 32, [0])[..., 0]
    assert found[:16, 16:].all()
    assert found.sum() == 256


def test_threads_may_share_a_slide(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (300, 400, 3)).astype(np.uint16)
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(64, 64), compression="zlib", **options)
    with open_slide(tmp_path / "a.tif") as slide, ThreadPoolExecutor(8) as pool:
        windows = list(iter_windows(300, 400, 50)) * 4
        read = pool.map(lambda window: slide.read(*window, [2, 0, 1]), windows)
        for (y, x, h, w), found in zip(windows, read, strict=True):
            np.testing.assert_array_equal(found, image[y : y + h, x : x + w][..., [2, 0, 1]])


@pytest.mark.parametrize(
    "window", [(-1, 0, 2, 2), (0, -1, 2, 2), (0, 0, 9, 1), (0, 0, 1, 9), (7, 7, 2, 2), (0, 0, 0, 1)]
)
def test_window_outside_is_refused(tmp_path: Path, window: tuple[int, int, int, int]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), np.uint8))
    with open_slide(tmp_path / "a.tif") as slide:
        with pytest.raises(RegionError, match="does not lie within level 0 of 8 x 8 px"):
            slide.read(*window, [0])
        with pytest.raises(RegionError, match="no level 1"):
            slide.read(0, 0, 1, 1, [0], 1)
        with pytest.raises(UnknownChannelError, match="no channel 1"):
            slide.read(0, 0, 1, 1, [1])
