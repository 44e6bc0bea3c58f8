"""Time and memory of code: context managers that keep raw samples with their unit."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hrpn_benchmarks.measures import Samples

# Warm-up ends when the median of the last WINDOW times is within TOLERANCE of those before.
WINDOW, TOLERANCE = 3, 0.05


@dataclass
class Latency:
    """Times the block of each ``with latency.sample():``.

    Attributes:
        times: raw times, s.

    Example:
        >>> latency = Latency()
        >>> with latency.sample():
        ...     pass
        >>> len(latency.times)
        1
    """

    times: list[float] = field(default_factory=list)

    @contextmanager
    def sample(self) -> Iterator[None]:
        """Time one block; a block that raises is not recorded."""
        start = time.perf_counter_ns()
        yield
        self.times.append((time.perf_counter_ns() - start) / 1e9)

    @property
    def samples(self) -> Samples:
        """The times as samples."""
        return Samples(unit="s", values=tuple(self.times))


@dataclass
class PeakMemory:
    """Peak memory of this process within ``with memory.watch():`` (Linux).

    Attributes:
        baseline: memory at the beginning, bytes.
        peak: largest memory since, bytes.
    """

    baseline: int = 0
    peak: int = 0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Reset the peak, and read it at the end."""
        with suppress(OSError):  # where it cannot be reset, the peak since the start counts
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
        """Peak and growth, as a scenario reports them."""
        return {
            "peak memory": Samples(unit="byte", values=(float(self.peak),)),
            "memory growth": Samples(unit="byte", values=(float(self.growth),)),
        }


def warm_up(run: Callable[[], object], seconds: float) -> int:
    """Repeat a run until its time is stable.

    Args:
        run: the code to warm up.
        seconds: longest time to spend, s.

    Returns:
        Number of runs.
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
    """Time repeated runs.

    Args:
        run: the code to time.
        seconds: shortest total time, s.
        least: smallest number of runs.
    """
    latency, began = Latency(), time.monotonic()
    while len(latency.times) < least or time.monotonic() - began < seconds:
        with latency.sample():
            run()
    return latency.samples


def _status(name: str) -> int:
    """A value of /proc/self/status, bytes; 0 where the system has none."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith(f"{name}:"))
        return 1024 * int(line.split()[1])
    return 0
