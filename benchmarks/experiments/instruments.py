"""How accurate are the instruments of ``hrpn-tf benchmark`` on this machine?

    python benchmarks/experiments/instruments.py
    python benchmarks/experiments/instruments.py --bundle bundle --precision int8 --side 256

Prints a Markdown table: the overhead of the harness on a run of 1 ms, the measured time of a known
sleep and size of a known allocation, and, with a bundle, the agreement of two runs of one case in
fresh processes. Run it on a quiet machine.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.launch import measure_apart
from hrpn_benchmarks.matrix import expand
from hrpn_benchmarks.plan import BenchmarkPlan
from hrpn_benchmarks.trackers.timing import PeakMemory, repeat
from hrpn_export import BundleError

MILLISECOND = 0.001
SLEEP = 0.05  # s
HELD = 200_000_000  # bytes

Line = tuple[str, str, str, str]


def main() -> None:
    """Measure and print the table."""
    options = _options()
    try:
        case = _case(options) if options.bundle else None
        print("| instrument | true | measured | off by |")
        print("|---|--:|--:|--:|")
        for line in _lines(case, options.seconds):
            print(f"| {' | '.join(line)} |", flush=True)
    except BundleError as error:
        raise SystemExit(str(error)) from None


def overhead(seconds: float) -> float:
    """The overhead of ``repeat`` on a run of 1 ms, as a share of it.

    It compares the time between the starts of two runs in ``repeat`` and in a bare loop, each run
    keeping the processor busy for 1 ms. It takes the lower quartiles, which other work of the
    machine between two starts does not affect.

    Args:
        seconds: duration of each of the two loops.
    """
    starts: list[float] = []

    def run() -> None:
        starts.append(time.perf_counter())
        while time.perf_counter() < starts[-1] + MILLISECOND:
            pass

    repeat(run, seconds)
    harness, count = np.percentile(np.diff(starts), 25), len(starts)
    starts.clear()
    for _ in range(count):
        run()
    bare = np.percentile(np.diff(starts), 25)
    return float((harness - bare) / bare)


def _lines(case: BenchmarkCase | None, seconds: float) -> Iterator[Line]:
    share = overhead(seconds)
    total = f"{1 + share:.5f} ms"
    yield "harness, a run of 1 ms", "1 ms", total, f"{share:+.3%}"
    slept = repeat(lambda: time.sleep(SLEEP), seconds).median
    yield _line("clock, a sleep", SLEEP, slept, 1e3, "ms")
    memory = PeakMemory()
    with memory.watch():
        np.ones(HELD, np.uint8)
    yield _line("memory, an allocation", HELD, memory.growth, 1e-6, "MB")
    if case is not None:
        first, second = (_median(case) for _ in range(2))
        yield _line(f"two runs of {case.title}", first, second, 1e3, "ms")


def _line(name: str, true: float, measured: float, factor: float, unit: str) -> Line:
    off = measured / true - 1
    return name, f"{factor * true:.4g} {unit}", f"{factor * measured:.4g} {unit}", f"{off:+.2%}"


def _median(case: BenchmarkCase) -> float:
    """The median latency of a case in a fresh process, s.

    Raises:
        BenchmarkError: the measurement failed.
    """
    found = measure_apart(case, timeout=300)
    if found.measured is None:
        raise BenchmarkError(f"{case.title}: {found.failure}")
    return found.measured.measures["latency"].median


def _case(options: argparse.Namespace) -> BenchmarkCase:
    plan = BenchmarkPlan(
        formats=(options.format,),
        precisions=(options.precision,),
        scenarios=("tile",),
        sides=(options.side,),
        seconds=options.seconds,
    )
    return expand(plan, [options.bundle])[0]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--bundle", type=Path, help="bundle of the case that is run twice")
    add("--format", default="onnx", help="format of the case")
    add("--precision", default="fp32", help="precision of the case")
    add("--side", type=int, default=256, help="side of a tile, px")
    add("--seconds", type=float, default=2.0, help="duration of each measurement")
    return parser.parse_args()


if __name__ == "__main__":
    main()
