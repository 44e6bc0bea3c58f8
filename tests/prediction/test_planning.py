"""Numbers only: what a plan takes, and which plan is chosen."""

import re
from dataclasses import replace

import pytest
from hrpn_export import Contract
from hypothesis import assume, given
from hypothesis import strategies as st

from hrpn_tf.errors import MemoryBudgetError
from hrpn_tf.prediction.planning import (
    Plan,
    SessionCost,
    SourceCost,
    in_words,
    largest_tile,
    plan_prediction,
)
from hrpn_tf.prediction.tiling import Region

GB = 10**9
SESSION = SessionCost(base_bytes=600 * 10**6, bytes_per_px=400.0)
SOURCE = SourceCost(4, 4, 1, 0, 64 * 2**20)
SLIDE = Region(0, 0, 60_000, 50_000)


def plan(budget: int | None, region: Region = SLIDE, **changes: object) -> Plan:
    arguments: dict = {
        "stride_multiple": 16,
        "receptive_field": 283,
        "session": SESSION,
        "source": SOURCE,
        **changes,
    }
    return plan_prediction(region, budget=budget, **arguments)


def side(plan: Plan) -> int:
    return min(plan.tiling.block_height, plan.tiling.block_width)


budgets = st.integers(GB, 20 * GB)


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


@given(budgets, budgets)
def test_more_memory_never_makes_smaller_tiles(one: int, other: int) -> None:
    low, high = sorted([one, other])
    assume(low > 1.1 * GB)
    assert side(plan(low)) <= side(plan(high))


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


def test_without_a_budget_the_largest_tiles_and_the_longest_queues_are_used() -> None:
    free = plan(None)
    assert 1900 < side(free) <= 2048
    assert (free.read_ahead, free.write_behind) == (2, 2)


def test_memory_does_not_depend_on_the_slide() -> None:
    """Once a slide holds a whole tile each way."""
    small = plan(2 * GB, Region(0, 0, 4096, 4096), tile=1024)
    large = plan(2 * GB, Region(0, 0, 65_536, 65_536), tile=1024)
    assert small.bytes == large.bytes


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
