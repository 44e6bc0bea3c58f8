"""The sidecar ``model.json`` of ``model.engine``: what the engine is and where it may be loaded."""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from hrpn_export.errors import DamagedBundleError
from hrpn_export.tensorrt.profiles import Profile

SCHEMA = 1
_LARGEST = 2**20

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+ ()/-]{1,100}$")]
# Names that others chose may be printed, so they must not contain control characters.
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,255}$")]
# A capability as NVIDIA writes it: major.minor.
Capability = Annotated[str, StringConstraints(pattern=r"^\d{1,2}\.\d$")]
# The newest CUDA version that a driver supports.
Cuda = Annotated[str, StringConstraints(pattern=r"^\d{1,2}\.\d{1,2}$")]
BuilderName = Literal["tensorrt", "tensorrt-rtx"]


class Sidecar(BaseModel):
    """Facts about an engine that are checked before it is loaded.

    Attributes:
        schema_version: schema of this file.
        builder: builder of the engine; only the same package loads it.
        version: full version of the builder.
        capabilities: compute capabilities of the GPUs that may load it.
        platform: operating system and processor of the building machine.
        driver: newest CUDA version of the building machine's driver; None if it had no GPU.
        gpu: name of the GPU that it was built on; None if it was built without one.
        precision: precision of the ONNX file.
        onnx: name of the ONNX file.
        onnx_sha256, engine_sha256: checksums of the files.
        timing_cache_sha256: checksum of ``model.timing``; None if the builder has no such cache.
        profiles: ranges of input shapes, (N, H, W, C).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    builder: BuilderName
    version: Word
    capabilities: tuple[Capability, ...]
    platform: Word
    driver: Cuda | None
    gpu: Name | None
    precision: Word
    onnx: Name
    onnx_sha256: Sha256
    engine_sha256: Sha256
    timing_cache_sha256: Sha256 | None
    profiles: tuple[Profile, ...]

    def to_json(self) -> str:
        """The sidecar as JSON text."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"


def sidecar_of(engine: Path) -> Path:
    """The path of an engine's sidecar."""
    return engine.with_suffix(".json")


def read_sidecar(engine: Path) -> Sidecar:
    """Read the sidecar of an engine; the engine itself is not opened.

    Raises:
        DamagedBundleError: there is none, it is not JSON, or it has a newer schema or other fields.
    """
    path = sidecar_of(engine)
    try:
        if path.stat().st_size > _LARGEST:
            raise DamagedBundleError(f"{path}: too large for what is said beside an engine")
        values = json.loads(path.read_text(encoding="utf-8"))
        schema = values.get("schema_version")
    except FileNotFoundError:
        raise DamagedBundleError(
            f"{engine}: {path.name} is missing beside it, which says where it may be loaded; "
            "copy it too, or export again"
        ) from None
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DamagedBundleError(f"{path}: cannot be read: {line}") from None
    if isinstance(schema, int) and schema > SCHEMA:
        raise DamagedBundleError(
            f"{path}: schema {schema}, and this program knows up to {SCHEMA}; update hrpn-tf"
        )
    try:
        found = Sidecar.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamagedBundleError(f"{path}: {where}: {first['msg']}") from None
    if not found.profiles or not found.capabilities:
        raise DamagedBundleError(f"{path}: no profile or no compute capability is stated")
    return found
