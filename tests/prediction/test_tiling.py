import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpn_tf.prediction.blending import fade_both
from hrpn_tf.prediction.reading import reflected
from hrpn_tf.prediction.tiling import CHUNK, Region, Tiling, plan_tiling, round_up

MULTIPLES = st.sampled_from([1, 2, 3, 4, 8, 16, 32, 48])
regions = st.builds(
    Region, st.integers(0, 90), st.integers(0, 90), st.integers(1, 1500), st.integers(1, 1500)
)
tilings = st.builds(
    plan_tiling,
    regions,
    tile=st.integers(20, 1100) | st.tuples(st.integers(20, 1100), st.integers(20, 1100)),
    stride_multiple=MULTIPLES,
    receptive_field=st.none() | st.integers(1, 200),
    halo=st.none() | st.integers(0, 40),
)


@settings(deadline=None)
@given(tilings)
def test_blocks_cover_every_pixel_once(tiling: Tiling) -> None:
    region = tiling.region
    count = np.zeros((region.height, region.width), np.uint8)
    for number, block in enumerate(tiling):
        assert block == tiling.block(number)
        assert min(block.height, block.width) > 0
        assert (block.y % tiling.block_height, block.x % tiling.block_width) == (0, 0)
        count[block.y : block.y + block.height, block.x : block.x + block.width] += 1
    assert (count == 1).all()
    assert len(tiling) == sum(1 for _ in tiling)


@settings(deadline=None)
@given(tilings)
def test_tiles_lie_on_the_stride_and_fill_their_block(tiling: Tiling) -> None:
    """Weighted as they are blended, the tiles of a block sum to one at every pixel of it."""
    height, width = tiling.shape
    last = tiling.grid[0] * tiling.grid[1] - 1
    assert (height % tiling.multiple, width % tiling.multiple) == (0, 0)
    weights = fade_both(height, width)[..., 0] if tiling.blended else np.ones((height, width))
    for number in range(0, len(tiling), max(1, len(tiling) // 3)):
        block = tiling.block(number)
        total = np.zeros((block.height, block.width))
        for tile in block.tiles:
            assert (tile.y % tiling.multiple, tile.x % tiling.multiple) == (0, 0)
            assert (tile.height % tiling.multiple, tile.width % tiling.multiple) == (0, 0)
            is_last = number // tiling.grid[1] == last // tiling.grid[1]
            assert tile.height <= height if is_last and tiling.ragged else tile.height == height
            rows, columns = tile.source
            assert 0 <= rows.start < rows.stop <= tile.height
            assert 0 <= columns.start < columns.stop <= tile.width
            # what a tile gives belongs where it was read
            assert tile.y + rows.start == tiling.region.y + block.y + tile.target[0].start
            assert tile.x + columns.start == tiling.region.x + block.x + tile.target[1].start
            total[tile.target] += weights[tile.source]
        np.testing.assert_allclose(total, 1, atol=1e-6)


@settings(deadline=None)
@given(
    regions,
    st.tuples(st.integers(1, 1100), st.integers(1, 1100)),
    MULTIPLES,
    st.integers(1, 200),
)
def test_an_exact_tile_holds_the_receptive_field(
    region: Region, tile: tuple[int, int], multiple: int, field: int
) -> None:
    tiling = plan_tiling(region, tile=tile, stride_multiple=multiple, receptive_field=field)
    assert tiling.exact
    assert tiling.block_height <= round_up(tile[0], multiple)
    assert tiling.block_width <= round_up(tile[1], multiple)
    for number in {*range(0, len(tiling), max(1, len(tiling) // 5)), len(tiling) - 1}:
        (one,) = tiling.block(number).tiles
        for used, side in zip(one.source, (one.height, one.width), strict=True):
            assert used.start >= field // 2
            assert side - used.stop >= field // 2


@settings(deadline=None)
@given(tilings)
def test_the_lines_are_those_of_all_tiles(tiling: Tiling) -> None:
    down, across = tiling.lines
    found = sorted((t.y, t.height, t.x, t.width) for block in tiling for t in block.tiles)
    assert found == sorted((*row, *column) for row in down for column in across)


def test_the_last_tiles_are_smaller_where_that_saves_enough() -> None:
    arguments: dict[str, int] = {"tile": 64, "stride_multiple": 32, "receptive_field": 41}
    ragged = plan_tiling(Region(0, 0, 65, 128), **arguments)
    assert ragged.ragged
    assert [(t.height, t.width) for b in ragged for t in b.tiles] == [(128, 128)] * 2 + [
        (96, 128)
    ] * 2
    even = plan_tiling(Region(0, 0, 128, 128), **arguments)
    assert not even.ragged
    assert len({(t.height, t.width) for b in even for t in b.tiles}) == 1


@given(tilings)
def test_chunks_divide_their_block(tiling: Tiling) -> None:
    for block, chunk in (
        (tiling.block_height, tiling.chunk_height),
        (tiling.block_width, tiling.chunk_width),
    ):
        assert block % chunk == 0
        assert chunk % tiling.multiple == 0
        assert chunk <= 2 * CHUNK


def test_the_tile_of_a_published_network_is_its_training_patch() -> None:
    tiling = plan_tiling(
        Region(0, 0, 5000, 5000), tile=512, stride_multiple=32, receptive_field=None
    )
    assert (tiling.shape, tiling.halo) == ((512, 512), 256)
    assert (tiling.block_height, tiling.chunk_height) == (2048, 512)
    assert len(tiling.block(0).tiles) == 81


@pytest.mark.parametrize(("halo", "exact"), [(None, True), (64, True), (50, True), (33, False)])
def test_a_smaller_halo_is_not_exact(halo: int | None, exact: bool) -> None:
    region = Region(0, 0, 100, 100)
    tiling = plan_tiling(region, tile=64, stride_multiple=16, receptive_field=101, halo=halo)
    assert tiling.exact == exact
    assert tiling.halo == (64 if exact else 48)


@given(st.integers(1, 9), st.integers(0, 40))
def test_reflection_is_that_of_numpy(size: int, reach: int) -> None:
    line = np.arange(size)
    mine = line[reflected(-reach, size + 2 * reach, size)]
    np.testing.assert_array_equal(mine, np.pad(line, reach, mode="symmetric"))


def test_a_slide_is_divided_evenly() -> None:
    region = Region(0, 0, 600, 1041)
    tiling = plan_tiling(region, tile=512, stride_multiple=16, receptive_field=101)
    assert (tiling.block_height, tiling.block_width) == (304, 352)
    assert tiling.grid == (2, 3)


@pytest.mark.parametrize(("field", "halo"), [(1, 0), (2, 16), (33, 16), (34, 32), (101, 64)])
def test_the_halo_is_half_the_receptive_field_rounded_up(field: int, halo: int) -> None:
    region = Region(0, 0, 100, 100)
    tiling = plan_tiling(region, tile=64, stride_multiple=16, receptive_field=field)
    assert tiling.halo == halo
