"""The pyramid of a slide: what its levels hold, and that every pixel is read once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.array_plane import ArrayPlane

from hrpn_tf.evaluation.report.pyramid import build, level_count, level_shape
from hrpn_tf.slides.pyramid import area_mean


@given(st.integers(1, 70), st.integers(1, 70), st.integers(4, 16), st.sampled_from("uf"))
def test_tiles_are_the_levels_of_the_whole_plane(
    height: int, width: int, side: int, kind: str
) -> None:
    random = np.random.default_rng(height * 71 + width)
    dtype = np.uint8 if kind == "u" else np.float32
    image = random.integers(0, 256, (height, width)).astype(dtype)
    top = level_count(height, width, side) - 1
    levels = [image]
    for _ in range(top):
        levels.append(area_mean(levels[-1]))
    shown = [np.full(level.shape, np.nan) for level in reversed(levels)]

    def emit(level: int, row: int, column: int, tile: dict[str, np.ndarray]) -> None:
        place = shown[level][row * side :, column * side :][:side, :side]
        assert np.isnan(place).all(), "each tile once"
        place[...] = tile["a"]

    def observe(tile: dict[str, np.ndarray]) -> None:
        observed.append(tile["a"].size)

    observed: list[int] = []
    overview = build({"a": ArrayPlane(image)}, side, emit, observe)
    for found, expected in zip(shown, reversed(levels), strict=True):
        assert np.array_equal(found, expected)
    assert sum(observed) == image.size
    assert np.array_equal(overview["a"], levels[-1])
    assert max(overview["a"].shape) <= side


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_the_sizes_of_levels_are_halves_rounded_up(height: int, width: int) -> None:
    rows, columns = height, width
    for halvings in range(level_count(height, width, 512)):
        assert level_shape(height, width, halvings) == (rows, columns)
        rows, columns = (rows + 1) // 2, (columns + 1) // 2


def test_planes_of_one_pass_stay_together() -> None:
    a = np.arange(40 * 30, dtype=np.float32).reshape(40, 30)
    tiles = []
    build({"a": ArrayPlane(a), "b": ArrayPlane(-a)}, 16, lambda *tile: tiles.append(tile[3]))
    assert all(np.array_equal(tile["a"], -tile["b"]) for tile in tiles)
