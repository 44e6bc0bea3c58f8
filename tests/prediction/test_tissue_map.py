"""Tiles without tissue are skipped: never one too many, and with what the network would say."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.grid_network import ArraySlide, GridNetwork

from hrpn_tf.config import PredictionConfig
from hrpn_tf.prediction import TissueMap, find_tissue, predict_slide
from hrpn_tf.prediction.reading import read_reflected
from hrpn_tf.slides import open_slide

BACKGROUND = 7


def bright(means: np.ndarray, side: float) -> np.ndarray:
    return means.mean(axis=-1) > BACKGROUND


def with_tissue(shape: tuple[int, int], spots: Sequence[tuple[int, int, int, int]]) -> np.ndarray:
    """Rectangles (y, x, h, w) of noise on a constant background."""
    image = np.full((*shape, 2), BACKGROUND, np.uint8)
    random = np.random.default_rng(0)
    for y, x, h, w in spots:
        part = image[y : y + h, x : x + w]
        part[...] = random.integers(100, 256, part.shape)
    return image


def tissue_of(image: np.ndarray) -> TissueMap:
    return find_tissue(ArraySlide(image), [0, 1], image.shape[:2], bright)


@pytest.fixture(autouse=True)
def _coarse_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of 50 elements a side and windows of a few of them, so that small slides show it all."""
    monkeypatch.setattr("hrpn_tf.prediction.tissue_map.MAP_SIDE", 50)
    monkeypatch.setattr("hrpn_tf.prediction.tissue_map._WINDOW", 40)


@given(
    st.tuples(st.integers(1, 400), st.integers(1, 400)),
    st.lists(st.tuples(*[st.integers(0, 390)] * 2, *[st.integers(1, 60)] * 2), max_size=3),
    st.tuples(*[st.integers(-300, 500)] * 2, *[st.integers(1, 300)] * 2),
)
def test_what_is_skipped_holds_no_tissue_in_all_that_it_reads(
    shape: tuple[int, int],
    spots: list[tuple[int, int, int, int]],
    window: tuple[int, int, int, int],
) -> None:
    """Also where it reads reflections of it, beyond the edges."""
    image = with_tissue(shape, spots)
    found = tissue_of(image)
    if not found.touches(*window, shape):
        read = read_reflected(ArraySlide(image), *window, [0, 1])
        assert (read == BACKGROUND).all()


def test_the_map_is_no_wider_than_two_elements_around_tissue() -> None:
    """Otherwise nothing would ever be skipped."""
    image = with_tissue((400, 400), [(200, 200, 40, 40)])
    found = tissue_of(image)  # 8 px per element
    assert found.scale == (8.0, 8.0)
    assert found.touches(190, 190, 4, 4, (400, 400))
    assert not found.touches(0, 0, 400, 184, (400, 400))
    assert not found.touches(256, 0, 144, 400, (400, 400))
    assert not found.touches(-100, -100, 280, 280, (400, 400))
    assert found.touches(-100, -100, 310, 310, (400, 400))
    assert found.background == (BACKGROUND, BACKGROUND)


def test_elements_are_no_smaller_than_asked_for() -> None:
    image = np.random.default_rng(0).integers(0, 256, (333, 187, 2), np.uint8)
    found = find_tissue(ArraySlide(image), [0, 1], (333, 187), bright, 16)
    assert (found.mask.shape, found.scale) == ((21, 12), (16, 16))
    seen: list[float] = []

    def classify(means: np.ndarray, side: float) -> np.ndarray:
        seen.append(side)
        return np.zeros(means.shape[:2], bool)

    find_tissue(ArraySlide(image), [0, 1], (666, 374), classify, 32)
    assert seen == [32], "on the grid of the prediction, not of the slide"


def test_a_map_is_what_averaging_gives_whatever_the_windows() -> None:
    image = np.random.default_rng(0).integers(0, 256, (333, 187, 2), np.uint8)
    seen: list[np.ndarray] = []

    def classify(means: np.ndarray, side: float) -> np.ndarray:
        seen.append(means)
        assert side == 7
        return np.zeros(means.shape[:2], bool)

    find_tissue(ArraySlide(image), [0, 1], (333, 187), classify)
    (means,) = seen
    assert means.shape == (48, 27, 2)
    for y, x in np.ndindex(48, 27):
        part = image[7 * y : 7 * y + 7, 7 * x : 7 * x + 7].astype(float)
        if part.shape[:2] == (7, 7):
            np.testing.assert_allclose(means[y, x], part.mean(axis=(0, 1)), rtol=1e-5)


def test_the_coarsest_level_that_shows_enough_is_read() -> None:
    class Pyramid(ArraySlide):
        levels: list[int]

        def read(self, *window: int, **more: int) -> np.ndarray:  # type: ignore[override]
            y, x, h, w, channels, level = window
            self.levels.append(level)
            step = 2**level
            return self.image[::step, ::step][y : y + h, x : x + w][..., channels]  # type: ignore[index]

    slide = Pyramid(with_tissue((400, 240), [(300, 100, 50, 50)]))
    slide.info = replace(
        slide.info,
        levels=(1.0, 2.0, 4.0, 8.0, 16.0),
        level_shapes=((400, 240), (200, 120), (100, 60), (50, 30), (25, 15)),
    )
    slide.levels = []
    found = find_tissue(slide, [0, 1], (400, 240), bright)
    assert set(slide.levels) == {3}
    assert found.scale == (8.0, 8.0)
    assert found.touches(320, 120, 1, 1, (400, 240))
    assert not found.touches(0, 0, 200, 240, (400, 240))


def test_it_is_kept_in_a_file(tmp_path: Path) -> None:
    found = tissue_of(with_tissue((100, 300), [(20, 30, 40, 50)]))
    found.save(tmp_path / "tissue.npz")
    again = TissueMap.load(tmp_path / "tissue.npz")
    np.testing.assert_array_equal(again.mask, found.mask)
    assert (again.scale, again.background) == (found.scale, found.background)


class TransposedNetwork(GridNetwork):
    """Its answer to a constant is none: each block of ``multiple`` px has a pattern."""

    def _one(self, image: np.ndarray) -> np.ndarray:
        pattern = np.arange(self.multiple**2).reshape(self.multiple, -1)
        tiles = (image.shape[0] // self.multiple, image.shape[1] // self.multiple)
        return super()._one(image) + 0.25 * np.tile(pattern, tiles)[..., None].astype(np.float32)


def predicted(
    session: GridNetwork, image: np.ndarray, out: Path, skip: bool, tile: int = 48
) -> tuple[np.ndarray, int]:
    """The result, and how often the network ran."""
    session.calls.clear()
    tissue = (lambda: tissue_of(image)) if skip else None
    predict_slide(
        session,
        ArraySlide(image),
        [0, 1],
        out,
        config=PredictionConfig(tile=tile),
        find_tissue=tissue,
    )
    with open_slide(out) as slide:
        return slide.read(0, 0, *image.shape[:2], [0])[..., 0], len(session.calls)


@pytest.mark.parametrize("blended", [False, True])
def test_skipping_changes_nothing_where_the_background_is_constant(
    tmp_path: Path, blended: bool
) -> None:
    """Not at the edges of what is skipped, and not the pattern of transposed convolutions."""
    session = TransposedNetwork(8)
    if blended:
        session.contract = replace(session.contract, receptive_field=None, tile_exact=False)
    image = with_tissue((500, 370), [(10, 20, 30, 40), (240, 300, 50, 70)])
    full, calls = predicted(session, image, tmp_path / "full.ome.tif", skip=False)
    skipped, fewer = predicted(session, image, tmp_path / "skipped.ome.tif", skip=True)
    np.testing.assert_allclose(skipped, full, rtol=0, atol=1e-4)
    assert full[400:, 100:200].std() > 0.5, "the pattern"
    assert fewer < calls / 2


def test_a_skipped_tile_holds_the_answer_to_the_level_of_the_background(tmp_path: Path) -> None:
    """Where the background is noise, that is its median."""
    session = GridNetwork(4)
    image = with_tissue((400, 300), [(20, 20, 60, 60)])
    noise = np.random.default_rng(0).integers(-3, 1, image.shape)
    image = np.where(image == BACKGROUND, image + noise, image).astype(np.uint8)
    got, _ = predicted(session, image, tmp_path / "out.ome.tif", skip=True)
    level = tissue_of(image).background
    assert 4 <= level[0] <= 7
    constant = session(np.full((1, 120, 120, 2), level, np.float32))[0, 40:80, 40:80, 0]
    np.testing.assert_allclose(got[320:360, 200:240], constant, atol=1e-4)


def test_a_slide_without_any_tissue_needs_the_network_once(tmp_path: Path) -> None:
    image = with_tissue((300, 300), [])
    session = GridNetwork(4)
    got, calls = predicted(session, image, tmp_path / "out.ome.tif", skip=True)
    assert calls <= 3, "two of the probe, and one"
    assert np.ptp(got) < 1e-4


@given(st.floats(0.3, 3.0), st.integers(0, 380), st.integers(0, 380))
def test_a_map_fits_a_slide_that_is_resampled(scale: float, y: int, x: int) -> None:
    """Coordinates are px of the result; the map was made of the slide as stored."""
    image = with_tissue((400, 400), [(y, x, 20, 20)])
    size = round(400 * scale), round(400 * scale)
    found = find_tissue(ArraySlide(image), [0, 1], size, bright)
    row, column = int((y + 5) * scale), int((x + 5) * scale)
    assume(max(row, column) < size[0])
    assert found.touches(row, column, 1, 1, size)
