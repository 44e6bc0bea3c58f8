"""What is done with a session, and what is measured meanwhile.

A scenario is a function of a cell and of what opens its session; it gives measures by name. It runs
in a process of its own, which did nothing before.
"""

from collections.abc import Callable, Mapping

import numpy as np
from hrpn_export import Session

from hrpn_benchmarks.cells import Cell
from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.trackers import Latency, PeakMemory, repeat, warm_up

Measures = dict[str, Samples]
Open = Callable[[], Session]

# Sides of the tiles of a stream, px.
STREAM = (256, 512, 1024, 2048)
_WARM_UP = 10.0  # s, at most
# A batch twice as large must be this much faster to be worth it.
_WORTH = 1.05
_LARGEST_BATCH = 64


def startup(cell: Cell, open_session: Open) -> Measures:
    """Loading, with the import of the runtime, and the first answer."""
    load, first, memory = Latency(), Latency(), PeakMemory()
    with memory.watch():
        with load.sample():
            session = open_session()
        batch = _tiles(cell, session, 1)
        with first.sample():
            session(batch)
    return {
        "load": load.samples,
        "first answer": first.samples,
        "peak memory": _bytes(memory.peak),
    }


def tile(cell: Cell, open_session: Open) -> Measures:
    """One tile at a time, again and again."""
    return _steady(cell, open_session(), 1)


def stream(cell: Cell, open_session: Open) -> Measures:
    """Tiles of growing and shrinking sizes, as slides of many sizes bring them."""
    session, memory, latency = open_session(), PeakMemory(), Latency()
    multiple = session.contract.stride_multiple
    sides = [-(-side // multiple) * multiple for side in (*STREAM, *STREAM[::-1])]
    tiles = [_tiles(cell, session, 1, side) for side in sides]
    with memory.watch():
        for batch in tiles:
            with latency.sample():
                session(batch)
        pixels = sum(side**2 for side in sides)
    return {
        "latency of a stream": Samples(unit="s", values=(sum(latency.times),)),
        "throughput": Samples(unit="px/s", values=(pixels / sum(latency.times),)),
        **_memory(memory),
    }


def throughput(cell: Cell, open_session: Open) -> Measures:
    """The best batch, found by doubling it until that no longer pays."""
    session, best, speed = open_session(), 1, 0.0
    batch = 1
    while batch <= _LARGEST_BATCH:
        tiles = _tiles(cell, session, batch)
        session(tiles)
        seconds = repeat(lambda tiles=tiles: session(tiles), 0.0).median  # type: ignore[misc]
        now = batch * cell.side**2 / seconds
        if now < speed * _WORTH:
            break
        best, speed, batch = batch, now, 2 * batch
    measures = _steady(cell, session, best)
    pixels = best * cell.side**2
    measures["throughput"] = Samples(
        unit="px/s", values=tuple(pixels / seconds for seconds in measures["latency"].values)
    )
    return measures


SCENARIOS: Mapping[str, Callable[[Cell, Open], Measures]] = {
    "startup": startup,
    "tile": tile,
    "stream": stream,
    "throughput": throughput,
}


def _steady(cell: Cell, session: Session, batch: int) -> Measures:
    tiles, memory = _tiles(cell, session, batch), PeakMemory()
    with memory.watch():  # the first run is what makes memory grow
        warm_up(lambda: session(tiles), _WARM_UP)
        samples = repeat(lambda: session(tiles), cell.seconds)
    return {"latency": samples, **_memory(memory)}


def _tiles(cell: Cell, session: Session, batch: int, side: int | None = None) -> np.ndarray:
    """Noise (batch, side, side, inputs), float32 grey levels."""
    contract, side = session.contract, side or cell.side
    shape = (batch, side, side, len(contract.inputs))
    random = np.random.default_rng(0)
    return random.integers(0, int(contract.grey_max), shape, endpoint=True).astype(np.float32)


def _memory(memory: PeakMemory) -> Measures:
    return {"peak memory": _bytes(memory.peak), "memory growth": _bytes(memory.growth)}


def _bytes(count: int) -> Samples:
    return Samples(unit="byte", values=(float(count),))
