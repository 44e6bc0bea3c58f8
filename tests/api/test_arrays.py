"""``ht.predict`` with an array: the engine and the result of a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.run_folder import make_run, save_network

import hrpn_tf as ht
from hrpn_tf.errors import NonFinitePixelsError, PixelSizeError, UsageError
from hrpn_tf.slides import write_slide

INPUTS = ("vessels", "nuclei")
SHAPE = (150, 201, 2)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiles of 64 px; pixels of 0.5 um; inputs vessels, nuclei."""
    folder = tmp_path_factory.mktemp("arrays")
    save_network(folder / "network.keras")
    return make_run(folder / "run", folder / "network.keras")


def image(dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, SHAPE).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_an_array_is_predicted_as_a_file_of_its_pixels(
    run: Path, tmp_path: Path, dtype: str
) -> None:
    path = tmp_path / "slide.ome.tif"
    write_slide(path, image(dtype), channels=INPUTS, pixel_size_um=0.5, provenance={})
    file = ht.predict(run, path, tmp_path / "predicted.ome.tif").read()
    found = ht.predict(run, image(dtype), pixel_size=0.5)
    assert found.dtype == np.float32
    assert found.shape == SHAPE[:2]
    np.testing.assert_array_equal(found, file[..., 0])


def test_the_result_does_not_depend_on_the_tiles(run: Path) -> None:
    tiled = ht.predict(run, image(), pixel_size=0.5)
    whole = ht.predict(run, image(), pixel_size=0.5, settings={"prediction.tile": 1024})
    np.testing.assert_allclose(tiled, whole, atol=1e-3)


def test_nested_settings_are_kept(run: Path) -> None:
    nested = {"prediction": {"symmetries": True}}
    found = ht.predict(run, image(), pixel_size=0.5, settings=nested)
    expected = ht.predict(run, image(), pixel_size=0.5, symmetries=True)
    np.testing.assert_array_equal(found, expected)


def test_symmetries_turn_with_the_array(run: Path) -> None:
    whole = image()[:128, :192]
    straight = ht.predict(run, whole, pixel_size=0.5, symmetries=True)
    turned = ht.predict(run, np.rot90(whole), pixel_size=0.5, symmetries=True)
    np.testing.assert_allclose(turned, np.rot90(straight), rtol=0, atol=1e-3)


def test_other_numbers_are_predicted_as_float32(run: Path) -> None:
    expected = ht.predict(run, image("float32"), pixel_size=0.5)
    for dtype in ("float64", "int64"):
        np.testing.assert_array_equal(ht.predict(run, image(dtype), pixel_size=0.5), expected)
    np.testing.assert_array_equal(
        ht.predict(run, image("float32")[:, ::-1], pixel_size=0.5),
        ht.predict(run, np.ascontiguousarray(image("float32")[:, ::-1]), pixel_size=0.5),
    )


def test_an_array_of_other_pixels_is_resampled_to_those_of_the_network(run: Path) -> None:
    assert ht.predict(run, image(), pixel_size=1.0).shape == (300, 402)
    with pytest.raises(PixelSizeError):
        ht.predict(run, image(), pixel_size=1.0, settings={"prediction.resample": False})


@pytest.mark.parametrize(
    ("array", "error", "words"),
    [
        (np.zeros((64, 64, 3), np.uint8), UsageError, r"\(64, 64, 3\): the network takes .*nuclei"),
        (np.zeros((64, 64), np.uint8), UsageError, "shape"),
        (np.zeros((0, 64, 2), np.uint8), UsageError, "shape"),
        (np.zeros((64, 64, 2), bool), UsageError, "bool"),
        (np.zeros((64, 64, 2), complex), UsageError, "complex"),
        (np.full((64, 64, 2), np.nan, np.float32), NonFinitePixelsError, "row 0, column 0"),
        (np.full((64, 64, 2), np.inf), NonFinitePixelsError, "replace such pixels"),
    ],
)
def test_what_is_no_image_for_the_network_is_refused(
    run: Path, array: np.ndarray, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ht.predict(run, array, pixel_size=0.5)


@pytest.mark.parametrize("size", [None, 0.0, -1.0, np.nan, np.inf])
def test_an_array_without_a_pixel_size_is_refused(run: Path, size: Any) -> None:
    with pytest.raises(PixelSizeError, match="pixel_size"):
        ht.predict(run, image(), pixel_size=size)


@pytest.mark.parametrize(
    "given", [{"out": "x"}, {"region": (0, 0, 8, 8)}, {"mask": "m"}, {"workers": 2}]
)
def test_arguments_for_files_are_refused(run: Path, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(given))}: for slides in files"):
        ht.predict(run, image(), pixel_size=0.5, **given)


def test_something_else_is_refused(run: Path) -> None:
    wrong: Any = 5
    with pytest.raises(UsageError, match="int: expected a path"):
        ht.predict(run, wrong)


def test_nothing_is_left_of_an_array(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = sorted(path.name for path in run.iterdir())
    ht.predict(run, image(), pixel_size=0.5)
    assert not list(tmp_path.iterdir())
    assert sorted(path.name for path in run.iterdir()) == before


def test_an_open_slide_and_a_region_are_predicted(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "slide.ome.tif"
    write_slide(path, image(), channels=("CD31", "DAPI"), pixel_size_um=None, provenance={})
    with ht.open_slide(path) as slide:
        predicted = ht.predict(
            run,
            [slide],
            tmp_path / "out",
            pixel_size=0.5,
            channels={"vessels": "CD31", "nuclei": 1},
            region=(10, 20, 64, 48),
            settings={"prediction": {"dtype": "uint8"}},
        )
    assert predicted.paths == (tmp_path / "out" / "slide.ome.tif",)
    assert predicted.folder == tmp_path / "out"
    assert (predicted.read().shape, predicted.read().dtype) == ((48, 64, 1), np.uint8)
