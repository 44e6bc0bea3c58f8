"""Written OME-Zarr, read back by this package, by zarr-python and by ome-zarr-py."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.v04.image import ImageAttrs as Attributes04
from ome_zarr_models.v05.image import ImageAttrs as Attributes05
from skimage.measure import block_reduce
from support.written_slides import (
    DTYPES,
    VERSIONS,
    describe,
    digests,
    json_values,
    left,
    names,
    noise,
)

from hrpn_tf.errors import NonFinitePixelsError, OutputExistsError, SlideFormatError, UsageError
from hrpn_tf.slides import open_slide, read_provenance, write_slide
from hrpn_tf.slides.scratch import ScratchPlanes
from hrpn_tf.slides.zarr.writer import write_ome_zarr


def write(path: Path, image: np.ndarray, version: str = "0.5", **options: Any) -> None:
    """Through scratch planes, as a caller with blocks would."""
    overwrite = options.pop("overwrite", False)
    height, width, channels = image.shape
    planes = ScratchPlanes(path.parent, channels, height, width, image.dtype)
    planes.write(0, 0, image)
    write_ome_zarr(path, planes, describe(image, **options), version=version, overwrite=overwrite)
    planes.close()


def attributes(path: Path, version: str) -> dict[str, Any]:
    if version == "0.4":
        return json.loads((path / ".zattrs").read_text())
    return json.loads((path / "zarr.json").read_text())["attributes"]


def by_zarr(path: Path, level: int = 0) -> np.ndarray:
    return np.moveaxis(zarr.open_array(str(path / str(level)), mode="r")[...], 0, -1)


@settings(max_examples=30)
@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    channels=names,
    dtype=st.sampled_from(DTYPES),
    pixel_size=st.none() | st.floats(0.01, 100),
    version=st.sampled_from(VERSIONS),
)
def test_any_slide_reads_back(
    height: int,
    width: int,
    channels: list[str],
    dtype: str,
    pixel_size: float | None,
    version: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("slide") / "a.ome.zarr"
    image = noise((height, width, len(channels)), dtype)
    write(path, image, version, channels=tuple(channels), pixel_size_um=pixel_size)
    with open_slide(path) as slide:
        info = slide.info
        assert (info.channels, info.pixel_size_um) == (tuple(channels), pixel_size)
        assert (info.dtype, info.position_um) == (dtype, None)
        assert info.format == f"OME-Zarr {version}"
        found = slide.read(0, 0, height, width, range(len(channels)))
    np.testing.assert_array_equal(found, image)
    np.testing.assert_array_equal(by_zarr(path), image)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("pixel_size", [0.325, None])
def test_metadata_is_valid_and_read_by_ome_zarr_py(
    tmp_path: Path, version: str, pixel_size: float | None
) -> None:
    path = tmp_path / "tumour.ome.zarr"
    position = None if pixel_size is None else (13.0, 65.0)
    write(
        path,
        noise((1100, 2100, 2), "uint16"),
        version,
        channels=("CD31", "DÄPI"),
        pixel_size_um=pixel_size,
        position_um=position,
    )
    found = attributes(path, version)
    valid: Any = (
        Attributes04.model_validate(found)
        if version == "0.4"
        else Attributes05.model_validate(found["ome"])
    )
    multiscale = valid.multiscales[0]
    assert multiscale.name == "tumour"
    unit = None if pixel_size is None else "micrometer"
    assert [(axis.name, axis.unit) for axis in multiscale.axes] == [
        ("c", None),
        ("y", unit),
        ("x", unit),
    ]
    assert [dataset.path for dataset in multiscale.datasets] == ["0", "1", "2"]
    (image,) = list(Reader(parse_url(str(path)))())
    assert [level.shape for level in image.data] == [
        (2, 1100, 2100),
        (2, 550, 1050),
        (2, 275, 525),
    ]
    assert image.metadata["channel_names"] == ["CD31", "DÄPI"]
    np.testing.assert_array_equal(np.asarray(image.data[1]), np.moveaxis(by_zarr(path, 1), -1, 0))


@pytest.mark.parametrize("version", VERSIONS)
def test_centres_of_pixels_line_up(tmp_path: Path, version: str) -> None:
    """Level k's pixel i is the mean of pixels 2^k i to 2^k i + 2^k - 1, and lies amid them."""
    size, corner = 0.5, np.array([10.0, -20.0])
    write(tmp_path / "a.zarr", noise((2100, 2100, 1), "uint8"), version, position_um=tuple(corner))
    found = attributes(tmp_path / "a.zarr", version)
    multiscale = found.get("ome", found)["multiscales"][0]
    for level, dataset in enumerate(multiscale["datasets"]):
        scale, translation = dataset["coordinateTransformations"]
        assert (scale["type"], translation["type"]) == ("scale", "translation")
        for pixel in (0, 7):
            covered = np.arange(2**level * pixel, 2**level * (pixel + 1))
            expected = corner + size * covered.mean()
            centre = np.array(translation["translation"]) + pixel * np.array(scale["scale"])
            np.testing.assert_allclose(centre[1:], expected)
    with open_slide(tmp_path / "a.zarr") as slide:
        assert slide.info.position_um == tuple(corner)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_levels_are_area_means(tmp_path: Path, dtype: str, version: str) -> None:
    image = noise((1100, 2101, 2), dtype)
    write(tmp_path / "a.zarr", image, version)
    expected = image[:, :2100].astype(float)
    for level, width in ((1, 1051), (2, 526)):
        expected = block_reduce(expected, (2, 2, 1), np.mean)
        found = by_zarr(tmp_path / "a.zarr", level)
        assert found.shape == (1100 // 2**level, width, 2)
        columns = found[:, : 2100 // 2**level]
        tolerance = 1e-4 if dtype == "float32" else 0.5 * level + 0.01
        np.testing.assert_allclose(columns, expected[:, : columns.shape[1]], atol=tolerance)
    last = image[:, 2100].reshape(550, 2, 2).mean(axis=1)
    np.testing.assert_allclose(by_zarr(tmp_path / "a.zarr", 1)[:, -1], last, atol=0.5)


@pytest.mark.parametrize("version", VERSIONS)
def test_same_slide_gives_the_same_bytes(tmp_path: Path, version: str) -> None:
    image = noise((1200, 700, 2), "float32")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.zarr", image, version, provenance={"seed": 3})
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


@settings(max_examples=20)
@given(
    provenance=st.dictionaries(st.text("abc_ é", min_size=1), json_values, max_size=5),
    version=st.sampled_from(VERSIONS),
)
def test_provenance_comes_back(
    provenance: dict[str, Any], version: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("p") / "a.zarr"
    write(path, noise((3, 4, 1), "uint8"), version, provenance=provenance)
    assert read_provenance(path) == provenance


def test_folders_by_others_have_no_provenance(tmp_path: Path) -> None:
    zarr.create_group(str(tmp_path / "a.zarr"), attributes={"hrpn-tf": 3})
    zarr.create_group(str(tmp_path / "b.zarr"), zarr_format=2)
    for name in ("a.zarr", "b.zarr", "."):
        assert read_provenance(tmp_path / name) == {}


def test_name_decides_what_is_written(tmp_path: Path) -> None:
    options: dict[str, Any] = {"channels": ["a"], "pixel_size_um": 0.5, "provenance": {"b": 1}}
    image = noise((30, 40, 1), "float32")
    for name, form in (("a.ome.zarr", "OME-Zarr 0.5"), ("b.ZARR", "OME-Zarr 0.5"), ("c.tif", None)):
        write_slide(tmp_path / name, image, position_um=(3.0, 4.0), **options)
        with open_slide(tmp_path / name) as slide:
            np.testing.assert_array_equal(slide.read(0, 0, 30, 40, [0]), image)
            assert form is None or (slide.info.format, slide.info.position_um) == (form, (3, 4))
        assert read_provenance(tmp_path / name) == {"b": 1}
    with pytest.raises(OutputExistsError, match="--overwrite"):
        write_slide(tmp_path / "a.ome.zarr", image, **options)
    write_slide(tmp_path / "a.ome.zarr", image + 1, overwrite=True, **options)
    np.testing.assert_array_equal(by_zarr(tmp_path / "a.ome.zarr"), image + 1)
    image[3, 4] = np.inf
    with pytest.raises(NonFinitePixelsError, match="row 3, column 4"):
        write_slide(tmp_path / "d.zarr", image, **options)
    assert left(tmp_path)[0] == "0"
    assert not [name for name in left(tmp_path) if "partial" in name or name.startswith("d")]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"channels": ()}, SlideFormatError),
        ({"provenance": {"a": float("nan")}}, UsageError),
        ({"pixel_size_um": None, "position_um": (1.0, 2.0)}, UsageError),
    ],
)
def test_what_cannot_be_stored_is_refused(
    tmp_path: Path, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        write(tmp_path / "a.zarr", noise((8, 8, 1), "uint8"), **options)
    assert left(tmp_path) == []
