"""Energy of a processor package (RAPL) or a GPU (NVML), from cumulative counters."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hrpn_benchmarks.errors import InstrumentError
from hrpn_benchmarks.machine.nvml import handle_of, is_gpu, library
from hrpn_benchmarks.measures import Measured, Samples

POWERCAP = Path("/sys/class/powercap")
ENERGY, PER_AREA = "energy", "energy per area"
NO_PIXEL_SIZE = "the network's contract has no pixel size"
# Each reading is up to one period old, so a difference is off by up to one period: 5 % of 20.
_LEAST_PERIODS = 20


class Meter(Protocol):
    """A counter of energy.

    Attributes:
        period: time between two updates of the counter, s.
    """

    period: float

    def read(self) -> tuple[int, ...]:
        """Read the counters of all parts, in their own units."""
        ...

    def joules(self, before: tuple[int, ...], after: tuple[int, ...]) -> float:
        """Energy between two readings, J."""
        ...


class Rapl:
    """All processor packages of this machine, by the Linux power capping framework.

    The counters are in microjoules, wrap around at ``max_energy_range_uj``, and are updated about
    every millisecond (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3,
    "RAPL interfaces"). They count the whole package: all cores and all processes.

    Raises:
        InstrumentError: there is no counter, or only root may read it.
    """

    period = 0.001

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or POWERCAP
        domains: dict[str, Path] = {}
        for path in sorted(folder.glob("*/energy_uj")):
            name = _text(path.with_name("name"))
            # a package may appear twice, by registers and by memory (intel-rapl-mmio)
            if name.startswith("package"):
                domains.setdefault(name, path)
        if not domains:
            raise InstrumentError(f"RAPL: this machine shows no processor package in {folder}")
        self._counters = tuple(domains.values())
        self._ranges = tuple(int(_text(c.with_name("max_energy_range_uj"))) for c in self._counters)

    def read(self) -> tuple[int, ...]:
        """The counter of each package, microjoules."""
        return tuple(int(_text(path)) for path in self._counters)

    def joules(self, before: tuple[int, ...], after: tuple[int, ...]) -> float:
        """The sum over the packages, J; one wrap-around of a counter is corrected."""
        used = (
            now - then if now >= then else now - then + most
            for then, now, most in zip(before, after, self._ranges, strict=True)
        )
        return sum(used) / 1e6


class GpuCounter:
    """A GPU with its memory, since the driver was loaded (Volta and newer), in millijoules.

    The sensor gives a value every 100 ms on the slowest GPUs, and on some (A100, H100) it samples
    only a quarter of that time: Yang, Adamek and Armour, "Part-time power measurements", SC24,
    arXiv 2312.02741.

    Raises:
        InstrumentError: see :mod:`hrpn_benchmarks.machine.nvml`.
    """

    period = 0.1

    def __init__(self, device: str) -> None:
        self.device = device

    def read(self) -> tuple[int, ...]:
        """The counter of the GPU, millijoules."""
        with library() as nvml:
            handle = handle_of(nvml, self.device)
            return (int(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)),)

    def joules(self, before: tuple[int, ...], after: tuple[int, ...]) -> float:
        """The difference, J."""
        return (after[0] - before[0]) / 1e3


def meter_of(device: str) -> Meter:
    """The meter of a device.

    Raises:
        InstrumentError: there is none; says why.
    """
    return GpuCounter(device) if is_gpu(device) else Rapl()


@dataclass
class Energy:
    """Energy that a device uses within ``with energy.watch():``.

    Attributes:
        device: device of the session.
        joules: energy used, J.
        problem: why the energy is unknown; None if it is known.
    """

    device: str
    joules: float = 0.0
    problem: str | None = "nothing was measured"

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Read the counter before and after the block."""
        try:
            meter = meter_of(self.device)
            before = meter.read()
        except InstrumentError as error:
            self.problem = str(error)
            yield
            return
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        try:
            self.joules = meter.joules(before, meter.read())
        except InstrumentError as error:
            self.problem = str(error)
            return
        self.problem = _doubt(self.joules, seconds, meter.period)

    def measured(self, runs: int, square_mm: float | None) -> Measured:
        """Energy per run and per area, or the reason why they are unknown.

        Args:
            runs: number of runs within the watch.
            square_mm: area that one run predicts, mm2; None if the pixel size is unknown.
        """
        if self.problem is not None:
            missing = dict.fromkeys((ENERGY, PER_AREA), self.problem)
            return Measured(measures={}, unavailable=missing)
        each = self.joules / runs
        measures = {ENERGY: Samples(unit="joule", values=(each,))}
        if square_mm is None:
            return Measured(measures=measures, unavailable={PER_AREA: NO_PIXEL_SIZE})
        measures[PER_AREA] = Samples(unit="joule/mm2", values=(each / square_mm,))
        return Measured(measures=measures)


def _doubt(joules: float, seconds: float, period: float) -> str | None:
    if seconds < _LEAST_PERIODS * period:
        return (
            f"{seconds:.2g} s are too short for a counter that changes every {period:g} s; "
            f"measure for {_LEAST_PERIODS * period:g} s or more"
        )
    if joules <= 0:
        return f"the counter of energy did not move in {seconds:.2g} s"
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except PermissionError:
        raise InstrumentError(f"RAPL: only root may read {path}") from None
    except OSError as error:
        raise InstrumentError(f"RAPL: {path} cannot be read: {error.strerror}") from None
