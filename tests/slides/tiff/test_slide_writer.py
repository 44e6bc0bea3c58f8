"""Written slides, read back by this package, by tifffile and by ome-types."""

import hashlib
import resource
from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import block_reduce
from support.written_slides import DTYPES, create, describe, json_values, left, names, noise

from hrpn_tf.errors import (
    DiskFullError,
    NonFinitePixelsError,
    OutputExistsError,
    RegionError,
    SlideFormatError,
    SlideNotFoundError,
    UsageError,
)
from hrpn_tf.slides import SlideWriter, iter_windows, open_slide, read_provenance, write_slide
from hrpn_tf.slides.pyramid import area_mean, pyramid_shapes
from hrpn_tf.slides.tiff.writer import write_ome_tiff


def write(path: Path, image: np.ndarray, **options: Any) -> None:
    defaults: dict[str, Any] = {
        "channels": [f"c{i}" for i in range(image.shape[2])],
        "pixel_size_um": 0.5,
        "provenance": {},
    }
    write_slide(path, image, **(defaults | options))


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    channels=names,
    dtype=st.sampled_from(DTYPES),
    pixel_size=st.none() | st.floats(0.01, 100),
    data=st.data(),
)
def test_any_slide_in_any_order_reads_back(
    height: int,
    width: int,
    channels: list[str],
    dtype: str,
    pixel_size: float | None,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("slide") / "a.ome.tif"
    image = noise((height, width, len(channels)), dtype)
    blocks = list(iter_windows(height, width, data.draw(st.integers(100, 800))))
    with SlideWriter(
        path,
        height=height,
        width=width,
        channels=channels,
        dtype=dtype,
        pixel_size_um=pixel_size,
        provenance={},
    ) as writer:
        for y, x, h, w in data.draw(st.permutations(blocks)):
            writer.write(y, x, image[y : y + h, x : x + w])
    with open_slide(path) as slide:
        assert slide.info.channels == tuple(channels)
        assert slide.info.pixel_size_um == pixel_size
        assert slide.info.dtype == dtype
        found = slide.read(0, 0, height, width, range(len(channels)))
    np.testing.assert_array_equal(found, image)
    by_tifffile = tifffile.imread(path).reshape(len(channels), height, width)
    np.testing.assert_array_equal(np.moveaxis(by_tifffile, 0, -1), image)


def test_description_is_valid_ome(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    provenance = {"model": "1f0c", "settings": {"tile": 512, "names": ["é", "<&>"]}}
    write(path, noise((40, 50, 2), "uint16"), channels=["CD31", "DÄPI"], provenance=provenance)
    pixels = ome_types.from_tiff(path, validate=True).images[0].pixels
    assert (pixels.size_x, pixels.size_y, pixels.size_c) == (50, 40, 2)
    assert [channel.name for channel in pixels.channels] == ["CD31", "DÄPI"]
    assert (pixels.physical_size_x, pixels.physical_size_y) == (0.5, 0.5)
    assert pixels.physical_size_y_unit.value == "µm"
    assert pixels.type.value == "uint16"


def test_position_of_a_region_is_valid_ome(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    write(path, noise((40, 50, 2), "uint16"), position_um=(1234.5, -0.25), provenance={"a": 1})
    pixels = ome_types.from_tiff(path, validate=True).images[0].pixels
    assert [(plane.the_c, plane.the_z, plane.the_t) for plane in pixels.planes] == [
        (0, 0, 0),
        (1, 0, 0),
    ]
    for plane in pixels.planes:
        assert (plane.position_y, plane.position_x) == (1234.5, -0.25)
        assert plane.position_x_unit.value == plane.position_y_unit.value == "µm"
    with open_slide(path) as slide:
        assert slide.info.channels == ("c0", "c1")
        slide.read(0, 0, 40, 50, [0, 1])
    with pytest.raises(UsageError, match="a position in um needs a pixel size"):
        write(tmp_path / "b.tif", noise((4, 5, 1), "uint8"), position_um=(0, 0), pixel_size_um=None)


@pytest.mark.parametrize("dtype", DTYPES)
def test_zstd_holds_the_same_pixels(tmp_path: Path, dtype: str) -> None:
    image = noise((1100, 700, 2), dtype)
    write(tmp_path / "a.tif", image, compression="zstd")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        pages = [tif.pages[0], *tif.pages[0].pages]
        assert {page.compression for page in pages} == {tifffile.COMPRESSION.ZSTD}
    with open_slide(tmp_path / "a.tif") as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 1100, 700, [0, 1]), image)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_planes_in_zarr_give_the_same_bytes(tmp_path: Path, version: str) -> None:
    """What prediction does: blocks into Zarr, then an OME-TIFF of them."""
    image = noise((1300, 1500, 2), "uint16")
    write(tmp_path / "a.tif", image, provenance={"b": 3})
    planes = create(tmp_path / "0", image, version, (512, 1024), (512, 512))
    planes.write(0, 0, image)
    description = describe(image, provenance={"b": 3})
    write_ome_tiff(tmp_path / "b.tif", planes, description)
    assert (tmp_path / "b.tif").read_bytes() == (tmp_path / "a.tif").read_bytes()
    with pytest.raises(OutputExistsError, match="--overwrite"):
        write_ome_tiff(tmp_path / "b.tif", planes, description)
    write_ome_tiff(tmp_path / "b.tif", planes, description, compression="zstd", overwrite=True)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), np.moveaxis(image, -1, 0))


def test_resolution_tags_say_the_same(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", noise((1500, 30, 1), "uint8"), pixel_size_um=0.25)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        levels = tif.series[0].levels
        assert [level.keyframe.get_resolution("micrometer") for level in levels] == [
            pytest.approx((4, 4)),
            pytest.approx((2, 2)),
        ]


def test_layout_is_tiled_compressed_with_subifds(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", noise((1100, 2100, 2), "uint8"))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert len(tif.pages) == 2
        assert [level.shape for level in tif.series[0].levels] == [
            (2, 1100, 2100),
            (2, 550, 1050),
            (2, 275, 525),
        ]
        page = tif.pages[0]
        assert (page.tilelength, page.tilewidth) == (512, 512)
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert tif.is_ome
        assert not tif.is_bigtiff


@pytest.mark.parametrize("dtype", DTYPES)
def test_levels_are_area_means(tmp_path: Path, dtype: str) -> None:
    image = noise((1100, 1301, 2), dtype)
    write(tmp_path / "a.tif", image)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.info.levels == (1.0, 2.0)
        found = slide.read(0, 0, 550, 650, [0, 1], level=1)
    expected = block_reduce(image[:, :1300].astype(float), (2, 2, 1), np.mean)
    tolerance = 1e-4 if dtype == "float32" else 0.5
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_area_mean_at_an_odd_end_is_that_of_the_pixels_there() -> None:
    plane = np.array([[1, 3, 10], [5, 7, 20], [100, 200, 4]], np.float32)
    np.testing.assert_array_equal(area_mean(plane), [[4, 15], [150, 4]])


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_pyramid_halves_until_it_fits(height: int, width: int) -> None:
    shapes = pyramid_shapes(height, width)
    assert max(shapes[-1]) <= 1024
    assert all(max(shape) > 1024 for shape in shapes[:-1])
    for index, shape in enumerate(shapes):
        assert shape == (-(-height // 2**index), -(-width // 2**index))


def test_same_slide_gives_the_same_bytes(tmp_path: Path) -> None:
    image = noise((1200, 700, 2), "float32")
    digests = set()
    for name in ("a.ome.tif", "b.ome.tif"):
        write(tmp_path / name, image, provenance={"seed": 3})
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


@settings(max_examples=40, deadline=None)
@given(provenance=st.dictionaries(st.text("abc_ é", min_size=1), json_values, max_size=5))
def test_provenance_comes_back(
    provenance: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("p") / "a.tif"
    write(path, noise((3, 4, 1), "uint8"), provenance=provenance)
    assert read_provenance(path) == provenance


def test_files_by_others_have_no_provenance(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((4, 4), np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((4, 4), np.uint8))
    assert read_provenance(tmp_path / "a.ome.tif") == {}
    assert read_provenance(tmp_path / "b.tif") == {}
    with pytest.raises(SlideNotFoundError):
        read_provenance(tmp_path / "c.tif")


def start(path: Path, **options: Any) -> SlideWriter:
    defaults: dict[str, Any] = {
        "height": 4,
        "width": 6,
        "channels": ["a"],
        "dtype": "float32",
        "pixel_size_um": None,
        "provenance": {},
    }
    return SlideWriter(path, **(defaults | options))


@pytest.mark.parametrize(
    ("y", "x", "block", "error"),
    [
        (3, 0, np.zeros((2, 6, 1), np.float32), RegionError),
        (0, -1, np.zeros((2, 6, 1), np.float32), RegionError),
        (0, 0, np.zeros((4, 6, 2), np.float32), RegionError),
        (0, 0, np.zeros((4, 6), np.float32), RegionError),
        (0, 0, np.zeros((4, 6, 1), np.uint8), SlideFormatError),
        (0, 0, np.full((4, 6, 1), np.nan, np.float32), NonFinitePixelsError),
        (0, 0, np.zeros((4, 5, 1), np.float32), RegionError),
    ],
    ids=["below", "left", "channels", "rank", "dtype", "nan", "incomplete"],
)
def test_bad_block_leaves_nothing(
    tmp_path: Path, y: int, x: int, block: np.ndarray, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"a\.tif"), start(tmp_path / "a.tif") as writer:
        writer.write(y, x, block)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"dtype": "float64"}, SlideFormatError),
        ({"channels": []}, SlideFormatError),
        ({"height": 0}, SlideFormatError),
        ({"channels": ["\0"]}, UsageError),
        ({"provenance": {"a": object()}}, UsageError),
        ({"provenance": {"a": float("nan")}}, UsageError),
    ],
)
def test_what_cannot_be_stored_is_refused_at_once(
    tmp_path: Path, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        start(tmp_path / "a.tif", **options)
    assert left(tmp_path) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ValueError])
def test_interruption_leaves_what_was_there(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"before")

    def interrupted() -> None:
        with start(path, overwrite=True) as writer:
            writer.write(0, 0, np.zeros((4, 6, 1), np.float32))
            raise interruption

    with pytest.raises(interruption):
        interrupted()
    assert left(tmp_path) == ["a.tif"]
    assert path.read_bytes() == b"before"


def test_existing_file_needs_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write(path, noise((4, 4, 1), "uint8"))
    with pytest.raises(OutputExistsError, match="--overwrite"):
        write(path, noise((4, 4, 1), "uint8", seed=1))
    write(path, noise((4, 4, 1), "uint8", seed=1), overwrite=True)
    np.testing.assert_array_equal(tifffile.imread(path), noise((4, 4), "uint8", seed=1))


@pytest.mark.parametrize("limit", [1_000_000, 4_100_000], ids=["scratch", "result"])
def test_full_disk_leaves_nothing(tmp_path: Path, limit: int) -> None:
    """The file size limit stands for the disk; noise of 4 MB makes a result that is larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    image = np.random.default_rng(0).integers(0, 256, (2000, 2000, 1), dtype=np.uint8)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(DiskFullError, match=r"a\.tif.*nothing was left"):
            write(tmp_path / "a.tif", image)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(tmp_path) == []
