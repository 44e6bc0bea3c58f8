"""Choose tile sizes and queue lengths that keep a prediction within a memory budget."""

from collections.abc import Sequence
from dataclasses import dataclass

from hrpn_export import Contract, ContractError, Session
from hrpn_export.session import largest_side

from hrpn_tf.errors import MemoryBudgetError
from hrpn_tf.prediction.overlaps import kept_bytes
from hrpn_tf.prediction.shapes import LARGEST_TILE, Needed, cost_px, shapes
from hrpn_tf.prediction.tiling import Region, Tiling, plan_tiling, round_up

# Tiles of more pixels than the largest square are used up to this memory of the network: halos are
# a small part of such tiles, and some runtimes fail on arrays of more than 2 GB.
_LARGEST_BYTES = 3 * 10**9
# A network that takes less memory per pixel than any of ours computes on a device, most likely,
# whose memory is not known: its tiles are no larger than the largest square.
_LEAST_BYTES_PER_PX = 64
# Of the tilings that fit, so many are compared by the tissue under their tiles.
_LOOKED_AT = 32
# (tiles read ahead, blocks waiting to be written)
_QUEUES = ((2, 2), (1, 1))
# Overhead of allocators, and small allocations that are not counted.
_MARGIN = 1.1
_WRITER_BYTES = 48 * 2**20  # buffers of encoders, and windows for the pyramid


@dataclass(frozen=True)
class SessionCost:
    """Measured memory use of a network; see ``hrpn_tf.prediction.probe``.

    Attributes:
        base_bytes: memory of the process with the network loaded.
        bytes_per_px: memory per input pixel, including input and output.
    """

    base_bytes: int
    bytes_per_px: float


@dataclass(frozen=True)
class SourceCost:
    """Memory use of reading and writing.

    Attributes:
        input_bytes_per_px: stored intensities of all inputs.
        output_bytes_per_px: written intensities of all outputs.
        outputs: number of output channels.
        segment_bytes: the largest strip or tile of the slide that must be decoded at once.
        cache_bytes: cache of decoded strips or tiles of the slide.
    """

    input_bytes_per_px: int
    output_bytes_per_px: int
    outputs: int
    segment_bytes: int
    cache_bytes: int


@dataclass(frozen=True)
class TilePlan:
    """How a slide is predicted within a budget.

    Attributes:
        tiling: the blocks and tiles.
        read_ahead: tiles that wait for the network.
        write_behind: blocks that wait to be written.
        bytes: expected peak memory of the process.
    """

    tiling: Tiling
    read_ahead: int
    write_behind: int
    bytes: int


def plan_prediction(
    region: Region,
    *,
    stride_multiple: int,
    receptive_field: int | None,
    session: SessionCost,
    source: SourceCost,
    budget: int | None,
    tile: int | None = None,
    halo: int | None = None,
    needed: Needed | None = None,
) -> TilePlan:
    """The tiles that compute the fewest pixels within a memory budget, and the longest queues.

    Args:
        region: region of the slide, px.
        stride_multiple, receptive_field, halo: see ``plan_tiling``.
        session, source: memory use of the network, and of reading and writing.
        budget: largest peak memory of the process, bytes; None for no limit.
        tile: side of a tile as for ``plan_tiling``; None to choose it. Required for networks whose
            output depends on the tile.
        needed: which tiles are computed; see ``hrpn_tf.prediction.shapes``. None for all.

    Raises:
        MemoryBudgetError: not even the smallest tiles fit; states the memory they need.
    """
    field, m = receptive_field, stride_multiple
    least: TilePlan | None = None
    fitting: list[TilePlan] = []
    sizes: Sequence[int | tuple[int, int]] = (tile,) if tile is not None else shapes(region, m)
    for size in sizes:
        tiling = plan_tiling(region, tile=size, stride_multiple=m, receptive_field=field, halo=halo)
        if tile is None and _is_too_large(tiling, session):
            continue
        plan, fits = _with_queues(tiling, session, source, budget)
        if fits:
            fitting.append(plan)
        elif least is None or plan.bytes < least.bytes:
            least = plan
    if fitting:
        return _cheapest(fitting, needed)
    assert least is not None
    assert budget is not None
    raise MemoryBudgetError(
        f"needs at least {in_words(least.bytes)} (of which {in_words(session.base_bytes)} are the "
        f"loaded network), where {in_words(budget)} may be used; raise --max-ram"
        + ("" if tile is None else f", or give a smaller --tile than {tile}")
    )


def _cheapest(plans: list[TilePlan], needed: Needed | None) -> TilePlan:
    """The plan with the fewest pixels to compute; of several, that which needs the least memory."""
    found = sorted(plans, key=lambda plan: (cost_px(plan.tiling), plan.bytes))
    if needed is None:
        return found[0]
    # to look at all of them would take seconds for a large slide; the squares have all sizes
    tried = [*found[:_LOOKED_AT], *(p for p in found[_LOOKED_AT:] if _is_square(p.tiling))]
    return min(tried, key=lambda plan: (cost_px(plan.tiling, needed), plan.bytes))


def _is_square(tiling: Tiling) -> bool:
    """Whether tiles are about square."""
    return max(tiling.shape) <= 1.2 * min(tiling.shape)


def _is_too_large(tiling: Tiling, session: SessionCost) -> bool:
    """Whether a tile is larger than every square, and takes too much or unknown memory."""
    kept, read = tiling.block_height * tiling.block_width, tiling.shape[0] * tiling.shape[1]
    per_px = session.bytes_per_px
    unknown = per_px < _LEAST_BYTES_PER_PX
    return kept > LARGEST_TILE**2 and (unknown or per_px * read > _LARGEST_BYTES)


def _with_queues(
    tiling: Tiling, session: SessionCost, source: SourceCost, budget: int | None
) -> tuple[TilePlan, bool]:
    """The plan with the longest queues that fit; or with the shortest, and that it does not fit."""
    for ahead, behind in _QUEUES:
        need = _bytes(tiling, ahead, behind, session, source)
        plan = TilePlan(tiling, ahead, behind, need)
        if budget is None or need <= budget:
            return plan, True
    return plan, False


def largest_tile(region: Region, contract: Contract, tile: int | None) -> int:
    """Side of the largest tile, px, that :func:`plan_prediction` may choose for a region."""
    m, side = contract.stride_multiple, max(region.height, region.width)
    if not contract.tile_exact or contract.receptive_field is None:
        return round_up(tile or LARGEST_TILE, m)
    kept = round_up(min(tile or side, side), m)
    return kept + 2 * round_up(contract.receptive_field // 2, m)


def tile_for(session: Session, tile: int | None, halo: int | None) -> int | None:
    """The largest usable tile, px, for a session with a limited input size.

    Args:
        session: session of the network.
        tile, halo: requested values; see ``PredictionConfig``.

    Raises:
        ContractError: the largest input of the session is no larger than the halo.
    """
    side = largest_side(session)
    if side is None:
        return tile
    contract, m = session.contract, session.contract.stride_multiple
    if contract.tile_exact and contract.receptive_field is not None:
        side -= 2 * round_up(contract.receptive_field // 2 if halo is None else halo, m)
        step = m
    else:
        step = 2 * m  # the tile overlaps its neighbours by half
    side -= side % step
    if side < step:
        raise ContractError(
            f"the network takes no larger sides than {largest_side(session)} px, and the border "
            "of a tile is as large; build it for larger tiles"
        )
    return side if tile is None else min(tile, side)


def in_words(count: int) -> str:
    """Bytes for a message, in GB as ``--max-ram`` takes them.

    >>> in_words(1_536_000_000)
    '1.54 GB'
    """
    return f"{count / 1e9:.3g} GB"


def _bytes(
    tiling: Tiling, ahead: int, behind: int, session: SessionCost, source: SourceCost
) -> int:
    tile = tiling.shape[0] * tiling.shape[1]
    block = tiling.block_height * tiling.block_width
    # one more tile is being read; it is put together from parts, and at an edge copied once more
    reading = min(ahead + 3, len(tiling) + 1) * tile * source.input_bytes_per_px
    reading += kept_bytes(tiling, source.input_bytes_per_px)
    reading += source.cache_bytes + 2 * source.segment_bytes
    # one block is being computed and one written, each as floats and as stored values
    blocks = min(behind + 2, len(tiling) + 1)
    writing = blocks * block * (4 * source.outputs + source.output_bytes_per_px)
    variable = session.bytes_per_px * tile + reading + writing + _WRITER_BYTES
    return session.base_bytes + int(_MARGIN * variable)
