"""A stand-in for NVIDIA's ``pynvml``, which needs a driver to do anything."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest


class NVMLError(Exception):
    """As theirs."""


@dataclass
class PretendedNvml:
    """As much of the module as the instruments use, for any number of equal GPUs.

    Attributes:
        held: bytes of this process, one for each look; the last stays. None: not told.
        energy: of the counter, mJ, one for each look.
        listed: whether this process is in the list.
        count: of GPUs.
        refuses: function that the driver does not support.
    """

    held: list[int | None] = field(default_factory=lambda: [0])
    energy: Iterator[int] = field(default_factory=lambda: iter(()))
    listed: bool = True
    count: int = 1
    refuses: str = ""
    opened: int = 0
    looked: int = 0
    asked: list[object] = field(default_factory=list)

    NVMLError = NVMLError
    NVML_CLOCK_SM = 1

    def nvmlInit(self) -> None:  # noqa: N802
        if self.refuses == "nvmlInit":
            raise NVMLError("Driver Not Loaded")
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.opened -= 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "580.1"

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetHandleByUUID(self, name: str) -> str:  # noqa: N802
        return name

    def nvmlDeviceGetName(self, handle: object) -> str:  # noqa: N802
        return "GPU of paper"

    def nvmlDeviceGetMemoryInfo(self, handle: object) -> Any:  # noqa: N802
        return SimpleNamespace(total=8 * 2**30)

    def nvmlDeviceGetClockInfo(self, handle: object, kind: int) -> int:  # noqa: N802
        return 1410

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: object) -> int:  # noqa: N802
        if self.refuses == "energy":
            raise NVMLError("Not Supported")
        return next(self.energy)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: object) -> list[Any]:  # noqa: N802
        self.asked.append(handle)
        held = self.held[min(self.looked, len(self.held) - 1)]
        self.looked += 1
        other = SimpleNamespace(pid=os.getpid() + 1, usedGpuMemory=10**9)
        own = SimpleNamespace(pid=os.getpid(), usedGpuMemory=held)
        return [other, own] if self.listed else [other]


def pretend(monkeypatch: pytest.MonkeyPatch, nvml: PretendedNvml) -> PretendedNvml:
    """Let ``import pynvml`` give this."""
    monkeypatch.setitem(sys.modules, "pynvml", nvml)  # type: ignore[arg-type]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return nvml
