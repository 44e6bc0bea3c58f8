"""Graphs that take pixels as they are stored, uint8 or uint16, and cast them themselves.

A client of a server then sends a quarter or half of the bytes, and needs no conversion. The graph
behind the cast is that of the certified float32 input, and whole numbers of 16 bits are exact in
float32, so the results are the same; :mod:`hrpn_export.variants` makes sure of it.
"""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import ContractError, FormatError

if TYPE_CHECKING:
    from hrpn_export.manifest import Artefact  # needs pydantic, which one ONNX file does without

INPUT_TYPES = ("uint8", "uint16")
# Key of an artefact's details: maps a type to what takes it.
DETAIL = "input_types"
# Formats with a file for each type: module with ``write(source, target, type)``.
_FILES = {
    "onnx": "hrpn_export.graphs.stored_input",
    "tflite": "hrpn_export.formats.tflite.stored_input",
}


def check_input_types(types: Sequence[str], contract: Contract) -> None:
    """Refuse types that a model cannot take.

    Args:
        types: names of types.
        contract: contract of the model.

    Raises:
        FormatError: there is no such type.
        ContractError: the grey levels of the training do not fit into it, or the inputs are no
            pixels as stored.

    Example:
        >>> check_input_types(["uint8"], Contract(("a",), ("qd",), 0.5, 2, 9, True, 255.0))
    """
    for name in types:
        if name not in INPUT_TYPES:
            raise FormatError(f"no input type {name}; there are {', '.join(INPUT_TYPES)}")
        largest = np.iinfo(name).max
        if contract.grey_max > largest:
            raise ContractError(
                f"the input type {name} ends at {largest}, and the grey levels of this model at "
                f"{contract.grey_max:g}"
            )
        if contract.reference_levels is not None:
            raise ContractError(
                f"the input type {name}: this model takes grey levels that are normalised for each "
                "slide, which are no whole numbers"
            )


def signature(type: str) -> str:
    """Name of the signature of a SavedModel that takes a type.

    Example:
        >>> signature("uint8")
        'serving_uint8'
    """
    return f"serving_{type}"


def write_variants(format: str, path: Path, types: Sequence[str]) -> dict[str, str]:
    """Write a graph for each type beside the one that takes float32.

    Args:
        format: name of the format.
        path: file of the artefact.
        types: names of types.

    Returns:
        By type, the name of the file beside ``path``, or of the signature within it; empty for a
        format that takes float32 alone.
    """
    if format == "saved_model":
        return {name: signature(name) for name in types}
    if format not in _FILES:
        return {}
    module = importlib.import_module(_FILES[format])
    found = {}
    for name in types:
        target = path.with_name(f"{path.stem}-{name}{path.suffix}")
        module.write(path, target, name)
        found[name] = target.name
    return found


def variant_of(artefact: "Artefact", type: str) -> str:
    """The name of the file or the signature that takes a type.

    Raises:
        FormatError: the artefact has none; says how to export it.
    """
    known = artefact.details.get(DETAIL)
    name = known.get(type) if isinstance(known, Mapping) else None
    if not isinstance(name, str) or "/" in name or name.startswith("."):
        raise FormatError(
            f"{artefact.format} {artefact.precision} takes float32 alone here; for {type}, export "
            f"again with --input-type {type}"
        )
    return name


def as_type(batch: np.ndarray, type: str) -> np.ndarray:
    """Grey levels as whole numbers of a type, in C order; nothing is rounded or clipped.

    Raises:
        ContractError: they hold fractions, or numbers out of range.

    Example:
        >>> as_type(np.array([0.0, 255.0]), "uint8").tolist()
        [0, 255]
    """
    wanted = np.dtype(type)
    if batch.dtype == wanted:
        return np.ascontiguousarray(batch)
    limits = np.iinfo(wanted)
    fits = batch.min() >= limits.min and batch.max() <= limits.max
    if not fits or (batch.dtype.kind == "f" and not np.array_equal(batch, np.rint(batch))):
        raise ContractError(
            f"the model takes grey levels as stored in {type}, and the batch holds fractions or "
            f"numbers outside 0 to {limits.max}; use the format that takes float32"
        )
    return np.ascontiguousarray(batch, wanted)


def details_of(variants: Mapping[str, str]) -> dict[str, Any]:
    """What the manifest says of variants."""
    return {DETAIL: dict(variants)} if variants else {}
