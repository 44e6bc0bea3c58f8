"""Build an engine and write it with its sidecar and its timing cache."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hrpn_export.errors import FormatError
from hrpn_export.graphs.qdq import signed
from hrpn_export.graphs.resize import readable
from hrpn_export.storing import sync
from hrpn_export.tensorrt.builder import BuildRequest, Built, build
from hrpn_export.tensorrt.choose import choose_builder, read_capability
from hrpn_export.tensorrt.machine import Machine, load_tensorrt, this_machine
from hrpn_export.tensorrt.profiles import make_profiles
from hrpn_export.tensorrt.sidecar import Sidecar, sidecar_of

TIMING_SUFFIX = ".timing"


@dataclass(frozen=True)
class Wanted:
    """Options of an engine.

    Attributes:
        tiles: heights and widths to tune for, px; see ``profiles.read_tile``. The engine takes
            every size up to the largest of them, and up to 1024 in any case.
        batches: numbers of tiles per batch; memory is reserved for the largest.
        capability: compute capabilities, e.g. ``8.9``; None for the GPU of the machine, or without
            a GPU for all that the builder knows.
        builder: ``auto``, ``tensorrt`` or ``tensorrt-rtx``.
        timing_cache: file to read, if it exists, and to update; None to start with an empty cache.
            TensorRT-RTX does not use it.
    """

    tiles: Sequence[Any] = ()
    batches: Sequence[int] = (4,)
    capability: Sequence[str] | None = None
    builder: str = "auto"
    timing_cache: Path | str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Wanted":
        """Make options from a mapping; those that are None or missing have their default.

        Raises:
            FormatError: there is no such option.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise FormatError(f"tensorrt has no option {name}; it has {', '.join(known)}")
        return cls(**{name: value for name, value in options.items() if value is not None})


def write_engine(
    onnx: Path,
    engine: Path,
    *,
    multiple: int,
    channels: int,
    precision: str,
    wanted: Wanted,
    machine: Machine | None = None,
) -> Sidecar:
    """Build an engine, and write it with its sidecar and, if there is one, its timing cache.

    Args:
        onnx: file to build from.
        engine: file to write, ``NAME.engine``; the others are ``NAME.json`` and ``NAME.timing``.
        multiple: stride multiple of the model, px.
        channels: number of input channels.
        precision: precision of the ONNX file, for the sidecar.
        wanted: sizes, GPUs and builder.
        machine: machine to build on; None to detect it.

    Returns:
        The sidecar.

    Raises:
        MissingRuntimeError: no builder is installed, or it needs a GPU; says how to get one.
        FormatError, ContractError: an option is not possible.
        ExportError: TensorRT cannot build the engine.
    """
    profiles = make_profiles(multiple, channels, wanted.tiles, wanted.batches)
    asked = None if wanted.capability is None else [read_capability(c) for c in wanted.capability]
    machine = machine or this_machine()
    builder = choose_builder(wanted.builder, asked, machine)
    targets = builder.targets(load_tensorrt(builder.name), asked, machine.gpu)
    content = onnx.read_bytes()
    cache = Path(wanted.timing_cache) if wanted.timing_cache is not None else None
    earlier = cache.read_bytes() if builder.has_timing_cache and cache and cache.is_file() else b""
    built = build(
        builder, BuildRequest(readable(signed(content)), str(onnx), profiles, targets, earlier)
    )
    gpu = machine.gpu
    sidecar = Sidecar(
        builder=builder.name,
        version=built.version,
        capabilities=targets,
        platform=machine.platform,
        driver=gpu.driver if gpu else None,
        gpu=gpu.name if gpu else None,
        precision=precision,
        onnx=onnx.name,
        onnx_sha256=_sha256(content),
        engine_sha256=_sha256(built.engine),
        timing_cache_sha256=None if built.timing_cache is None else _sha256(built.timing_cache),
        profiles=profiles,
    )
    _write(engine, built, sidecar, cache)
    return sidecar


def _write(engine: Path, built: Built, sidecar: Sidecar, cache: Path | None) -> None:
    """Write the engine last, so that no engine is left without its sidecar."""
    if built.timing_cache is not None:
        _replace(engine.with_suffix(TIMING_SUFFIX), built.timing_cache)
        if cache is not None:
            _replace(cache, built.timing_cache)
    _replace(sidecar_of(engine), sidecar.to_json().encode())
    _replace(engine, built.engine)


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        sync(part)
        os.replace(part, path)
        sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
