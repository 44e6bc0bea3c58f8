"""Sessions of which it is known what they cost, to test the instruments with."""

import os
import signal
import sys
import time

import numpy as np
import pytest
from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.scenarios import server
from hrpn_benchmarks.trackers import timing
from hrpn_export import Contract

CONTRACT = Contract(("a", "b"), ("qd",), 0.5, 4, None, False, 255.0)


class SimulatedClock:
    """Stands for the module ``time``: only sleeping moves it, so durations are exact."""

    def __init__(self) -> None:
        self._now = 0  # ns

    def sleep(self, seconds: float) -> None:
        self._now += round(seconds * 1e9)

    def perf_counter_ns(self) -> int:
        return self._now

    def perf_counter(self) -> float:
        return self._now / 1e9

    monotonic = perf_counter


def simulated_clock(monkeypatch: pytest.MonkeyPatch) -> SimulatedClock:
    """The instruments and the sleepers of this module share this clock until the test ends."""
    clock = SimulatedClock()
    for module in (sys.modules[__name__], timing, server):
        monkeypatch.setattr(module, "time", clock)
    return clock


class Sleeper:
    """Takes a known time, and holds a known amount of memory while it runs."""

    def __init__(self, seconds: float = 0.0, held: int = 0) -> None:
        self.contract = CONTRACT
        self.seconds, self.held = seconds, held
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.calls.append(batch.shape)
        block = np.ones(self.held, np.uint8)  # written to, or the system would not give it
        time.sleep(self.seconds)
        return np.full((*batch.shape[:3], 1), float(block[:1].sum()), np.float32)


def cell(**changes: object) -> BenchmarkCase:
    values = {
        "model": "m", "bundle": "/nowhere", "format": "onnx", "precision": "fp32",
        "runtime": "onnxruntime", "device": "cpu", "scenario": "tile", "side": 64, "threads": 1,
        "seconds": 0.0,
    }  # fmt: skip
    return BenchmarkCase.model_validate({**values, **changes})


def sleeper(cell: BenchmarkCase) -> Sleeper:
    """A peer of a plan."""
    return Sleeper(0.002)


class Glutton:
    """Wants more memory than there is, in one of the ways in which a runtime may."""

    contract = CONTRACT

    def __init__(self, way: str) -> None:
        self.way = way

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if self.way == "numpy":
            return np.ones(10**13, np.uint8)
        if self.way == "bit by bit":
            held = []
            while True:  # only ever reserved, so the machine loses nothing if nobody refuses
                held.append(np.empty(10**9, np.uint8))
                assert len(held) < 10_000, "nobody refused 10 TB"
        if self.way == "abort":
            print("terminate called after throwing an instance of 'std::bad_alloc'", flush=True)
            os.abort()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def numpy_glutton(cell: BenchmarkCase) -> Glutton:
    """A peer of a plan."""
    return Glutton("numpy")


def slow_glutton(cell: BenchmarkCase) -> Glutton:
    """A peer of a plan."""
    return Glutton("bit by bit")


def aborting_glutton(cell: BenchmarkCase) -> Glutton:
    """A peer of a plan."""
    return Glutton("abort")


def killed(cell: BenchmarkCase) -> Glutton:
    """A peer of a plan."""
    return Glutton("kill")
