"""Certify the formats of an export: each in every runtime that is installed here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_export.boundary import reason_of
from hrpn_export.certificate import Certificate, CertificateEntry, missed
from hrpn_export.errors import (
    CertificateError,
    ContractError,
    EngineError,
    MissingRuntimeError,
)
from hrpn_export.evidence import Evidence
from hrpn_export.formats import find_format
from hrpn_export.measure import Measurement, ReferenceSession
from hrpn_export.quiet import quiet
from hrpn_export.runtimes import Runtime, find_runtime

if TYPE_CHECKING:
    import keras

    from hrpn_export.contract import Contract

Log = Callable[[str], object]
KERAS = ("keras", "fp32")


@dataclass(frozen=True)
class Certified:
    """Result of :func:`certify`.

    Attributes:
        certificate: entries of everything that stays in the bundle.
        refused: maps ``format precision`` to the reason why it is left out.
        failed: those of them that could not be run at all.
    """

    certificate: Certificate
    refused: Mapping[str, str]
    failed: tuple[str, ...]


def certify(
    model: "keras.Model",
    contract: "Contract",
    made: Mapping[tuple[str, str], Path],
    evidence: Evidence,
    uncertified: bool,
    log: Log,
) -> Certified:
    """Measure formats against the model.

    A format is left out if it misses its limit in its usual runtime. What it does in another one
    is stated in the certificate, and that runtime is then not offered.

    Args:
        model: float32, maps (N, H, W, inputs) to (N, H, W, outputs), grey levels.
        contract: contract of the model.
        made: paths by format and precision.
        evidence: images to measure on.
        uncertified: keep formats that miss their limit.
        log: called with one line before each step.

    Raises:
        CertificateError: the Keras model misses its own limit, so that its contract is wrong.
    """
    measurement = Measurement(ReferenceSession(model, contract), evidence)
    entries: list[CertificateEntry] = []
    refused: dict[str, str] = {}
    failed: list[str] = []
    for (format, precision), path in made.items():
        what = f"{format} {precision}"
        base = f"{find_format(format).builds_on} {precision}"
        if base in refused:
            refused[what] = f"is built from {base}"
            continue
        log(f"certificate of {what}")
        usual, *others = _offered(format, precision)
        try:
            entry = _judged(measurement, format, precision, path, usual)
        except Exception as error:
            if (format, precision) == KERAS:
                raise
            refused[what] = f"cannot be run: {reason_of(error)}"
            failed.append(what)
            continue
        # an engine for another machine can only be measured there, so it is kept
        if entry.problem and entry.measured and not uncertified:
            refused[what] = entry.problem
            continue
        entries.append(entry)
        for runtime in others:
            log(f"certificate of {what} in {runtime.name}")
            entries.append(_elsewhere(measurement, format, precision, path, runtime))
    if (problem := refused.get(" ".join(KERAS))) is not None:
        raise CertificateError(
            f"the Keras model itself {problem}; correct the contract, or keep it with uncertified"
        )
    certificate = Certificate(
        evidence=evidence.origin,
        grey_max=contract.grey_max,
        entries=tuple(entries),
        nominal_coverage=contract.coverage,
    )
    return Certified(certificate, refused, tuple(failed))


def _offered(format: str, precision: str) -> list[Runtime]:
    """The usual runtime of a format, and the other ones that are installed here."""
    rows = (find_runtime(name) for name in find_format(format).runtimes)
    first, *rest = (row for row in rows if row.runs(precision))
    return [first, *(row for row in rest if row.installed)]


def _judged(
    measurement: Measurement, format: str, precision: str, path: Path, runtime: Runtime
) -> CertificateEntry:
    """The entry of a format in a runtime, with the reason why it is not certified, if any."""
    device = runtime.devices[0]
    try:
        with quiet():
            session = runtime.opener()(path, measurement.contract, device, None)
            entry = measurement.entry(session, format, precision, runtime.name)
    except (EngineError, MissingRuntimeError, ContractError) as error:
        return _unmeasured(format, precision, runtime, f"it could not be measured here: {error}")
    return entry.model_copy(update={"problem": missed(entry, measurement.contract.grey_max)})


def _elsewhere(
    measurement: Measurement, format: str, precision: str, path: Path, runtime: Runtime
) -> CertificateEntry:
    """Like :func:`_judged`, for a runtime whose failure does not concern the usual one."""
    try:
        return _judged(measurement, format, precision, path, runtime)
    except Exception as error:  # noqa: BLE001 (each library has errors of its own)
        return _unmeasured(format, precision, runtime, f"cannot be run: {reason_of(error)}")


def _unmeasured(format: str, precision: str, runtime: Runtime, problem: str) -> CertificateEntry:
    return CertificateEntry(
        format=format,
        precision=precision,
        runtime=runtime.name,
        version="",
        device=runtime.devices[0],
        problem=problem,
    )
