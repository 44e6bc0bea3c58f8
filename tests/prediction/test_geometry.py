import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpn_tf.prediction.geometry import Tiling, plan_tiling, reflect, round_up

sides = st.integers(1, 700)
tilings = st.builds(
    plan_tiling,
    sides,
    sides,
    tile=st.integers(20, 300),
    stride_multiple=st.sampled_from([1, 2, 4, 8, 16, 32]),
    receptive_field=st.none() | st.integers(1, 200),
)


@settings(deadline=None)
@given(tilings)
def test_every_pixel_is_kept_once(tiling: Tiling) -> None:
    count = np.zeros((tiling.height, tiling.width), int)
    for tile in tiling:
        assert tile.out_height > 0
        assert tile.out_width > 0
        count[
            tile.out_y : tile.out_y + tile.out_height, tile.out_x : tile.out_x + tile.out_width
        ] += 1
    assert (count == 1).all()
    assert len(tiling) == sum(1 for _ in tiling)


@settings(deadline=None)
@given(sides, sides, st.integers(1, 300), st.sampled_from([1, 2, 8, 32]), st.integers(1, 200))
def test_exact_tiles_are_aligned_and_hold_the_receptive_field(
    height: int, width: int, tile: int, multiple: int, field: int
) -> None:
    tiling = plan_tiling(height, width, tile=tile, stride_multiple=multiple, receptive_field=field)
    assert tiling.exact
    assert tiling.shape[0] % multiple == 0
    assert tiling.shape[1] % multiple == 0
    assert max(tiling.kept_height, tiling.kept_width) <= round_up(tile, multiple)
    for place in tiling:
        assert place.y % multiple == 0
        assert place.x % multiple == 0
        rows, columns = place.crop
        reach = field // 2
        assert rows.start >= reach
        assert tiling.shape[0] - rows.stop >= reach
        assert columns.start >= reach
        assert tiling.shape[1] - columns.stop >= reach


@given(sides, sides, st.integers(16, 600), st.sampled_from([1, 4, 32]))
def test_without_a_receptive_field_tiles_have_the_size_asked_for(
    height: int, width: int, tile: int, multiple: int
) -> None:
    tiling = plan_tiling(height, width, tile=tile, stride_multiple=multiple, receptive_field=None)
    assert not tiling.exact
    assert tiling.shape[0] == tiling.shape[1]
    assert abs(tiling.shape[0] - tile) < 4 * multiple
    assert tiling.shape[0] % multiple == 0
    assert tiling.halo % multiple == 0


def test_the_tile_of_a_published_network_is_its_training_patch() -> None:
    tiling = plan_tiling(2000, 2000, tile=512, stride_multiple=32, receptive_field=None)
    assert (tiling.shape, tiling.kept_height, tiling.halo) == ((512, 512), 256, 128)


@given(st.integers(1, 9), st.integers(0, 40))
def test_reflection_is_that_of_numpy(size: int, reach: int) -> None:
    line = np.arange(size)
    mine = [line[reflect(i, size)] for i in range(-reach, size + reach)]
    np.testing.assert_array_equal(mine, np.pad(line, reach, mode="symmetric"))


def test_a_slide_is_divided_evenly() -> None:
    tiling = plan_tiling(600, 1041, tile=512, stride_multiple=16, receptive_field=101)
    assert (tiling.kept_height, tiling.kept_width) == (304, 352)
    assert len(tiling) == 6


@pytest.mark.parametrize(("field", "halo"), [(1, 0), (2, 16), (33, 16), (34, 32), (101, 64)])
def test_the_halo_is_half_the_receptive_field_rounded_up(field: int, halo: int) -> None:
    tiling = plan_tiling(100, 100, tile=64, stride_multiple=16, receptive_field=field)
    assert tiling.halo == halo
