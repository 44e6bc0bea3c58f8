"""Add variants that take pixels as stored to a certified artefact, each checked against it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from hrpn_export.boundary import reason_of
from hrpn_export.contract import Contract
from hrpn_export.errors import CertificateError
from hrpn_export.formats import find_format
from hrpn_export.quiet import quiet
from hrpn_export.runtimes import Runtime, find_runtime
from hrpn_export.session import Session
from hrpn_export.stored_input import write_variants

_PATCHES = 2  # that a variant is compared on


def add_variants(
    contract: Contract,
    artefact: tuple[str, str],
    path: Path,
    types: Sequence[str],
    patches: np.ndarray,
    log: Callable[[str], object],
) -> tuple[dict[str, str], dict[str, str]]:
    """Write the variants of an artefact, and compare each with it in every runtime.

    Args:
        contract: contract of the model.
        artefact: format and precision.
        path: file or folder of the artefact.
        types: ``uint8``, ``uint16``.
        patches: (N, H, W, inputs) grey levels.
        log: called with one line before each step.

    Returns:
        See :func:`hrpn_export.stored_input.write_variants`; and for those that cannot be made, or
        give other results, the reason by ``format precision type``. They are left out.
    """
    format, precision = artefact
    row, refused = find_format(format), {}
    with quiet():
        found = write_variants(format, path, types)
    for type, name in list(found.items()):
        log(f"{format} {precision} with {type} input")
        file, own = (path.with_name(name), {}) if row.suffix else (path, {"signature": name})
        try:
            row.check(file)
            for runtime in (find_runtime(each) for each in row.runtimes):
                if runtime.installed and runtime.runs(precision):
                    _compare(contract, path, file, own, patches[:_PATCHES], runtime)
        except Exception as error:  # noqa: BLE001 (each library has errors of its own)
            refused[f"{format} {precision} {type}"] = f"with {type} input: {reason_of(error)}"
            del found[type]
            if row.suffix:
                file.unlink(missing_ok=True)
    return found, refused


def _compare(
    contract: Contract,
    path: Path,
    variant: Path,
    own: Mapping[str, str],
    patches: np.ndarray,
    runtime: Runtime,
) -> None:
    """Refuse a variant that a runtime does not open, or that gives other results in it."""
    opener, device = runtime.opener(), runtime.devices[0]
    with quiet():
        base = opener(path, contract, device, None)
        other = opener(variant, contract, device, None, **own)
        _refuse_difference(base, other, patches, runtime.name)


def _refuse_difference(base: Session, variant: Session, patches: np.ndarray, what: str) -> None:
    """Refuse a variant that does not give exactly what the certified graph gives.

    Args:
        base: session of the graph that takes float32.
        variant: session of the graph that takes pixels as stored.
        patches: (N, H, W, inputs) grey levels; rounded to whole numbers.
        what: name of the variant, for the message.

    Raises:
        CertificateError: the results differ.
    """
    kind: str = variant.input_type  # type: ignore[attr-defined]
    largest = {"uint8": 2**8 - 1, "uint16": 2**16 - 1}[kind]
    whole = np.clip(np.rint(patches), 0, largest)
    whole.flat[0] = largest
    expected, found = base(whole), variant(whole.astype(kind))
    if not np.array_equal(expected, found):
        apart = float(np.abs(expected.astype(np.float64) - found).max())
        raise CertificateError(f"{what}: differs from float32 input by up to {apart:.3g}")
