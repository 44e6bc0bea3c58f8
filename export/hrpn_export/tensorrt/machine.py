"""This machine: its GPU, its driver, and the installed TensorRT packages."""

import importlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from hrpn_export.errors import EngineError, FormatError, MissingRuntimeError

# Names of the packages on PyPI and in Python.
MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
INSTALL = {
    "tensorrt": "pip install tensorrt --extra-index-url https://pypi.nvidia.com",
    "tensorrt-rtx": "pip install 'hrpn-tf[trt]'",
}


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
        number: index by CUDA's numbering.
        name: name that the driver reports.
        capability: compute capability, e.g. ``8.9``.
        driver: newest CUDA version that its driver supports, e.g. ``13.0``.
    """

    number: int
    name: str
    capability: str
    driver: str


@dataclass(frozen=True)
class Machine:
    """A machine that builds or runs engines.

    Attributes:
        platform: operating system and processor.
        builders: versions of the installed builders by name.
        gpu: GPU to use; None if there is none.
        problem: why there is no GPU, in words.
    """

    platform: str
    builders: Mapping[str, str]
    gpu: Gpu | None
    problem: str = ""


def this_machine(device: str = "cuda") -> Machine:
    """Describe this machine with the GPU ``cuda`` or ``cuda:NUMBER``, if there is one.

    Raises:
        FormatError: the name of the device is wrong, or there are fewer GPUs.
    """
    builders = {name: version for name in MODULES if (version := _version(name)) is not None}
    try:
        gpu, problem = find_gpu(device), ""
    except MissingRuntimeError as error:
        gpu, problem = None, str(error)
    return Machine(platform_name(), builders, gpu, problem)


def platform_name() -> str:
    """Operating system and processor, e.g. ``linux-x86_64``."""
    return f"{platform.system().lower()}-{platform.machine().lower()}"


def load_tensorrt(name: str) -> Any:
    """The Python module of a builder, ``tensorrt`` or ``tensorrt-rtx``.

    Raises:
        MissingRuntimeError: it is not installed, or does not load; says how to install it.
    """
    module = MODULES[name]
    spec = find_spec(module)
    # a folder of this name, as bundles have, is found as a namespace package without an origin
    if spec is None or spec.origin is None:
        raise MissingRuntimeError(f"{name} is not installed: {INSTALL[name]}")
    try:
        return importlib.import_module(module)
    except (ImportError, OSError, RuntimeError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise MissingRuntimeError(
            f"{name} is installed but does not load ({line}): {INSTALL[name]}"
        ) from None


def find_gpu(device: str = "cuda") -> Gpu:
    """Find the GPU ``cuda`` or ``cuda:NUMBER``.

    Raises:
        MissingRuntimeError: there is no GPU, no driver, or no cuda-bindings package.
        FormatError: the name of the device is wrong, or there are fewer GPUs.
    """
    kind, _, text = device.partition(":")
    if kind != "cuda" or not (text.isdigit() or text == ""):
        raise FormatError(f"TensorRT runs on cuda or cuda:NUMBER, not on {device}")
    cuda = load_cuda()
    number, count = int(text or 0), 0
    try:
        count = cuda_call(cuda, cuda.cudaGetDeviceCount())
    except EngineError as error:
        raise MissingRuntimeError(
            f"no NVIDIA GPU can be used here ({error}): run it on a machine with a GPU and its "
            "driver"
        ) from None
    if count == 0:
        raise MissingRuntimeError("no NVIDIA GPU can be used here: CUDA counts none")
    if number >= count:
        raise FormatError(f"there is no {device}: this machine has {count} GPUs, counted from 0")
    attribute = cuda.cudaDeviceAttr
    major, minor = (
        cuda_call(cuda, cuda.cudaDeviceGetAttribute(which, number))
        for which in (
            attribute.cudaDevAttrComputeCapabilityMajor,
            attribute.cudaDevAttrComputeCapabilityMinor,
        )
    )
    properties = cuda_call(cuda, cuda.cudaGetDeviceProperties(number))
    name = properties.name.decode(errors="replace").strip("\0 ")
    driver = cuda_call(cuda, cuda.cudaDriverGetVersion())
    return Gpu(number, name, f"{major}.{minor}", f"{driver // 1000}.{driver % 1000 // 10}")


def load_cuda() -> Any:
    """The module ``cuda.bindings.runtime``.

    Raises:
        MissingRuntimeError: cuda-bindings is not installed or does not load.
    """
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except (ImportError, OSError, RuntimeError):
        raise MissingRuntimeError(
            "cuda-bindings is not installed, which a GPU is asked with: pip install 'hrpn-tf[trt]'"
        ) from None


def cuda_call(cuda: Any, answer: tuple[Any, ...]) -> Any:
    """The value of a call of ``cuda.bindings.runtime``, which returns (error, value).

    Raises:
        EngineError: the call failed; names the CUDA error.
    """
    error, *values = answer
    if error != cuda.cudaError_t.cudaSuccess:
        raise EngineError(f"CUDA: {error.name}")
    return values[0] if values else None


def _version(name: str) -> str | None:
    try:
        return str(load_tensorrt(name).__version__)
    except MissingRuntimeError:
        return None
