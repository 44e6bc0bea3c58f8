"""Export a Keras model to a bundle."""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_export import bioimage, readme
from hrpn_export.about import About
from hrpn_export.bundle import CERTIFICATE
from hrpn_export.certificate import Certificate, Entry, missed
from hrpn_export.contract import Contract
from hrpn_export.errors import (
    BundleError,
    BundleExistsError,
    CalibrationError,
    CertificateError,
    ContractError,
    EngineError,
    ExportError,
    MissingRuntimeError,
)
from hrpn_export.evidence import Evidence
from hrpn_export.formats import Source, find_format
from hrpn_export.manifest import Artefact, GreyLevels, Manifest, Output, contract_fields
from hrpn_export.measure import Measurement, ReferenceSession
from hrpn_export.paths import files_below, safe_name, sha256_of
from hrpn_export.quiet import quiet
from hrpn_export.runtimes import find_runtime

if TYPE_CHECKING:
    import keras

Log = Callable[[str], object]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """Result of an export.

    Attributes:
        path: folder of the bundle.
        certificate: certificate of the bundle.
        refused: maps ``format precision`` to the reason why it was left out: by how much it
            missed its limit.
        impossible: maps ``format precision`` to what is missing to make it; the format that it
            builds on is in the bundle.
    """

    path: Path
    certificate: Certificate
    refused: Mapping[str, str]
    impossible: Mapping[str, str]


def export_bundle(
    model: "keras.Model",
    contract: Contract,
    out: Path | str,
    *,
    artefacts: Sequence[tuple[str, str]],
    evidence: Evidence,
    about: About,
    calibration: np.ndarray | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    uncertified: bool = False,
    log: Log = _log.info,
) -> Exported:
    """Export a model to a bundle, and measure every format against the model.

    The bundle always contains the Keras model. A format that misses its limit is left out, and
    listed in the result. ``bundle.json`` is written last, so an interrupted export is no bundle.

    Args:
        model: float32, maps (N, H, W, inputs) to (N, H, W, outputs), grey levels.
        contract: contract of the model.
        out: folder to create.
        artefacts: pairs (format, precision); see ``hrpn_export.formats.FORMATS``.
        evidence: patches and slides that the formats are measured on.
        about: description of the model.
        calibration: (N, H, W, inputs) grey levels of the training set, for int8.
        options: options of formats, by name of the format.
        uncertified: keep formats that miss their limit.
        log: called with one line before each step; by default the logger ``hrpn_export.export``
            at level INFO.

    Returns:
        The path of the bundle, its certificate, and what was left out.

    Raises:
        BundleExistsError: ``out`` exists.
        CalibrationError, ContractError: the calibration set or the evidence does not fit.
        MissingRuntimeError, FormatError, ExportError: a format cannot be made.

    Example::

        export_bundle(
            model, contract, "bundle",
            artefacts=[("onnx", "fp32"), ("tflite", "fp32")],
            evidence=Evidence(patches, targets, origin="100 held-out patches"),
            about=About("hrpn-m"),
        )
    """
    out = Path(out)
    wanted = _in_order([("keras", "fp32"), *artefacts])
    safe_name(about.name)
    evidence.check(contract)
    calibration = _checked_calibration(calibration, contract, wanted)
    if out.exists() or out.is_symlink():
        raise BundleExistsError(f"{out} exists; remove it, or name another folder")
    out.mkdir(parents=True)
    with _removed_on_error(out):
        impossible: dict[str, str] = {}
        made: dict[tuple[str, str], Path] = {}
        for format, precision in wanted:
            log(f"{format} {precision}")
            own = dict((options or {}).get(format, {}))
            source = Source(model, contract, calibration, made, own)
            try:
                made[format, precision] = _export(source, format, precision, out)
            except MissingRuntimeError as error:
                _drop(out, format, precision)
                impossible[f"{format} {precision}"] = str(error)
        log("certificate")
        certificate, refused = _certify(model, contract, made, evidence, uncertified, log)
        kept = {key: path for key, path in made.items() if " ".join(key) not in refused}
        for key in made.keys() - kept.keys():
            _drop(out, *key)
        _describe(out, model, contract, kept, certificate, evidence, about)
    return Exported(out, certificate, refused, impossible)


def _in_order(artefacts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each artefact once, after the one that it builds on."""
    ordered: list[tuple[str, str]] = []
    for format, precision in artefacts:
        row = find_format(format, precision)
        row.exporter()  # reports a missing package before anything is written
        if row.builds_on is not None and (row.builds_on, precision) not in ordered:
            find_format(row.builds_on).exporter()
            ordered.append((row.builds_on, precision))
        if (format, precision) not in ordered:
            ordered.append((format, precision))
    return ordered


def _checked_calibration(
    patches: np.ndarray | None, contract: Contract, wanted: Sequence[tuple[str, str]]
) -> np.ndarray | None:
    calibrated = [f"{f} {p}" for f, p in wanted if p in find_format(f).calibrated]
    if not calibrated:
        return None
    if patches is None or not len(patches):
        raise CalibrationError(f"{calibrated[0]} needs calibration patches, and there are none")
    contract.check(patches)
    patches = np.asarray(patches, np.float32)
    if not np.isfinite(patches).all():
        raise CalibrationError("the calibration patches hold NaN or infinite pixels")
    spread = np.ptp(patches, axis=(0, 1, 2))
    if not spread.all():
        role = contract.inputs[int(np.flatnonzero(spread == 0)[0])]
        raise CalibrationError(f"the calibration patches are constant in the channel {role}")
    return patches


def _export(source: Source, format: str, precision: str, out: Path) -> Path:
    folder = out / format / precision
    folder.mkdir(parents=True)
    try:
        with quiet():
            return find_format(format).exporter()(source, precision, folder)
    except (BundleError, OSError, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"{format} {precision}: the converter failed: {line}") from error


def _certify(
    model: "keras.Model",
    contract: Contract,
    made: Mapping[tuple[str, str], Path],
    evidence: Evidence,
    uncertified: bool,
    log: Log,
) -> tuple[Certificate, dict[str, str]]:
    measurement = Measurement(ReferenceSession(model, contract), evidence)
    entries, refused = [], {}
    for (format, precision), path in made.items():
        log(f"certificate of {format} {precision}")
        entry = _measure(measurement, format, precision, path)
        problem = entry.problem or missed(entry, contract.grey_max)
        base = f"{find_format(format).builds_on} {precision}"
        if base in refused:
            refused[f"{format} {precision}"] = f"is built from {base}"
            continue
        # an engine for another machine can only be measured there, so it is kept
        if problem and entry.measured and not uncertified:
            refused[f"{format} {precision}"] = problem
            continue
        entries.append(entry.model_copy(update={"problem": problem}))
    certificate = Certificate(
        evidence=evidence.origin,
        grey_max=contract.grey_max,
        entries=tuple(entries),
        nominal_coverage=contract.coverage,
    )
    if ("keras fp32") in refused:
        raise CertificateError(f"the Keras model does not agree with itself: {refused}")
    return certificate, refused


def _measure(measurement: Measurement, format: str, precision: str, path: Path) -> Entry:
    row = find_format(format)
    name = row.runtimes[0]
    runtime = find_runtime(name)
    device = runtime.devices[0]
    try:
        with quiet():
            session = runtime.opener()(path, measurement.contract, device, None)
        return measurement.entry(session, format, precision, name)
    except (EngineError, MissingRuntimeError, ContractError) as error:
        return Entry(
            format=format,
            precision=precision,
            runtime=name,
            version="",
            device=device,
            problem=f"it could not be measured here: {error}",
        )


def _describe(
    out: Path,
    model: "keras.Model",
    contract: Contract,
    kept: Mapping[tuple[str, str], Path],
    certificate: Certificate,
    evidence: Evidence,
    about: About,
) -> None:
    """Write everything besides the formats; ``bundle.json`` comes last."""
    certificate.write(out / CERTIFICATE)
    for name, path in about.files.items():
        shutil.copyfile(path, out / safe_name(name))
    manifest = Manifest(
        name=about.name,
        contract=contract_fields(contract),
        grey_levels=GreyLevels.of(contract),
        outputs=tuple(Output(name=name, unit=about.unit) for name in contract.outputs),
        licence=about.licence,
        provenance=dict(about.provenance),
        program=about.program,
        artefacts=tuple(
            Artefact(format=format, precision=precision, path=path.relative_to(out).as_posix())
            for (format, precision), path in kept.items()
        ),
    )
    readme.write(out, manifest, certificate)
    sample = bioimage.example(evidence.patches, contract)
    bioimage.write(out, manifest, about, sample, ReferenceSession(model, contract)(sample))
    files = {name: sha256_of(out / name) for name in files_below(out)}
    manifest.model_copy(update={"files": files}).write(out)


def _drop(out: Path, format: str, precision: str) -> None:
    """Remove one precision of a format, and the folder of the format if it is then empty."""
    shutil.rmtree(out / format / precision)
    if not any((out / format).iterdir()):
        (out / format).rmdir()


@contextmanager
def _removed_on_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
