"""GPUs as reported by NVML, the management library of NVIDIA's driver; loaded when needed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hrpn_benchmarks.errors import InstrumentError
from hrpn_benchmarks.measures import Strict

ON_GPU = ("cuda", "tensorrt")


class Gpu(Strict):
    """A GPU of the machine.

    Attributes:
        name: model name.
        driver: version of the driver.
        memory: memory of the GPU, bytes.
    """

    name: str
    driver: str
    memory: int


def is_gpu(device: str) -> bool:
    """Whether a device of a plan is an NVIDIA GPU."""
    return device.partition(":")[0] in ON_GPU


@contextmanager
def library() -> Iterator[Any]:
    """Load and initialise the library (module ``pynvml``); turn its errors into ours.

    Raises:
        InstrumentError: it is not installed, there is no driver, or a call in the block failed.
    """
    try:
        import pynvml
    except ImportError:
        raise InstrumentError("NVML cannot be asked: pip install 'hrpn-tf[gpu]'") from None
    try:
        pynvml.nvmlInit()  # NVML counts the calls, so nesting is fine
        try:
            yield pynvml
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise InstrumentError(f"NVML: {error}") from None


def handle_of(nvml: Any, device: str) -> Any:
    """NVML's handle of ``cuda``, ``cuda:1`` or ``tensorrt``, as this process numbers its GPUs.

    NVML numbers GPUs by PCI bus. CUDA does so only if ``CUDA_DEVICE_ORDER`` says so, and counts
    only the GPUs in ``CUDA_VISIBLE_DEVICES``.

    Raises:
        InstrumentError: there is no such GPU, or CUDA may number them differently.
    """
    number = int(device.partition(":")[2] or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = nvml.nvmlDeviceGetCount()
    names = [str(n) for n in range(count)]
    if visible is not None:
        names = [name.strip() for name in visible.split(",") if name.strip()]
    if number >= len(names):
        raise InstrumentError(f"NVML: there is no {device}; this process sees {len(names)} GPUs")
    if not names[number].isdigit():
        return nvml.nvmlDeviceGetHandleByUUID(names[number])
    if count > 1 and os.environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        raise InstrumentError(
            f"which of {count} GPUs {device} is cannot be told; set CUDA_DEVICE_ORDER=PCI_BUS_ID"
        )
    return nvml.nvmlDeviceGetHandleByIndex(int(names[number]))


def list_gpus() -> tuple[Gpu, ...]:
    """All GPUs of the machine; none where NVML is not available."""
    try:
        with library() as nvml:
            driver = nvml.nvmlSystemGetDriverVersion()
            handles = _handles(nvml)
            return tuple(
                Gpu(
                    name=nvml.nvmlDeviceGetName(each),
                    driver=driver,
                    memory=nvml.nvmlDeviceGetMemoryInfo(each).total,
                )
                for each in handles
            )
    except InstrumentError:
        return ()


def gpu_clocks() -> tuple[float, ...]:
    """Current clock of each GPU's multiprocessors, MHz; none where NVML is not available."""
    try:
        with library() as nvml:
            return tuple(
                float(nvml.nvmlDeviceGetClockInfo(each, nvml.NVML_CLOCK_SM))
                for each in _handles(nvml)
            )
    except InstrumentError:
        return ()


def _handles(nvml: Any) -> list[Any]:
    return [nvml.nvmlDeviceGetHandleByIndex(n) for n in range(nvml.nvmlDeviceGetCount())]
