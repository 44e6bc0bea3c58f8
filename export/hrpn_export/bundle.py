"""An opened bundle: verified, and ready to give sessions."""

from dataclasses import dataclass
from pathlib import Path

from hrpn_export.certificate import Certificate, read_certificate
from hrpn_export.contract import Contract
from hrpn_export.errors import CertificateError, DamagedBundleError, FormatError
from hrpn_export.formats import find_format
from hrpn_export.manifest import MANIFEST, Artefact, Manifest, read_manifest
from hrpn_export.paths import files_below, inside, sha256_of
from hrpn_export.runtimes import find_runtime
from hrpn_export.session import Session

CERTIFICATE = "certificate.json"


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    Attributes:
        path: its folder.
        manifest: ``bundle.json``.
        contract: of the model.
        certificate: measured agreement of each format with the Keras model.
    """

    path: Path
    manifest: Manifest
    contract: Contract
    certificate: Certificate

    def artefact(self, format: str, precision: str) -> Artefact:
        """One format in one precision.

        Raises:
            FormatError: it is not there; says what is.
        """
        row = find_format(format)
        if precision not in row.precisions:
            raise FormatError(
                f"{format} has no precision {precision}; it has {', '.join(row.precisions)}"
            )
        for artefact in self.manifest.artefacts:
            if (artefact.format, artefact.precision) == (format, precision):
                return artefact
        there = ", ".join(f"{a.format} {a.precision}" for a in self.manifest.artefacts)
        raise FormatError(f"{self.path}: no {format} in {precision}; it holds {there}")


def open_bundle(path: Path | str) -> Bundle:
    """Open a bundle and verify it: schema, names, and the SHA-256 of every file.

    Nothing is run, and nothing outside of the folder is read.

    Raises:
        DamagedBundleError: says what is wrong.
    """
    root = Path(path)
    manifest = read_manifest(root)
    _verify(root, manifest)
    return Bundle(
        path=root,
        manifest=manifest,
        contract=manifest.read_contract(),
        certificate=read_certificate(inside(root, CERTIFICATE)),
    )


def open_session(
    bundle: Bundle | Path | str,
    format: str = "onnx",
    precision: str = "fp32",
    *,
    device: str = "cpu",
    threads: int | None = None,
    runtime: str | None = None,
    certified: bool = True,
) -> Session:
    """Load one format of a bundle, ready to run.

    Args:
        bundle: opened, or its folder.
        format, precision: as the bundle holds them.
        device: ``cpu``, ``cuda``, ``cuda:1``, or ``tensorrt`` (ONNX Runtime's provider).
        threads: most threads that one operation uses; None leaves it to the runtime.
        runtime: one of the format's runtimes; None for the usual one.
        certified: refuse a format without a certificate, or one that missed its limit.

    Raises:
        DamagedBundleError, FormatError, MissingRuntimeError: see :func:`open_bundle`; it is not
            in the bundle; its runtime is not installed.
        CertificateError: says by how much the format missed its limit.
        EngineError: an engine was built for another machine.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    artefact = opened.artefact(format, precision)
    row = find_format(format)
    name = runtime or row.runtimes[0]
    chosen = find_runtime(name)
    if name not in row.runtimes:
        raise FormatError(f"{name} does not run {format}; {', '.join(row.runtimes)} do")
    if chosen.precisions is not None and precision not in chosen.precisions:
        raise FormatError(
            f"{name} runs {format} in {' and '.join(chosen.precisions)}, not in {precision}"
        )
    if device.partition(":")[0] not in chosen.devices:
        raise FormatError(f"{name} runs on {', '.join(chosen.devices)}, not on {device}")
    if threads is not None and threads < 1:
        raise FormatError(f"threads must be at least 1, got {threads}")
    if certified and (problem := opened.certificate.problem(format, precision)):
        raise CertificateError(f"{opened.path}: {problem}")
    session = chosen.opener()
    return session(inside(opened.path, artefact.path), opened.contract, device, threads)


def _verify(root: Path, manifest: Manifest) -> None:
    for name, checksum in manifest.files.items():
        path = inside(root, name)
        if not path.is_file():
            raise DamagedBundleError(f"{root}: {name} is missing; export again, or copy all of it")
        if sha256_of(path) != checksum:
            raise DamagedBundleError(
                f"{root}: {name} is not as it was exported; export again, or copy it anew"
            )
    if CERTIFICATE not in manifest.files:
        raise DamagedBundleError(f"{root}: {CERTIFICATE} is not listed in {MANIFEST}")
    for artefact in manifest.artefacts:
        _verify_artefact(root, manifest, artefact)


def _verify_artefact(root: Path, manifest: Manifest, artefact: Artefact) -> None:
    path = inside(root, artefact.path)
    # a runtime reads what lies beside its file, so there must be nothing that nobody vouches for
    folder = path if path.is_dir() else path.parent
    for name in files_below(folder):
        full = (folder / name).relative_to(root).as_posix()
        if full not in manifest.files:
            raise DamagedBundleError(f"{root}: {full} is not listed in {MANIFEST}; remove it")
    if not path.exists():
        raise DamagedBundleError(f"{root}: {artefact.path} is missing")
