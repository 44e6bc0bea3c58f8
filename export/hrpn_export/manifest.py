"""``bundle.json``, the manifest of a bundle."""

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from hrpn_export.boundary import one_line
from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError, NoBundleError
from hrpn_export.paths import is_regular, safe_name

MANIFEST = "bundle.json"
SCHEMA: Final = 1
_LARGEST = 16 * 2**20

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=10_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Output(_Strict):
    """One output channel of the model."""

    name: Text
    unit: Text


class GreyLevels(_Strict):
    """Data type and range of the pixels of the training slides."""

    type: Literal["uint8", "uint16", "float32"]
    minimum: float
    maximum: float

    @classmethod
    def of(cls, contract: Contract) -> "GreyLevels":
        """The type and range that the largest grey level of a contract implies."""
        types: dict[float, Literal["uint8", "uint16"]] = {255.0: "uint8", 65535.0: "uint16"}
        kind = types.get(float(contract.grey_max), "float32")
        return cls(type=kind, minimum=0.0, maximum=contract.grey_max)


class Artefact(_Strict):
    """One format in one precision.

    Attributes:
        format, precision: see the table of formats.
        path: path of the file or folder, relative to the bundle.
        details: further properties of the format, e.g. the opset.
    """

    format: Text
    precision: Text
    path: Text
    details: dict[str, Any] = {}


class Manifest(_Strict):
    """The content of ``bundle.json``.

    Attributes:
        schema_version: schema of this file.
        name: name of the model.
        contract: fields of :class:`~hrpn_export.contract.Contract`.
        grey_levels: data type and range of the input.
        outputs: output channels.
        licence: licence of the weights, an SPDX identifier.
        provenance: where the model comes from, e.g. its training; any values that JSON can hold.
        program: name and version of the program that wrote the bundle.
        artefacts: the formats in the bundle.
        files: maps the name of every other file to its SHA-256.
    """

    schema_version: Literal[1] = 1
    name: Annotated[Text, AfterValidator(safe_name)]
    contract: dict[str, Any]
    grey_levels: GreyLevels
    outputs: tuple[Output, ...]
    licence: Text
    provenance: dict[str, Any]
    program: Text
    artefacts: tuple[Artefact, ...]
    files: dict[str, Sha256] = Field(default_factory=dict)

    def read_contract(self) -> Contract:
        """The contract of the model.

        Raises:
            ContractError: the fields are not those of a contract.
        """
        return Contract.from_json(json.dumps(self.contract))

    def write(self, folder: Path) -> None:
        """Write ``bundle.json``."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def contract_fields(contract: Contract) -> dict[str, Any]:
    """A contract as the manifest stores it."""
    return contract.fields()


def read_manifest(folder: Path) -> Manifest:
    """Read ``bundle.json`` without verifying the rest of the bundle.

    Raises:
        DamagedBundleError: the folder is no bundle, or the file is not JSON, has a newer schema
            or other fields.
    """
    path = folder / MANIFEST
    if not path.exists() and not path.is_symlink():
        raise NoBundleError(f"{folder}: no bundle ({MANIFEST} is missing)")
    values = read_json(path)
    version = values.get("schema_version")
    if isinstance(version, int) and version > SCHEMA:
        raise DamagedBundleError(
            f"{path}: schema {version}, and this program knows up to {SCHEMA}; update hrpn-tf"
        )
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        raise DamagedBundleError(f"{path}: {first_problem(error)}") from None
    except DamagedBundleError as error:  # of the name
        raise DamagedBundleError(f"{path}: {error}") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read the object of a JSON file that is not trusted.

    Raises:
        DamagedBundleError: the file is a link, is too large or nested too deeply, is not JSON or
            no object, has a key twice (readers would disagree about it), or has NaN (no JSON).
    """
    try:
        if not is_regular(path) or path.stat().st_size > _LARGEST:
            raise DamagedBundleError(f"{path}: a link, no file, or larger than {_LARGEST} bytes")
        values = json.loads(
            path.read_text(encoding="utf-8"),
            object_pairs_hook=_once_each,
            parse_constant=_no_constant,
        )
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedBundleError(f"{path}: cannot be read: {one_line(str(error))}") from None
    if not isinstance(values, dict):
        raise DamagedBundleError(f"{path}: holds no JSON object")
    return values


def first_problem(error: ValidationError) -> str:
    """Place and message of the first problem, in one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return one_line(f"{where}: {first['msg']}")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key is there twice")
    return values


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")
