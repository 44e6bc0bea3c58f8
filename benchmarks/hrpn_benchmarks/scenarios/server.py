"""The scenario ``server``: requests come when they come, as in MLPerf's scenario of this name."""

import time
from collections.abc import Callable

import numpy as np

from hrpn_benchmarks.measures import Measured, Samples, least_samples
from hrpn_benchmarks.scenarios.scenario import Scenario, ScenarioContext
from hrpn_benchmarks.scenarios.sessions import WARM_UP, noise
from hrpn_benchmarks.trackers.gpu_memory import GpuMemory
from hrpn_benchmarks.trackers.timing import PeakMemory, repeat, warm_up

# Shares of the rate at which the network would never rest, lowest first.
LOADS = (0.3, 0.5, 0.7, 0.8, 0.9)
SHARE = 99.0  # percentile of the latencies that the bound applies to
REQUESTS = 300  # at each load; just enough for a 99th percentile
LONGEST = 40.0  # s at one load; a slower network gets fewer requests
LARGEST = "largest load"


def server(context: ScenarioContext) -> Measured:
    """Answer single tiles that arrive at random, at one load after another.

    Requests arrive as a Poisson process, whether or not the one before is answered, and wait in
    a queue. The latency of a request is the time from its arrival to its answer. The largest load
    is the largest rate of those tried at which the 99th percentile of the latencies is within the
    case's bound; 0 if there is none.
    """
    case, session, memory = context.case, context.open(), PeakMemory()
    batch = noise(session.contract, len(session.contract.inputs), 1, case.side)
    gpu = GpuMemory(case.device)
    measures: dict[str, Samples] = {}
    unavailable: dict[str, str] = {}
    with memory.watch(), gpu.watch():
        warm_up(lambda: session(batch), WARM_UP)
        context.together()
        alone = repeat(lambda: session(batch), case.seconds)
        largest: float | None = 0.0
        for number, load in enumerate(LOADS):
            rate = load / alone.median
            requests = max(3, min(REQUESTS, int(LONGEST * rate)))
            gaps = np.random.default_rng(number).exponential(1 / rate, requests)
            found = latencies(lambda: session(batch), np.cumsum(gaps))
            measures[name_of(load)] = found
            if len(found.values) < least_samples(SHARE):
                largest = None
                unavailable[LARGEST] = (
                    f"needs {least_samples(SHARE)} requests at each load, and {requests} came "
                    f"within {LONGEST:g} s"
                )
            elif largest is not None and found.percentile(SHARE) <= case.bound:
                largest = rate
    if largest is not None:
        measures[LARGEST] = Samples(unit="1/s", values=(largest,))
    measured = Measured(
        measures={"latency alone": alone, **measures, **memory.measures}, unavailable=unavailable
    )
    return measured.joined(gpu.measured)


def latencies(run: Callable[[], object], arrivals: np.ndarray) -> Samples:
    """Answer requests in the order of their arrival, and time each from its arrival.

    Args:
        run: answers one request.
        arrivals: times of arrival after the beginning, ascending, s: (requests,).
    """
    began, found = time.perf_counter(), []
    for arrival in began + arrivals:
        if (early := arrival - time.perf_counter()) > 0:
            time.sleep(early)
        run()
        found.append(float(time.perf_counter() - arrival))
    return Samples(unit="s", values=tuple(found))


def name_of(load: float) -> str:
    """Name of the latencies at a load.

    Example:
        >>> name_of(0.5)
        'latency at 50 % load'
    """
    return f"latency at {100 * load:.0f} % load"


SERVER = Scenario("server", server, "tile")
