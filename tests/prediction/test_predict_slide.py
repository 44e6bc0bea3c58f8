"""Tiled predictions against the network run once on the whole, reflected slide."""

import resource
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from support.grid_network import ArraySlide, GridNetwork, untiled

from hrpn_tf.config import PredictionConfig
from hrpn_tf.errors import DiskFullError, NonFinitePredictionError, OutputExistsError
from hrpn_tf.prediction import predict_slide, read_reflected, to_grey_levels
from hrpn_tf.slides import open_slide, read_provenance, write_slide

SETTINGS = set(PredictionConfig.model_fields)


def slide_file(folder: Path, image: np.ndarray, pixel_size_um: float | None = 0.5) -> Path:
    path = folder / "slide.ome.tif"
    names = [f"in{i}" for i in range(image.shape[2])]
    write_slide(path, image, channels=names, pixel_size_um=pixel_size_um, provenance={})
    return path


def predict(
    session: GridNetwork, slide: Path | ArraySlide, out: Path, **changes: object
) -> np.ndarray:
    settings = {"tile": 48, **{k: v for k, v in changes.items() if k in SETTINGS}}
    others: dict[str, Any] = {k: v for k, v in changes.items() if k not in SETTINGS}
    config = PredictionConfig.model_validate(settings)
    with open_slide(slide) if isinstance(slide, Path) else slide as opened:
        predict_slide(session, opened, [0, 1], out, config=config, **others)
    with open_slide(out) as result:
        return result.read(0, 0, result.info.height, result.info.width, [0])


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 130),
    width=st.integers(1, 130),
    tile=st.integers(32, 90),
    multiple=st.sampled_from([1, 2, 4, 8]),
    seed=st.integers(0, 9),
)
def test_tiles_of_any_size_equal_the_untiled_prediction(
    height: int, width: int, tile: int, multiple: int, seed: int
) -> None:
    session = GridNetwork(multiple)
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 2), np.uint8)
    with TemporaryDirectory() as folder:
        got = predict(session, ArraySlide(image), Path(folder) / "out.ome.tif", tile=tile)
    assert len(set(session.calls[2:])) <= 4, "one shape, but in the last row and column"
    np.testing.assert_allclose(got, untiled(session, image), rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_slides_in_files(tmp_path: Path, dtype: str) -> None:
    session = GridNetwork(8)
    image = np.random.default_rng(0).integers(0, 256, (123, 211, 2), np.uint8).astype(dtype)
    got = predict(session, slide_file(tmp_path, image), tmp_path / "out.ome.tif")
    np.testing.assert_allclose(got, untiled(session, image), rtol=0, atol=1e-4)


def test_a_halo_that_is_too_small_shows(tmp_path: Path) -> None:
    """The comparison above can fail: a contract that understates the receptive field has seams."""
    session = GridNetwork(4)
    image = np.random.default_rng(0).integers(0, 256, (90, 90, 2), np.uint8)
    expected = untiled(session, image)
    session.contract = replace(session.contract, receptive_field=1)
    got = predict(session, slide_file(tmp_path, image), tmp_path / "out.ome.tif")
    assert np.abs(got - expected).max() > 1


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    start=st.tuples(st.integers(-30, 30), st.integers(-30, 30)),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_windows_beyond_the_edge_are_reflected(
    size: tuple[int, int], start: tuple[int, int], shape: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 65536, (*size, 1), np.uint16)
    got = read_reflected(ArraySlide(image), *start, *shape, [0])
    padded = np.pad(image, [(80, 80), (80, 80), (0, 0)], mode="symmetric")
    y, x = start[0] + 80, start[1] + 80
    np.testing.assert_array_equal(got, padded[y : y + shape[0], x : x + shape[1]])
    assert got.dtype == np.uint16


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_integers_are_rounded_and_clipped(tmp_path: Path, dtype: str) -> None:
    session = GridNetwork(4)
    path = slide_file(tmp_path, np.random.default_rng(0).normal(0, 300, (70, 50, 2)).astype("f4"))
    exact = predict(session, path, tmp_path / "float.ome.tif")
    got = predict(session, path, tmp_path / "int.ome.tif", dtype=dtype)
    limits = np.iinfo(dtype)
    assert exact.min() < 0
    assert exact.max() > 255
    np.testing.assert_array_equal(got, np.clip(np.rint(exact), 0, limits.max).astype(dtype))
    assert to_grey_levels(np.array([2.5, 3.5, -1, 1e9]), np.dtype(dtype))[0] == 2


def test_the_file_says_where_it_comes_from(tmp_path: Path) -> None:
    session = GridNetwork(4)
    image = np.zeros((33, 35, 2), np.uint8)
    out = tmp_path / "out.ome.tif"
    predict(session, slide_file(tmp_path, image), out, provenance={"model": "abc"})
    provenance = read_provenance(out)
    assert provenance["model"] == "abc"
    assert provenance["tiling"] == {
        "tile_px": [68, 68], "block_px": [36, 36], "halo_px": 16, "edges": "reflection",
        "exact": True, "blended": False,
    }  # fmt: skip
    with open_slide(out) as slide:
        assert slide.info.channels == ("qd",)
        assert slide.info.pixel_size_um == pytest.approx(0.5)
        assert slide.info.dtype == np.float32
    with tifffile.TiffFile(out) as file:
        assert file.is_ome
        assert file.series[0].shape[-2:] == (33, 35)


def test_a_stated_pixel_size_is_written(tmp_path: Path) -> None:
    path = slide_file(tmp_path, np.zeros((33, 35, 2), np.uint8), pixel_size_um=None)
    predict(GridNetwork(4), path, tmp_path / "out.ome.tif", pixel_size_um=0.7)
    with open_slide(tmp_path / "out.ome.tif") as slide:
        assert slide.info.pixel_size_um == pytest.approx(0.7)


def test_a_network_that_depends_on_the_tile_gets_overlap_and_blending(tmp_path: Path) -> None:
    session = GridNetwork(4)
    session.contract = replace(session.contract, receptive_field=None, tile_exact=False)
    image = np.random.default_rng(0).integers(0, 256, (150, 140, 2), np.uint8)
    out = tmp_path / "out.ome.tif"
    got = predict(session, slide_file(tmp_path, image), out, tile=64)
    assert got.shape == (150, 140, 1)
    assert session.calls[-1] == (1, 64, 64, 2)
    tiling = read_provenance(out)["tiling"]
    assert (tiling["exact"], tiling["blended"]) == (False, True)
    # the same by hand: four tiles over each pixel, by the square of a sine
    fade = np.sin(np.pi * (np.arange(64) + 0.5) / 64) ** 2
    padded = np.pad(image, [(32, 42 + 32), (32, 52 + 32), (0, 0)], mode="symmetric")
    expected = np.zeros(padded.shape[:2])
    for y in range(0, padded.shape[0] - 63, 32):
        for x in range(0, padded.shape[1] - 63, 32):
            answer = session(padded[None, y : y + 64, x : x + 64])[0, ..., 0]
            expected[y : y + 64, x : x + 64] += answer * np.outer(fade, fade)
    np.testing.assert_allclose(got[..., 0], expected[32:182, 32:172], rtol=0, atol=1e-3)


def test_nan_from_the_network_stops_and_leaves_nothing(tmp_path: Path) -> None:
    session = GridNetwork(4)
    session.coarse *= np.inf
    path = slide_file(tmp_path, np.ones((33, 35, 2), np.uint8))
    out = tmp_path / "out" / "out.ome.tif"
    with pytest.raises(NonFinitePredictionError, match="row 0, column 0"):
        predict(session, path, out)
    assert not out.parent.exists() or not list(out.parent.iterdir())


def test_an_existing_result_is_kept_unless_told(tmp_path: Path) -> None:
    path = slide_file(tmp_path, np.ones((33, 35, 2), np.uint8))
    out = tmp_path / "out.ome.tif"
    predict(GridNetwork(4), path, out)
    before = out.read_bytes()
    with pytest.raises(OutputExistsError):
        predict(GridNetwork(4), path, out)
    assert out.read_bytes() == before
    predict(GridNetwork(4), path, out, overwrite=True, dtype="uint8")
    assert out.read_bytes() != before


def test_a_disk_that_fills_up_keeps_what_is_finished(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 9, (300, 300, 2), np.uint8)
    path = slide_file(tmp_path, image)
    out = tmp_path / "out" / "out.ome.tif"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(DiskFullError, match=r"out\.ome\.tif"):
            predict(GridNetwork(4), path, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not out.exists()
    got = predict(GridNetwork(4), path, out)
    np.testing.assert_allclose(got, untiled(GridNetwork(4), image), rtol=0, atol=1e-4)
    assert [entry.name for entry in out.parent.iterdir()] == ["out.ome.tif"]
