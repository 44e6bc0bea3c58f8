"""Decide from the sidecar whether an engine may be loaded here, before its bytes are read."""

from collections.abc import Sequence
from pathlib import Path

from hrpn_export.errors import EngineError, MissingRuntimeError
from hrpn_export.tensorrt.command import rebuild_command
from hrpn_export.tensorrt.machine import INSTALL, Machine
from hrpn_export.tensorrt.sidecar import Sidecar


def check(sidecar: Sidecar, engine_sha256: str, machine: Machine, engine: Path) -> None:
    """Refuse an engine that is not for this machine.

    Args:
        sidecar: sidecar of the engine.
        engine_sha256: checksum of the bytes that would be loaded.
        machine: this machine.
        engine: path of the engine, for messages.

    Raises:
        EngineError: the bytes, TensorRT version, platform, compute capability or driver do not
            fit; gives the command to rebuild the engine.
        MissingRuntimeError: its TensorRT is not installed, or there is no GPU.
    """
    command = rebuild_command(sidecar, engine)
    if engine_sha256 != sidecar.engine_sha256:
        raise EngineError(
            f"{engine}: not the engine that its sidecar describes; copy both anew, or rebuild the "
            f"engine: {command}"
        )
    version = machine.builders.get(sidecar.builder)
    if version is None:
        raise MissingRuntimeError(
            f"{engine}: needs {sidecar.builder} {sidecar.version}, which is not installed: "
            f"{INSTALL[sidecar.builder]}"
        )
    if machine.gpu is None:
        raise MissingRuntimeError(f"{engine}: {machine.problem or 'this machine has no GPU'}")
    gpu = machine.gpu
    problems = (
        (version != sidecar.version, f"{sidecar.builder} {sidecar.version}, and here is {version}"),
        # engines of TensorRT-RTX are portable between systems, according to its vendor
        (
            sidecar.builder == "tensorrt" and machine.platform != sidecar.platform,
            f"{sidecar.platform}, and this is {machine.platform}",
        ),
        (
            gpu.capability not in sidecar.capabilities,
            f"compute capability {_listed(sidecar.capabilities)}, and {gpu.name} has "
            f"{gpu.capability}",
        ),
        (
            sidecar.driver is not None and _major(gpu.driver) < _major(sidecar.driver),
            f"a driver of CUDA {sidecar.driver}, and here is one of CUDA {gpu.driver} (a newer "
            "driver will do as well)",
        ),
    )
    for wrong, what in problems:
        if wrong:
            raise EngineError(f"{engine}: built for {what}; rebuild the engine here: {command}")


def _listed(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _major(version: str) -> int:
    return int(version.partition(".")[0])
