"""``bundle.json``: what a bundle says of itself."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError

MANIFEST = "bundle.json"
SCHEMA = 1
_LARGEST = 16 * 2**20

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=10_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Output(_Strict):
    """One channel of what the model gives."""

    name: Text
    unit: Text


class GreyLevels(_Strict):
    """What the pixels of a slide were when the model was trained."""

    type: Literal["uint8", "uint16", "float32"]
    minimum: float
    maximum: float

    @classmethod
    def of(cls, contract: Contract) -> "GreyLevels":
        """As the largest grey level of a contract says."""
        types: dict[float, Literal["uint8", "uint16"]] = {255.0: "uint8", 65535.0: "uint16"}
        kind = types.get(float(contract.grey_max), "float32")
        return cls(type=kind, minimum=0.0, maximum=contract.grey_max)


class Artefact(_Strict):
    """One format in one precision.

    Attributes:
        format, precision: see the table of formats.
        path: of the file or folder, relative to the bundle.
        details: what the format says of itself, e.g. the opset.
    """

    format: Text
    precision: Text
    path: Text
    details: dict[str, Any] = {}


class Manifest(_Strict):
    """Everything a bundle says of itself.

    Attributes:
        schema_version: of this file.
        name: of the model.
        contract: fields of :class:`~hrpn_export.contract.Contract`.
        grey_levels: type and range that go in.
        outputs: channels that come out.
        licence: of the weights, an SPDX identifier.
        provenance: where the model comes from, e.g. its training; whatever JSON can hold.
        program: that wrote the bundle.
        artefacts: the formats.
        files: name: SHA-256 of every file but this one.
    """

    schema_version: Literal[1] = 1
    name: Text
    contract: dict[str, Any]
    grey_levels: GreyLevels
    outputs: tuple[Output, ...]
    licence: Text
    provenance: dict[str, Any]
    program: Text
    artefacts: tuple[Artefact, ...]
    files: dict[str, Sha256] = Field(default_factory=dict)

    def read_contract(self) -> Contract:
        """The contract.

        Raises:
            ContractError: it does not hold what a contract holds.
        """
        return Contract.from_json(json.dumps(self.contract))

    def write(self, folder: Path) -> None:
        """Write ``bundle.json``."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def contract_fields(contract: Contract) -> dict[str, Any]:
    """A contract as the manifest holds it."""
    fields: dict[str, Any] = json.loads(json.dumps(asdict(contract)))
    return fields


def read_manifest(folder: Path) -> Manifest:
    """Read ``bundle.json``; nothing else of the bundle is looked at.

    Raises:
        DamagedBundleError: no bundle, not JSON, of a newer schema, or of other fields.
    """
    path = folder / MANIFEST
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST:
            raise DamagedBundleError(f"{path}: no manifest of a bundle (a link, or too large)")
        values = json.loads(path.read_text(encoding="utf-8"))
        version = values.get("schema_version")
    except FileNotFoundError:
        raise DamagedBundleError(f"{folder}: no bundle ({MANIFEST} is missing)") from None
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise DamagedBundleError(f"{path}: cannot be read: {_line(error)}") from None
    if isinstance(version, int) and version > SCHEMA:
        raise DamagedBundleError(
            f"{path}: schema {version}, and this program knows up to {SCHEMA}; update hrpn-tf"
        )
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamagedBundleError(f"{path}: {where}: {first['msg']}") from None


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
