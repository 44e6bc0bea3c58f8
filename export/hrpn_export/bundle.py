"""Open a bundle: verify it, and load sessions from it."""

import os
import shutil
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np

from hrpn_export.archive import extract
from hrpn_export.boundary import named_errors, one_line
from hrpn_export.certificate import Certificate, read_certificate
from hrpn_export.contract import Contract
from hrpn_export.errors import CertificateError, ContractError, DamagedBundleError, FormatError
from hrpn_export.formats import FORMATS, find_format
from hrpn_export.manifest import MANIFEST, Artefact, GreyLevels, Manifest, read_manifest
from hrpn_export.names import TEST_INPUT, TEST_OUTPUT
from hrpn_export.paths import files_below, inside, is_regular, sha256_of
from hrpn_export.runtimes import find_runtime
from hrpn_export.session import Session
from hrpn_export.stored_input import variant_of

CERTIFICATE = "certificate.json"

# A runtime may read its file after loading, so an extracted zip must live as long as its sessions.
_bundle_of: "weakref.WeakKeyDictionary[Session, Bundle]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    A bundle that was opened from a zip lies in a temporary folder. The folder is removed by
    :meth:`close`, by ``with``, when the bundle is no longer used, or when the program ends.

    Attributes:
        path: folder of the bundle.
        manifest: content of ``bundle.json``.
        contract: contract of the model.
        certificate: measured agreement of each format with the Keras model.
    """

    path: Path
    manifest: Manifest
    contract: Contract
    certificate: Certificate
    _cleanups: list[weakref.finalize] = field(
        default_factory=list, init=False, compare=False, repr=False
    )

    def __enter__(self) -> "Bundle":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary folder of a bundle from a zip; other folders are left alone."""
        for cleanup in self._cleanups:
            cleanup()

    def example(self) -> tuple[np.ndarray, np.ndarray]:
        """An example input and the prediction of the Keras model for it.

        Returns:
            Arrays (1, H, W, inputs) and (1, H, W, outputs), float32 grey levels.

        Raises:
            DamagedBundleError: the files are missing, or do not contain arrays of numbers.
        """
        first, second = (_array(inside(self.path, name)) for name in (TEST_INPUT, TEST_OUTPUT))
        return first, second

    def artefact(self, format: str, precision: str) -> Artefact:
        """Find one format in one precision.

        Raises:
            FormatError: the bundle does not contain it; lists what it contains.
        """
        find_format(format, precision)
        for artefact in self.manifest.artefacts:
            if (artefact.format, artefact.precision) == (format, precision):
                return artefact
        there = ", ".join(f"{a.format} {a.precision}" for a in self.manifest.artefacts)
        raise FormatError(f"{self.path}: no {format} in {precision}; it holds {there}")


def open_bundle(path: Path | str) -> Bundle:
    """Open a bundle and verify its schema, its file names and the SHA-256 of every file.

    Nothing in the bundle is executed, and nothing outside it is read.

    Args:
        path: folder or zip of a bundle.

    Returns:
        The verified bundle; close it, or use it with ``with``, if it came from a zip.

    Raises:
        DamagedBundleError: the bundle is incomplete, changed or of a newer schema.

    Example::

        bundle = open_bundle("bundle.zip")
        print(bundle.contract.inputs, [a.format for a in bundle.manifest.artefacts])
    """
    root = Path(path)
    with named_errors(f"{root}: cannot be read"):
        return _open_zip(root) if root.is_file() else _open_folder(root)


def _open_zip(root: Path) -> Bundle:
    folder = extract(root)
    try:
        bundle = _open_folder(folder)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, DamagedBundleError):
            raise DamagedBundleError(str(error).replace(str(folder), str(root))) from None
        raise
    bundle._cleanups.append(weakref.finalize(bundle, _remove, folder, os.getpid()))
    return bundle


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked process must not remove the folder of its parent
        shutil.rmtree(folder, ignore_errors=True)


def _open_folder(root: Path) -> Bundle:
    manifest = read_manifest(root)
    _verify(root, manifest)
    try:
        contract = manifest.read_contract()
    except ContractError as error:
        raise DamagedBundleError(f"{root / MANIFEST}: contract: {error}") from None
    bundle = Bundle(root, manifest, contract, read_certificate(inside(root, CERTIFICATE)))
    _verify_agreement(bundle)
    return bundle


def open_session(
    bundle: Bundle | Path | str,
    format: str = "onnx",
    precision: str = "fp32",
    *,
    device: str = "cpu",
    threads: int | None = None,
    runtime: str | None = None,
    certified: bool = True,
    input_type: str | None = None,
) -> Session:
    """Load one format of a bundle, ready to predict.

    Args:
        bundle: an opened bundle, or the folder or zip of one.
        format, precision: which artefact of the bundle to load.
        device: ``cpu``, ``cuda``, ``cuda:1``, or ``tensorrt`` (ONNX Runtime's provider).
        threads: largest number of threads per operation, in every runtime; None for as many as
            there are cores that this process may use.
        runtime: one of the format's runtimes; None for the usual one.
        certified: whether to refuse a format that has no certificate or missed its limit.
        input_type: ``uint8`` or ``uint16`` for the variant that takes pixels as stored, without
            fractions; None for float32.

    Returns:
        A session: it maps (N, H, W, inputs) grey levels to (N, H, W, outputs) float32 grey levels.

    Raises:
        DamagedBundleError: see :func:`open_bundle`; or the file could do more than compute, see
            :mod:`hrpn_export.safety`.
        FormatError: the bundle does not contain the format, or its runtime does not support the
            precision or the device.
        MissingRuntimeError: the runtime is not installed.
        CertificateError: the format missed its limit in this runtime, or was not measured in it;
            says by how much.
        EngineError: an engine was built for another machine.

    Example::

        session = open_session("bundle", "onnx", "int8", threads=4)
        prediction = session(image[None])[0]  # (H, W, outputs)
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    artefact = opened.artefact(format, precision)
    row = find_format(format)
    name = runtime_of(format, runtime, precision)
    chosen = find_runtime(name)
    if chosen.precisions is not None and not chosen.runs(precision):
        raise FormatError(
            f"{name} runs {format} in {' and '.join(chosen.precisions)}, not in {precision}"
        )
    if device.partition(":")[0] not in chosen.devices:
        raise FormatError(f"{name} runs on {', '.join(chosen.devices)}, not on {device}")
    if threads is not None and threads < 1:
        raise FormatError(f"threads must be at least 1, got {threads}")
    if certified and (problem := opened.certificate.problem(format, precision, name)):
        raise CertificateError(f"{opened.path}: {problem}")
    opener = chosen.opener()
    path, chosen_part = inside(opened.path, artefact.path), {}
    if input_type is not None and row.suffix:
        path = inside(opened.path, f"{format}/{precision}/{variant_of(artefact, input_type)}")
    elif input_type is not None:
        chosen_part = {"signature": variant_of(artefact, input_type)}
    _verify_again(opened, artefact)
    row.check(path)
    with named_errors(f"{path}: {name} cannot load it"):
        session = opener(path, opened.contract, device, threads, **chosen_part)
    _bundle_of[session] = opened
    return session


def runtime_of(format: str, runtime: str | None, precision: str) -> str:
    """The name of the runtime that runs a format: the given one, or the usual one for None.

    The usual one is the first of the format's runtimes that runs the precision.

    Raises:
        FormatError: there is no such format or runtime, or the runtime does not run the format.
    """
    row = find_format(format)
    usual = (r for r in row.runtimes if find_runtime(r).runs(precision))
    name = runtime or next(usual, row.runtimes[0])
    find_runtime(name)
    if name not in row.runtimes:
        raise FormatError(f"{name} does not run {format}; {', '.join(row.runtimes)} do")
    return name


def _verify_again(bundle: Bundle, artefact: Artefact) -> None:
    """Verify the files that are about to be loaded: the bundle may have changed since it opened."""
    home = f"{artefact.format}/{artefact.precision}/"
    files = bundle.manifest.files
    with named_errors(f"{bundle.path}: cannot be read"):
        _verify_files(bundle.path, {n: files[n] for n in files if n.startswith(home)})
        _verify_artefact(bundle.path, bundle.manifest, artefact)


def _verify(root: Path, manifest: Manifest) -> None:
    _verify_files(root, manifest.files)
    if CERTIFICATE not in manifest.files:
        raise DamagedBundleError(f"{root}: {CERTIFICATE} is not listed in {MANIFEST}")
    keys = [(artefact.format, artefact.precision) for artefact in manifest.artefacts]
    if len(set(keys)) < len(keys):
        raise DamagedBundleError(f"{root}: {MANIFEST} names a format twice in one precision")
    for artefact in manifest.artefacts:
        _verify_artefact(root, manifest, artefact)


def _verify_files(root: Path, files: Mapping[str, str]) -> None:
    for name, checksum in files.items():
        path = inside(root, name)
        if not path.exists():
            raise DamagedBundleError(f"{root}: {name} is missing; export again, or copy all of it")
        if not is_regular(path):
            raise DamagedBundleError(f"{root}: {name} is no file")
        if sha256_of(path) != checksum:
            raise DamagedBundleError(
                f"{root}: {name} is not as it was exported; export again, or copy it anew"
            )


def _verify_artefact(root: Path, manifest: Manifest, artefact: Artefact) -> None:
    home = f"{artefact.format}/{artefact.precision}"
    path = inside(root, artefact.path)
    if not artefact.path.startswith(f"{home}/"):
        raise DamagedBundleError(f"{root}: {artefact.path} does not lie in {home}")
    # a runtime also reads files beside its own, so the manifest must list every file there
    for name in files_below(inside(root, home)):
        if f"{home}/{name}" not in manifest.files:
            raise DamagedBundleError(
                f"{root}: {home}/{name} is not listed in {MANIFEST}; remove it"
            )
    if not path.exists():
        raise DamagedBundleError(f"{root}: {artefact.path} is missing")
    row = FORMATS.get(artefact.format)
    if row is None:
        return  # written by a newer program; no runtime here opens it
    # some runtimes choose how to read a file by its suffix
    kind = path.is_file() and path.suffix == row.suffix if row.suffix else path.is_dir()
    if not kind:
        raise DamagedBundleError(f"{root}: {artefact.path} is no {artefact.format} of a bundle")


def _verify_agreement(bundle: Bundle) -> None:
    """Check that values which a bundle states twice are equal."""
    manifest, contract = bundle.manifest, bundle.contract
    if tuple(output.name for output in manifest.outputs) != contract.outputs:
        raise DamagedBundleError(f"{bundle.path}: outputs are not those of the contract")
    if manifest.grey_levels != GreyLevels.of(contract):
        raise DamagedBundleError(f"{bundle.path}: grey_levels are not those of the contract")
    # limits scale with grey_max, so a larger one in the certificate could hide any difference
    if bundle.certificate.grey_max != contract.grey_max:
        raise DamagedBundleError(
            f"{bundle.path}: grey_max of {CERTIFICATE} is not that of the contract"
        )
    if contract.tile_exact and contract.receptive_field is not None:
        for entry in bundle.certificate.entries:
            if entry.measured and entry.seam_error is None:
                raise DamagedBundleError(
                    f"{bundle.path}: {CERTIFICATE} has no seam error of {one_line(entry.format)} "
                    f"{one_line(entry.precision)}, and the contract promises exact tiles"
                )


def _array(path: Path) -> np.ndarray:
    with named_errors(f"{path}: no array"):
        # a pickle could run code; a header may declare any size, which only a map refuses
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.ndim != 4 or array.dtype.kind not in "fiu":
            raise DamagedBundleError(f"{path}: no array (N, H, W, C) of numbers")
        return np.array(array)
