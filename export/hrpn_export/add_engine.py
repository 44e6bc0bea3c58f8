"""Add an engine to a bundle on the machine that will run it, or replace the one in it."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hrpn_export.bundle import CERTIFICATE, Bundle, open_bundle
from hrpn_export.errors import BundleError, BundleExistsError, FormatError
from hrpn_export.formats import find_format
from hrpn_export.locks import alone_in
from hrpn_export.manifest import MANIFEST, Artefact, Manifest
from hrpn_export.paths import files_below, sha256_of
from hrpn_export.storing import sync, sync_all
from hrpn_export.tensorrt.machine import Machine
from hrpn_export.tensorrt.sidecar import Sidecar
from hrpn_export.tensorrt.write import Wanted, write_engine

FORMAT = "tensorrt"


def add_engine(
    root: Path,
    precision: str,
    wanted: Wanted,
    *,
    overwrite: bool = False,
    machine: Machine | None = None,
) -> tuple[Path, Sidecar]:
    """Build an engine from the ONNX file of a bundle, and put it into the bundle.

    The bundle is verified first. ``bundle.json`` is rewritten twice: without the old engine before
    that is removed, and with the new engine once it is complete. The certificate's entry of the
    old engine is removed, since it does not hold for the new one.

    Args:
        root: folder of the bundle.
        precision: precision of the ONNX file, and so of the engine.
        wanted: sizes, GPUs and builder.
        overwrite: whether an engine in the bundle may be replaced.
        machine: machine to build on; None to detect it.

    Returns:
        The path of the engine, and its sidecar.

    Raises:
        DamagedBundleError: the bundle is incomplete or changed, or its ONNX file could do more
            than compute.
        FormatError: it contains no ONNX file in this precision.
        BundleExistsError: it contains such an engine already.
        BundleError: another process is adding an engine to it.
        MissingRuntimeError, ContractError, ExportError: see ``write_engine``.
    """
    open_bundle(root)  # a folder that is none is not locked
    with _alone(root):
        bundle = open_bundle(root)  # as the process left it that was here before
        onnx = root / bundle.artefact("onnx", precision).path
        find_format("onnx").check(onnx)
        folder = root / FORMAT / precision
        if folder.exists() and not overwrite:
            raise BundleExistsError(
                f"{root} holds an engine in {precision} already: add --overwrite"
            )
        return _add(bundle, onnx, root, folder, precision, wanted, machine)


def _add(
    bundle: Bundle,
    onnx: Path,
    root: Path,
    folder: Path,
    precision: str,
    wanted: Wanted,
    machine: Machine | None,
) -> tuple[Path, Sidecar]:
    """See :func:`add_engine`; ``folder`` is that of the engine in the bundle."""
    name = f"{FORMAT}/{precision}"
    part = Path(tempfile.mkdtemp(prefix=".engine-", dir=root))
    try:
        sidecar = write_engine(
            onnx,
            part / "model.engine",
            multiple=bundle.contract.stride_multiple,
            channels=len(bundle.contract.inputs),
            precision=precision,
            wanted=wanted,
            machine=machine,
        )
        _write_certificate(bundle, precision, part)
        without = _without(bundle, precision)
        _write_manifest(without, root)
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(exist_ok=True)
        part.chmod(folder.parent.stat().st_mode & 0o777)
        sync_all(part)
        part.rename(folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    files = {f"{name}/{file}": sha256_of(folder / file) for file in files_below(folder)}
    artefact = Artefact(format=FORMAT, precision=precision, path=f"{name}/model.engine")
    _write_manifest(
        without.model_copy(
            update={
                "artefacts": (*without.artefacts, artefact),
                "files": without.files | files,
            }
        ),
        root,
    )
    return folder / "model.engine", sidecar


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """A bundle for this process alone, without what killed processes left in it.

    Raises:
        BundleError: another process is adding an engine.
    """
    busy = BundleError(f"{root}: another process adds an engine to it; wait")
    with alone_in(root, busy):
        for left in [*root.glob(".engine-*"), *root.glob(".manifest-*")]:
            shutil.rmtree(left, ignore_errors=True)
            if left.is_file():
                left.unlink()
        yield


def bundle_of(onnx: Path) -> tuple[Path, str] | None:
    """The bundle and the precision of ``BUNDLE/onnx/PRECISION/model.onnx``; else None."""
    full = onnx.resolve()
    if len(full.parents) < 3 or full.parts[-3] != "onnx":
        return None
    root = full.parents[2]
    return (root, full.parent.name) if (root / MANIFEST).is_file() else None


def require_bundle(onnx: Path) -> tuple[Path, str]:
    """Like :func:`bundle_of`, for a file that must be in a bundle.

    Raises:
        FormatError: the file is in no bundle.
    """
    found = bundle_of(onnx)
    if found is None:
        raise FormatError(f"{onnx} is not BUNDLE/onnx/PRECISION/model.onnx: name an --out")
    return found


def _without(bundle: Bundle, precision: str) -> Manifest:
    """The manifest without the engine of a precision, with the current certificate's checksum."""
    manifest = bundle.manifest
    kept = [a for a in manifest.artefacts if (a.format, a.precision) != (FORMAT, precision)]
    folder = f"{FORMAT}/{precision}/"
    files = {name: value for name, value in manifest.files.items() if not name.startswith(folder)}
    files[CERTIFICATE] = sha256_of(bundle.path / CERTIFICATE)
    return manifest.model_copy(update={"artefacts": tuple(kept), "files": files})


def _write_certificate(bundle: Bundle, precision: str, part: Path) -> None:
    """Remove the entry of the engine from the certificate, if there is one."""
    if bundle.certificate.entry(FORMAT, precision) is None:
        return
    kept = [e for e in bundle.certificate.entries if (e.format, e.precision) != (FORMAT, precision)]
    new = part.with_name(f"{part.name}.json")
    try:
        bundle.certificate.model_copy(update={"entries": tuple(kept)}).write(new)
        sync(new)
        os.replace(new, bundle.path / CERTIFICATE)
    finally:
        new.unlink(missing_ok=True)


def _write_manifest(manifest: Manifest, root: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix=".manifest-", dir=root))
    try:
        manifest.write(folder)
        sync(folder / MANIFEST)
        os.replace(folder / MANIFEST, root / MANIFEST)
        sync(root)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
