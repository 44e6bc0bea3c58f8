"""Export a Keras model to a bundle."""

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_export import bioimage, readme
from hrpn_export.about import About
from hrpn_export.artefacts import Artefacts, Key, in_order
from hrpn_export.bundle import CERTIFICATE
from hrpn_export.calibrated_range import CALIBRATED_GAINS, RANGE
from hrpn_export.certificate import Certificate
from hrpn_export.certify import KERAS, Log, certify
from hrpn_export.check_model import check_model
from hrpn_export.contract import Contract
from hrpn_export.errors import BundleExistsError, ContractError, QuantisationError
from hrpn_export.evidence import Evidence
from hrpn_export.formats import Source, find_format
from hrpn_export.gains import GAINS, with_gains
from hrpn_export.manifest import (
    Artefact,
    GreyLevels,
    Manifest,
    Output,
    contract_fields,
)
from hrpn_export.measure import ReferenceSession
from hrpn_export.paths import files_below, safe_name, sha256_of
from hrpn_export.stored_input import check_input_types

if TYPE_CHECKING:
    import keras

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """Result of an export.

    Attributes:
        path: folder of the bundle.
        certificate: certificate of the bundle.
        refused: maps ``format precision`` to the reason why it was left out: by how much it
            missed its limit, or that it could not be made or run.
        impossible: maps ``format precision`` to what is missing to make it; the format that it
            builds on is in the bundle.
        failed: those of ``refused`` that could not be made or run.
    """

    path: Path
    certificate: Certificate
    refused: Mapping[str, str]
    impossible: Mapping[str, str]
    failed: tuple[str, ...] = ()


def export_bundle(
    model: "keras.Model",
    contract: Contract,
    out: Path | str,
    *,
    artefacts: Sequence[tuple[str, str]],
    evidence: Evidence,
    about: About,
    calibration: np.ndarray | None = None,
    selection: tuple[np.ndarray, np.ndarray] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    uncertified: bool = False,
    input_types: Sequence[str] = (),
    lean: bool = False,
    log: Log = _log.info,
) -> Exported:
    """Export a model to a bundle, and measure every format against the model.

    The bundle contains the Keras model, unless it is lean. A format that misses its limit, or whose
    converter fails, is left out and listed in the result; the others are there. ``bundle.json`` is
    written last, so an interrupted export is no bundle.

    Args:
        model: float32, maps (N, H, W, inputs) to (N, H, W, outputs), grey levels.
        contract: contract of the model.
        out: folder to create.
        artefacts: pairs (format, precision); see ``hrpn_export.formats.FORMATS``.
        evidence: patches and slides that the formats are measured on.
        about: description of the model.
        calibration: (N, H, W, inputs) grey levels of the training set. int8 needs them; dynamic and
            bf16 are corrected by them.
        selection: (N, H, W, inputs) grey levels and measured targets (N, H, W, predictions) that
            choose the layers which stay float32 in int8 and dynamic; not those of the evidence, so
            that the certificate is of images that chose nothing. None to use the calibration
            patches.
        options: options of formats, by name of the format.
        uncertified: keep formats that miss their limit.
        input_types: ``uint8`` or ``uint16``, for variants of ONNX, TFLite and SavedModel that take
            pixels as stored, see :mod:`hrpn_export.stored_input`.
        lean: leave out the Keras model, the README and the example, for a program that keeps the
            model itself, beside the bundle.
        log: called with one line before each step; by default the logger ``hrpn_export.export``
            at level INFO.

    Returns:
        The path of the bundle, its certificate, and what was left out.

    Raises:
        BundleExistsError: ``out`` exists.
        QuantisationError, ContractError: the calibration set or the evidence does not fit; or the
            model is not what the contract says.
        MissingRuntimeError, FormatError: a format or an option does not exist here.
        ExportError: Keras cannot save the model.
        CertificateError: the model itself misses the limits: its contract is wrong.

    Example::

        export_bundle(
            model, contract, "bundle",
            artefacts=[("onnx", "fp32"), ("tflite", "fp32")],
            evidence=Evidence(patches, targets, origin="100 held-out patches"),
            about=About("hrpn-m"),
        )
    """
    out = Path(out)
    wanted = in_order(artefacts if lean else [KERAS, *artefacts])
    check_input_types(input_types, contract)
    safe_name(about.name)
    evidence.check(contract)
    check_model(model, contract)
    calibration = _checked_calibration(calibration, contract, wanted)
    _check_selection(selection, contract)
    if out.exists() or out.is_symlink():
        raise BundleExistsError(f"{out} exists; remove it, or name another folder")
    out.mkdir(parents=True)
    with _removed_on_error(out):
        made = Artefacts(out)
        source = Source(
            model,
            contract,
            calibration,
            made.paths,
            selection=selection,
            input_types=input_types,
        )
        for key in wanted:
            log(" ".join(key))
            own = dict((options or {}).get(key[0], {}))
            made.make(key, replace(source, options=own, details={}))
        log("certificate")
        done = certify(model, contract, made.paths, evidence, uncertified, log)
        made.leave_out(done.refused)
        made.add_variants(contract, input_types, evidence.patches, log)
        manifest = _manifest(made, source, done.certificate, about)
        if not lean:
            _explain(out, source, manifest, done.certificate, evidence, about)
        files = {name: sha256_of(out / name) for name in files_below(out)}
        manifest.model_copy(update={"files": files}).write(out)
    failed = (*made.failed, *done.failed)
    return Exported(out, done.certificate, made.refused, made.impossible, failed)


def _checked_calibration(
    patches: np.ndarray | None, contract: Contract, wanted: Sequence[Key]
) -> np.ndarray | None:
    """The patches as float32; other precisions than those that need them use them, too."""
    calibrated = [f"{f} {p}" for f, p in wanted if p in find_format(f).calibrated]
    if patches is None or not len(patches):
        if calibrated:
            raise QuantisationError(
                f"{calibrated[0]} needs calibration patches, and there are none"
            )
        return None
    contract.check(patches)
    patches = np.asarray(patches, np.float32)
    if not np.isfinite(patches).all():
        raise QuantisationError("the calibration patches hold NaN or infinite pixels")
    spread = np.ptp(patches, axis=(0, 1, 2))
    if calibrated and not spread.all():
        role = contract.inputs[int(np.flatnonzero(spread == 0)[0])]
        raise QuantisationError(f"the calibration patches are constant in the channel {role}")
    return patches


def _check_selection(selection: tuple[np.ndarray, np.ndarray] | None, contract: Contract) -> None:
    if selection is None:
        return
    patches, targets = selection
    contract.check(patches)
    expected = (*patches.shape[:3], contract.points)
    if targets.shape != expected or not len(patches):
        raise ContractError(
            f"targets that choose layers must be {expected} and not empty, got {targets.shape}"
        )
    if not (np.isfinite(patches).all() and np.isfinite(targets).all()):
        raise QuantisationError("the patches that choose layers hold NaN or infinite pixels")


def _manifest(made: Artefacts, source: Source, certificate: Certificate, about: About) -> Manifest:
    """Write the certificate and what the caller adds; the manifest, which is written last."""
    out, contract = made.folder, source.contract
    certificate.write(out / CERTIFICATE)
    for name, path in about.files.items():
        shutil.copyfile(path, out / safe_name(name))
    return Manifest(
        name=about.name,
        contract=contract_fields(contract),
        grey_levels=GreyLevels.of(contract),
        outputs=tuple(Output(name=name, unit=about.unit) for name in contract.outputs),
        licence=about.licence,
        provenance=dict(about.provenance),
        program=about.program,
        artefacts=tuple(
            Artefact(
                format=key[0],
                precision=key[1],
                path=path.relative_to(out).as_posix(),
                details={**made.details[key], **_details(key, source, certificate)},
            )
            for key, path in made.paths.items()
        ),
    )


def _explain(
    out: Path,
    source: Source,
    manifest: Manifest,
    certificate: Certificate,
    evidence: Evidence,
    about: About,
) -> None:
    """Write what people and other programs read."""
    readme.write(out, manifest, certificate)
    sample = bioimage.example(evidence.patches, source.contract)
    expected = ReferenceSession(source.model, source.contract)(sample)
    bioimage.write(out, manifest, about, sample, expected)


def _details(key: Key, source: Source, certificate: Certificate) -> dict[str, Any]:
    """The runtimes that are certified, with versions, and the range of the calibration, if any."""
    format, precision = key
    entries = certificate.entries_of(format, precision)
    found: dict[str, Any] = {"runtimes": {e.runtime: e.version for e in entries if not e.problem}}
    if source.calibration is not None and precision in find_format(format).calibrated:
        # per input channel, grey levels
        calibrated = with_gains(source.calibration, source.contract.grey_max)
        found[RANGE] = {
            "minimum": calibrated.min(axis=(0, 1, 2)).astype(float).tolist(),
            "maximum": calibrated.max(axis=(0, 1, 2)).astype(float).tolist(),
        }
        found[CALIBRATED_GAINS] = list(GAINS)
    return found


@contextmanager
def _removed_on_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
