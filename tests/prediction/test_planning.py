"""Numbers only: what a plan takes, and which plan is chosen."""

import re
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hrpn_export import Contract
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpn_tf.errors import MemoryBudgetError
from hrpn_tf.prediction.mask import PolygonMask
from hrpn_tf.prediction.overlaps import MOST_BYTES
from hrpn_tf.prediction.planning import (
    SessionCost,
    SourceCost,
    TilePlan,
    in_words,
    largest_tile,
    plan_prediction,
)
from hrpn_tf.prediction.shapes import CALL_PX, cost_px, needed_tiles
from hrpn_tf.prediction.tiling import Region, plan_tiling, round_up
from hrpn_tf.prediction.tissue_map import TissueMap

GB = 10**9
SESSION = SessionCost(base_bytes=600 * 10**6, bytes_per_px=400.0)
SOURCE = SourceCost(4, 4, 1, 0, 64 * 2**20)
SLIDE = Region(0, 0, 60_000, 50_000)


def plan(budget: int | None, region: Region = SLIDE, **changes: object) -> TilePlan:
    arguments: dict = {
        "stride_multiple": 16,
        "receptive_field": 283,
        "session": SESSION,
        "source": SOURCE,
        **changes,
    }
    return plan_prediction(region, budget=budget, **arguments)


def side(plan: TilePlan) -> int:
    return min(plan.tiling.block_height, plan.tiling.block_width)


budgets = st.integers(GB, 20 * GB)
ample = st.integers(GB + GB // 8, 20 * GB)
sides = st.integers(1, 9_000)


@given(
    st.builds(Region, st.just(0), st.just(0), st.integers(1, 99_999), st.integers(1, 99_999)),
    budgets,
    st.integers(1, 32),
    st.none() | st.integers(1, 500),
    st.floats(10, 20_000),
)
def test_a_plan_never_needs_more_than_the_budget(
    region: Region, budget: int, multiple: int, field: int | None, per_px: float
) -> None:
    session = replace(SESSION, bytes_per_px=per_px)
    arguments = {"stride_multiple": multiple, "receptive_field": field, "session": session}
    try:
        found = plan(budget, region, **arguments)
    except MemoryBudgetError as error:
        needed = re.search(r"needs at least ([\d.e+]+) GB", str(error))
        assert needed
        assert float(needed[1]) * GB > budget * 0.99
        return
    tile, block = found.tiling.shape, (found.tiling.block_height, found.tiling.block_width)
    assert found.bytes <= budget
    # by hand, without any margin: the network, one tile read, one block made and one written
    least = session.base_bytes + tile[0] * tile[1] * (per_px + 4) + 2 * 8 * block[0] * block[1]
    assert found.bytes > least + SOURCE.cache_bytes
    assert found.read_ahead >= 1
    assert found.write_behind >= 1


@given(st.tuples(ample, ample))
def test_more_memory_never_computes_more(both: tuple[int, int]) -> None:
    low, high = sorted(both)
    assert cost_px(plan(high).tiling) <= cost_px(plan(low).tiling)


@settings(deadline=None)
@given(
    st.builds(Region, st.integers(0, 40), st.integers(0, 40), sides, sides),
    st.none() | budgets,
    st.sampled_from([1, 8, 16, 32]),
    st.integers(1, 500),
    st.integers(32, 2048),
)
def test_no_square_tile_within_the_budget_computes_less(
    region: Region, budget: int | None, multiple: int, field: int, square: int
) -> None:
    """Squares of every size that was chosen from before there were other shapes."""
    arguments = {"stride_multiple": multiple, "receptive_field": field}
    for tile in (square_sides(region, multiple)[square % 5 :: 5]) or [square]:
        try:
            other = plan(budget, region, tile=tile, **arguments)
        except MemoryBudgetError:
            continue
        assert cost_px(plan(budget, region, **arguments).tiling) <= cost_px(other.tiling)


def square_sides(region: Region, multiple: int) -> list[int]:
    most = round_up(min(2048, max(region.height, region.width)), multiple)
    octaves = [most / 2 ** (step / 4) for step in range(20)]
    return [round_up(round(each), multiple) for each in octaves if each >= 64]


@settings(deadline=None, max_examples=40)
@given(
    st.builds(Region, st.integers(0, 300), st.integers(0, 300), st.integers(1, 700), sides),
    st.tuples(st.integers(20, 900), st.integers(20, 900)),
    st.sampled_from([None, 1, 61, 283]),
    st.integers(0, 2**16),
)
def test_the_cost_is_that_of_the_tiles_that_hold_tissue(
    region: Region, tile: tuple[int, int], field: int | None, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    size = region.y + region.height + 5, region.x + region.width + 5
    tissue = TissueMap(rng.random((9, 40)) < 0.1, (size[0] / 9, size[1] / 40), (0.0,))
    tiling = plan_tiling(region, tile=tile, stride_multiple=16, receptive_field=field)
    tiles = [tile for block in tiling for tile in block.tiles]
    held = [t for t in tiles if tissue.touches(t.y, t.x, t.height, t.width, size)]
    by_hand = sum(t.height * t.width for t in held)
    needed = needed_tiles(tissue, None, size)
    assert cost_px(tiling, needed, call_px=0) == by_hand
    assert cost_px(tiling, needed) == by_hand + CALL_PX * len(held)
    assert cost_px(tiling, call_px=0) == sum(t.height * t.width for t in tiles)


def test_a_mask_is_looked_at_block_by_block() -> None:
    mask = PolygonMask(shapely.box(100, 700, 400, 900))
    tiling = plan_tiling(Region(0, 0, 1000, 1000), tile=250, stride_multiple=1, receptive_field=21)
    needed = needed_tiles(None, mask, (1000, 1000))
    assert needed is not None
    touched = [mask.touches(b.y, b.x, b.height, b.width) for b in tiling]
    assert needed(tiling).ravel().tolist() == touched
    assert 0 < sum(touched) < 6
    assert needed_tiles(None, None, (9, 9)) is None


def test_little_tissue_makes_smaller_tiles() -> None:
    """Half a slide of tissue in one corner: large tiles would compute much of the rest."""
    region = Region(0, 0, 8192, 8192)
    y, x = np.mgrid[:1024, :1024]
    tissue = TissueMap(np.hypot(y, x) < 300, (8.0, 8.0), (0.0, 0.0))
    needed = needed_tiles(tissue, None, (8192, 8192))
    all_of_it, some = plan(4 * GB, region), plan(4 * GB, region, needed=needed)
    assert cost_px(some.tiling, needed) < 0.7 * cost_px(all_of_it.tiling, needed)
    assert some.tiling.shape < all_of_it.tiling.shape


@given(budgets)
def test_the_refusal_says_what_is_enough(budget: int) -> None:
    heavy = replace(SESSION, bytes_per_px=60_000.0)
    try:
        plan(budget, session=heavy)
    except MemoryBudgetError as error:
        needed = re.search(r"needs at least ([\d.]+) GB \(of which 0\.6 GB are", str(error))
        assert needed
        plan(int(float(needed[1]) * GB * 1.01), session=heavy)


@given(
    st.sampled_from(["base_bytes", "bytes_per_px", "segment_bytes", "cache_bytes", "outputs"]),
    st.integers(2, 9),
)
def test_what_costs_more_is_counted(name: str, times: int) -> None:
    """The same tiles need more memory if anything they take does."""
    dear = {name: times * (getattr(SESSION, name, 0) or getattr(SOURCE, name, 0) or 10**6)}
    in_session = name in ("base_bytes", "bytes_per_px")
    changes = (
        {"session": replace(SESSION, **dear)} if in_session else {"source": replace(SOURCE, **dear)}
    )
    assert plan(None, tile=512, **changes).bytes > plan(None, tile=512).bytes


def test_without_a_budget_large_tiles_and_the_longest_queues_are_used() -> None:
    free = plan(None)
    tile = free.tiling.shape[0] * free.tiling.shape[1]
    assert 2 * 10**9 < tile * SESSION.bytes_per_px <= 3 * 10**9
    assert (free.read_ahead, free.write_behind) == (2, 2)
    heavy = plan(None, session=replace(SESSION, bytes_per_px=4000.0))
    assert 1900 < side(heavy) <= 2048, "as large as before, whatever the network takes"
    light = plan(None, session=replace(SESSION, bytes_per_px=36.0))
    assert 1900 < side(light) <= 2048, "it may run on a GPU, whose memory is not measured"
    whole = plan(None, Region(0, 0, 2000, 2150))
    assert whole.tiling.grid == (1, 1)


def test_memory_does_not_depend_on_the_slide() -> None:
    """Once a slide holds a whole tile each way, but for a bounded number of kept rows."""
    small = plan(2 * GB, Region(0, 0, 4096, 4096), tile=1024)
    large = plan(2 * GB, Region(0, 0, 65_536, 65_536), tile=1024)
    larger = plan(2 * GB, Region(0, 0, 655_360, 655_360), tile=1024)
    assert 0 < large.bytes - small.bytes < 1.11 * MOST_BYTES
    assert large.bytes == pytest.approx(larger.bytes, rel=1e-4)


def test_a_small_slide_needs_little() -> None:
    assert plan(None, Region(0, 0, 100, 100)).bytes < plan(None).bytes / 4


def test_a_tile_that_is_given_is_kept_or_refused() -> None:
    assert side(plan(4 * GB, tile=700)) <= 704
    with pytest.raises(MemoryBudgetError, match=r"or give a smaller --tile than 2000"):
        plan(1 * GB, tile=2000)


@given(st.integers(1, 9000), st.integers(1, 9000), st.none() | st.integers(32, 4000))
def test_no_plan_has_much_larger_tiles_than_the_probe_is_told(
    height: int, width: int, tile: int | None
) -> None:
    contract = Contract(("a",), ("b",), 0.5, 16, 283, True, 255.0)
    region = Region(0, 0, height, width)
    rounding = 8 * contract.stride_multiple  # of each of up to eight chunks
    largest = largest_tile(region, contract, tile) + rounding
    assert max(plan(None, region, tile=tile).tiling.shape) <= largest


def test_bytes_in_words() -> None:
    assert (in_words(0), in_words(123_456), in_words(20 * GB)) == ("0 GB", "0.000123 GB", "20 GB")
