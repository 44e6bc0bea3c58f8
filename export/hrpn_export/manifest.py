"""``bundle.json``: what a bundle says of itself."""

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

from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError
from hrpn_export.paths import is_regular, safe_name

MANIFEST = "bundle.json"
SCHEMA: Final = 1
_LARGEST = 16 * 2**20

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=10_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    return contract.fields()


def read_manifest(folder: Path) -> Manifest:
    """Read ``bundle.json``; nothing else of the bundle is looked at.

    Raises:
        DamagedBundleError: no bundle, not JSON, of a newer schema, or of other fields.
    """
    path = folder / MANIFEST
    if not path.exists() and not path.is_symlink():
        raise DamagedBundleError(f"{folder}: no bundle ({MANIFEST} is missing)")
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


def read_json(path: Path) -> dict[str, Any]:
    """An object of a JSON file that a stranger may have written.

    Raises:
        DamagedBundleError: a link, too large, too deep, not JSON, no object, a key twice (readers
            would disagree about it), or NaN (which is no JSON).
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
    """Where and what, in one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return one_line(f"{where}: {first['msg']}")


def one_line(text: str) -> str:
    """The first line of a text, at most 300 characters; what does not print becomes a blank."""
    line = next((line for line in text.splitlines() if line.strip()), "unknown")
    return "".join(c if c.isprintable() else " " for c in line)[:300]


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key is there twice")
    return values


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")
