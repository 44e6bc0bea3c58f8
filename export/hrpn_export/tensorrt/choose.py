"""Choose the builder of an engine."""

from collections.abc import Mapping, Sequence

from hrpn_export.errors import FormatError, MissingRuntimeError
from hrpn_export.tensorrt.builder import Builder
from hrpn_export.tensorrt.full import FullBuilder
from hrpn_export.tensorrt.machine import INSTALL, Machine
from hrpn_export.tensorrt.rtx import RtxBuilder

BUILDERS: Mapping[str, Builder] = {
    builder.name: builder for builder in (FullBuilder(), RtxBuilder())
}


def choose_builder(name: str, wanted: Sequence[str] | None, machine: Machine) -> Builder:
    """Find a builder by name; ``auto`` prefers the full TensorRT where it can build.

    Args:
        name: ``auto``, ``tensorrt`` or ``tensorrt-rtx``.
        wanted: compute capabilities to build for; None for that of the machine.
        machine: installed builders and the GPU.

    Raises:
        FormatError: there is no builder of this name.
        MissingRuntimeError: it is not installed; says how to install one.
    """
    if name not in ("auto", *BUILDERS):
        raise FormatError(f"no builder {name}; there are auto, {', '.join(BUILDERS)}")
    if name != "auto":
        if name not in machine.builders:
            raise MissingRuntimeError(f"{name} is not installed: {INSTALL[name]}")
        return BUILDERS[name]
    gpu = machine.gpu
    for_it = gpu is not None and set(wanted or (gpu.capability,)) == {gpu.capability}
    if "tensorrt" in machine.builders and (for_it or "tensorrt-rtx" not in machine.builders):
        return BUILDERS["tensorrt"]
    if "tensorrt-rtx" in machine.builders:
        return BUILDERS["tensorrt-rtx"]
    raise MissingRuntimeError(
        f"no TensorRT is installed: {INSTALL['tensorrt-rtx']} (TensorRT-RTX, builds without a "
        f"GPU), or on the machine with the GPU {INSTALL['tensorrt']}"
    )


def read_capability(text: str) -> str:
    """Read a compute capability: ``8.9`` from ``8.9``, ``89`` or ``sm_89``.

    Raises:
        FormatError: the text has none of these forms.
    """
    digits = text.strip().lower().removeprefix("sm").removeprefix("_").replace(".", "")
    if not digits.isdigit() or not 2 <= len(digits) <= 3:
        raise FormatError(f"{text!r} is no compute capability; write it as 8.9")
    return f"{int(digits[:-1])}.{digits[-1]}"
