"""Arguments, times and memory of one measurement, whatever the framework."""

import argparse
import math
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

BACKWARD = 2  # forward passes that a backward pass costs, in operations and in bytes


def arguments(description: str) -> argparse.ArgumentParser:
    """The options of a measurement."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("work", choices=["train", "forward", "limits"])
    parser.add_argument("--preset", default="hrpn-m")
    parser.add_argument("--precision", default="float32", help="a Keras dtype policy")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=512, help="side of a patch, px")
    parser.add_argument("--steps", type=int, default=10, help="timed steps, at least")
    parser.add_argument("--seconds", type=float, default=5.0, help="timed seconds, at least")
    parser.add_argument("--xla", action="store_true", help="XLA on TensorFlow; JAX always uses it")
    return parser


def warm_up(work: Callable[[], None]) -> None:
    """Run 3 to 20 times, until it is hardly faster than those before."""
    fastest = math.inf
    for number in range(20):
        seconds = _seconds(work)
        if number >= 2 and seconds > 0.9 * fastest:
            return
        fastest = min(fastest, seconds)


def timed(work: Callable[[], None], least: int, seconds: float) -> list[float]:
    """Times of some work that has ended when it returns, s; so many, and for so long, at least."""
    times: list[float] = []
    while len(times) < least or sum(times) < seconds:
        times.append(_seconds(work))
    return times


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def resident() -> int:
    """Memory of this process, bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_resident() -> int:
    """The largest so far, bytes."""
    # ru_maxrss starts at the parent's peak
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def processor() -> str:
    """Name and cores of the CPU."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{next(names, platform.machine())}, {len(os.sched_getaffinity(0))} cores"
