"""Context managers that measure while a scenario runs: time, memory, energy, operations."""

from hrpn_benchmarks.trackers.counts import Counts, count, try_to_count
from hrpn_benchmarks.trackers.energy import Energy
from hrpn_benchmarks.trackers.gpu_memory import GpuMemory
from hrpn_benchmarks.trackers.timing import Latency, PeakMemory, repeat, warm_up

__all__ = [
    "Counts",
    "Energy",
    "GpuMemory",
    "Latency",
    "PeakMemory",
    "count",
    "repeat",
    "try_to_count",
    "warm_up",
]
