"""Clocks and scales around code: context managers that keep raw samples with their unit."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hrpn_benchmarks.measures import Samples

# A run is warm once the median of its last WINDOW times is within TOLERANCE of those before.
WINDOW, TOLERANCE = 3, 0.05


@dataclass
class Latency:
    """Times what is within ``with latency.sample():``, each time anew.

    Attributes:
        times: raw, s.
    """

    times: list[float] = field(default_factory=list)

    @contextmanager
    def sample(self) -> Iterator[None]:
        """Take one time; nothing is recorded of what raises."""
        start = time.perf_counter_ns()
        yield
        self.times.append((time.perf_counter_ns() - start) / 1e9)

    @property
    def samples(self) -> Samples:
        """What was taken."""
        return Samples(unit="s", values=tuple(self.times))


@dataclass
class PeakMemory:
    """The most memory that this process holds within ``with memory.watch():`` (Linux).

    Attributes:
        baseline: held at the beginning, bytes.
        peak: the most held since, bytes.
    """

    baseline: int = 0
    peak: int = 0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Forget the peak so far, and read it in the end."""
        with suppress(OSError):  # where it cannot be forgotten, the peak since the start counts
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self.baseline = _status("VmRSS")
        yield
        self.peak = max(_status("VmHWM"), _status("VmRSS"))

    @property
    def growth(self) -> int:
        """Peak above the baseline, bytes."""
        return max(0, self.peak - self.baseline)

    @property
    def measures(self) -> dict[str, Samples]:
        """Both, as a scenario gives them."""
        return {
            "peak memory": Samples(unit="byte", values=(float(self.peak),)),
            "memory growth": Samples(unit="byte", values=(float(self.growth),)),
        }


def warm_up(run: Callable[[], object], seconds: float) -> int:
    """Run until the time that it takes is stable, or for so long.

    Returns:
        How often it was run.
    """
    latency, began = Latency(), time.monotonic()
    while True:
        with latency.sample():
            run()
        recent, before = latency.times[-WINDOW:], latency.times[-2 * WINDOW : -WINDOW]
        if len(before) == WINDOW:
            now, then = statistics.median(recent), statistics.median(before)
            if abs(now - then) <= TOLERANCE * then:
                break
        if time.monotonic() - began > seconds:
            break
    return len(latency.times)


def repeat(run: Callable[[], object], seconds: float, least: int = 3) -> Samples:
    """Time a run again and again, for so long and at least so often."""
    latency, began = Latency(), time.monotonic()
    while len(latency.times) < least or time.monotonic() - began < seconds:
        with latency.sample():
            run()
    return latency.samples


def _status(name: str) -> int:
    """A line of /proc/self/status, bytes; 0 where the system has none."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith(f"{name}:"))
        return 1024 * int(line.split()[1])
    return 0
