"""The machine: what a reader needs to know to judge its measurements."""

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hrpn_export.cgroup import memory_limit, processor_limit
from hrpn_export.runtimes import RUNTIMES

from hrpn_benchmarks.machine.nvml import Gpu, gpu_clocks, list_gpus
from hrpn_benchmarks.measures import Strict

# A machine counts as busy if other work takes more than this share of its cores.
_BUSY = 0.25


class Environment(Strict):
    """The machine of a benchmark.

    Attributes:
        processor: model name.
        cores: number of cores that this process may use.
        clock_mhz: clock of each core at the beginning; empty where the system does not report it.
        load: mean number of running processes over the last minute, at the beginning.
        memory: memory of the machine, bytes.
        system: kernel and its version.
        versions: versions of Python and the runtimes.
        memory_limit: memory that a container allows, bytes; None without a limit.
        processor_limit: cores that a container allows, which may be fewer than it shows; None
            without a limit.
        gpus: GPUs of the machine; empty where NVML is not available.
        gpu_clock_mhz: clock of each GPU at the beginning.
    """

    processor: str
    cores: int
    clock_mhz: tuple[float, ...]
    load: float
    memory: int
    system: str
    versions: dict[str, str]
    memory_limit: int | None = None
    processor_limit: float | None = None
    gpus: tuple[Gpu, ...] = ()
    gpu_clock_mhz: tuple[float, ...] = ()

    @property
    def busy(self) -> str | None:
        """Why the measurements may be too slow, in one line; None if nothing is wrong."""
        if self.load <= _BUSY * self.cores:
            return None
        return (
            f"the machine was busy: {self.load:.1f} processes ran on {self.cores} cores when the "
            "benchmark began"
        )


class Ending(Strict):
    """The machine after the last case: what may have changed since the beginning.

    Attributes:
        clock_mhz, load, gpu_clock_mhz: as in :class:`Environment`.
    """

    clock_mhz: tuple[float, ...]
    load: float
    gpu_clock_mhz: tuple[float, ...] = ()


def this_ending() -> Ending:
    """The clocks and the load of this machine now."""
    return Ending(clock_mhz=_clocks(), load=os.getloadavg()[0], gpu_clock_mhz=gpu_clocks())


def this_environment() -> Environment:
    """Describe this machine, as far as the process can see it."""
    about = _fields(Path("/proc/cpuinfo"))
    names = ["hrpn-tf", "numpy", *dict.fromkeys(row.distribution for row in RUNTIMES.values())]
    versions = {"python": platform.python_version()}
    for name in (*names, "tensorflow-cpu"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return Environment(
        processor=next(iter(about.get("model name", [])), platform.machine()),
        cores=len(os.sched_getaffinity(0)),
        clock_mhz=_clocks(),
        load=os.getloadavg()[0],
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()}",
        versions=versions,
        memory_limit=memory_limit(),
        processor_limit=processor_limit(),
        gpus=list_gpus(),
        gpu_clock_mhz=gpu_clocks(),
    )


def _clocks() -> tuple[float, ...]:
    return tuple(float(text) for text in _fields(Path("/proc/cpuinfo")).get("cpu MHz", []))


def _fields(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with suppress(OSError):
        for line in path.read_text(encoding="utf-8").splitlines():
            name, colon, value = line.partition(":")
            if colon:
                found.setdefault(name.strip(), []).append(value.strip())
    return found
