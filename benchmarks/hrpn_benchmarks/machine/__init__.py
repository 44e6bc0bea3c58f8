"""What the machine is and what its system reports: processor, limits, control groups, GPU."""

from hrpn_benchmarks.machine.environment import (
    Ending,
    Environment,
    this_ending,
    this_environment,
)
from hrpn_benchmarks.machine.nvml import Gpu, gpu_clocks, is_gpu, list_gpus

__all__ = [
    "Ending",
    "Environment",
    "Gpu",
    "gpu_clocks",
    "is_gpu",
    "list_gpus",
    "this_ending",
    "this_environment",
]
