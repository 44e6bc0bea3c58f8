"""The scenarios that need nothing but a session, and what each of them measures."""

from collections.abc import Mapping

import numpy as np
from hrpn_export import Contract, Session

from hrpn_benchmarks.measures import Measured, Samples
from hrpn_benchmarks.scenarios.scenario import Scenario, ScenarioContext
from hrpn_benchmarks.trackers.energy import NO_PIXEL_SIZE, Energy
from hrpn_benchmarks.trackers.gpu_memory import GpuMemory
from hrpn_benchmarks.trackers.timing import Latency, PeakMemory, repeat, warm_up

# Sides of the tiles of a stream, px.
STREAM = (256, 512, 1024, 2048)
WARM_UP = 10.0  # longest warm-up, s
# A batch of twice the size must raise the throughput by this factor to be worth it.
_WORTH = 1.05
_LARGEST_BATCH = 64


def startup(context: ScenarioContext) -> Measured:
    """Load the session, including the import of the runtime, and predict the first tile."""
    load, first, memory = Latency(), Latency(), PeakMemory()
    gpu = GpuMemory(context.case.device)
    context.together()
    with memory.watch(), gpu.watch():
        with load.sample():
            session = context.open()
        batch = _tiles(session, 1, context.case.side)
        with first.sample():
            session(batch)
    return Measured(
        measures={
            "load": load.samples,
            "first answer": first.samples,
            "peak memory": memory.measures["peak memory"],
        }
    ).joined(gpu.measured)


def tile(context: ScenarioContext) -> Measured:
    """Predict one tile at a time, repeatedly."""
    return _steady(context, context.open(), 1)


def stream(context: ScenarioContext) -> Measured:
    """Predict tiles of growing and shrinking size, as slides of many sizes have them."""
    session, memory, latency = context.open(), PeakMemory(), Latency()
    gpu = GpuMemory(context.case.device)
    multiple = session.contract.stride_multiple
    sides = [-(-side // multiple) * multiple for side in (*STREAM, *STREAM[::-1])]
    tiles = [_tiles(session, 1, side) for side in sides]
    context.together()
    with memory.watch(), gpu.watch():
        for batch in tiles:
            with latency.sample():
                session(batch)
    seconds = Samples(unit="s", values=(sum(latency.times),))
    speed = speeds(session.contract, sum(side**2 for side in sides), seconds)
    measures = {"latency of a stream": seconds, **memory.measures}
    return Measured(measures=measures).joined(speed, gpu.measured)


def throughput(context: ScenarioContext) -> Measured:
    """Predict batches of the best size, found by doubling it until that no longer pays."""
    case, session, best, speed = context.case, context.open(), 1, 0.0
    batch = 1
    while batch <= _LARGEST_BATCH:
        tiles = _tiles(session, batch, case.side)
        session(tiles)
        seconds = repeat(lambda tiles=tiles: session(tiles), 0.0).median  # type: ignore[misc]
        now = batch * case.side**2 / seconds
        if now < speed * _WORTH:
            break
        best, speed, batch = batch, now, 2 * batch
    found = _steady(context, session, best)
    return found.joined(speeds(session.contract, best * case.side**2, found.measures["latency"]))


SCENARIOS: Mapping[str, Scenario] = {
    each.name: each
    for each in (
        Scenario("startup", startup, "tile"),
        Scenario("tile", tile, "tiles"),
        Scenario("stream", stream, "tile"),
        Scenario("throughput", throughput, "tiles"),
        Scenario("scaling", tile, "tiles", scales=True, shared=False),
    )
}


def _steady(context: ScenarioContext, session: Session, batch: int) -> Measured:
    tiles, memory = _tiles(session, batch, context.case.side), PeakMemory()
    gpu, energy = GpuMemory(context.case.device), Energy(context.case.device)
    with memory.watch(), gpu.watch():  # memory grows most in the first run, so watch that too
        warm_up(lambda: session(tiles), WARM_UP)
        context.together()
        with energy.watch():
            samples = repeat(lambda: session(tiles), context.case.seconds)
    area = _square_mm(session.contract, batch * context.case.side**2)
    return Measured(measures={"latency": samples, **memory.measures}).joined(
        gpu.measured, energy.measured(len(samples.values), area)
    )


def speeds(contract: Contract, pixels: int, times: Samples) -> Measured:
    """Throughput in pixels and, where the contract states a pixel size, in area.

    Args:
        contract: gives the pixel size.
        pixels: pixels predicted in each of the times.
        times: durations, s.
    """
    found = Samples(unit="px/s", values=tuple(pixels / seconds for seconds in times.values))
    area = _square_mm(contract, pixels)
    if area is None:
        missing = {"area throughput": NO_PIXEL_SIZE}
        return Measured(measures={"throughput": found}, unavailable=missing)
    areas = Samples(unit="mm2/s", values=tuple(area / seconds for seconds in times.values))
    return Measured(measures={"throughput": found, "area throughput": areas})


def noise(contract: Contract, channels: int, count: int, side: int) -> np.ndarray:
    """Reproducible noise of shape (count, side, side, channels), float32 grey levels."""
    random = np.random.default_rng(0)
    shape = (count, side, side, channels)
    return random.integers(0, int(contract.grey_max), shape, endpoint=True).astype(np.float32)


def _square_mm(contract: Contract, pixels: int) -> float | None:
    """Area of a number of pixels, mm2; None if the contract has no pixel size."""
    size = contract.pixel_size_um
    return None if size is None else pixels * size**2 / 1e6


def _tiles(session: Session, batch: int, side: int) -> np.ndarray:
    """Noise of shape (batch, side, side, inputs), float32 grey levels."""
    return noise(session.contract, len(session.contract.inputs), batch, side)
