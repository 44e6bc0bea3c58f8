"""Adding an engine to a bundle on the machine that will run it, or replacing the one in it."""

import os
import shutil
import tempfile
from pathlib import Path

from hrpn_export.bundle import CERTIFICATE, Bundle, open_bundle
from hrpn_export.errors import BundleExistsError, FormatError
from hrpn_export.manifest import MANIFEST, Artefact, Manifest
from hrpn_export.paths import files_below, sha256_of
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
    """Build an engine from a bundle's ONNX file into the bundle.

    The bundle is verified before, and ``bundle.json`` is written anew: without the old engine
    before it is taken away, with the new one when that is complete. What a certificate said of the
    old engine does not hold for the new one, and is taken out.

    Args:
        root: the bundle.
        precision: of the ONNX file, and of the engine.
        wanted: sizes, GPUs and builder.
        overwrite: whether an engine in the bundle may be replaced.
        machine: where it is built; None to look.

    Returns:
        The engine and its sidecar.

    Raises:
        DamagedBundleError: the bundle is not as it was exported.
        FormatError: it holds no ONNX file in this precision.
        BundleExistsError: it holds such an engine already.
        MissingRuntimeError, ContractError, ExportError: see ``write_engine``.
    """
    bundle = open_bundle(root)
    onnx = root / bundle.artefact("onnx", precision).path
    name = f"{FORMAT}/{precision}"
    folder = root / name
    if folder.exists() and not overwrite:
        raise BundleExistsError(f"{root} holds an engine in {precision} already: add --overwrite")
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
        part.rename(folder)
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


def bundle_of(onnx: Path) -> tuple[Path, str] | None:
    """Bundle and precision of ``BUNDLE/onnx/PRECISION/model.onnx``; None for any other file."""
    full = onnx.resolve()
    if len(full.parents) < 3 or full.parts[-3] != "onnx":
        return None
    root = full.parents[2]
    return (root, full.parent.name) if (root / MANIFEST).is_file() else None


def asked_bundle(onnx: Path) -> tuple[Path, str]:
    """As :func:`bundle_of`.

    Raises:
        FormatError: the file is in no bundle.
    """
    found = bundle_of(onnx)
    if found is None:
        raise FormatError(f"{onnx} is not BUNDLE/onnx/PRECISION/model.onnx: name an --out")
    return found


def _without(bundle: Bundle, precision: str) -> Manifest:
    """The manifest without the engine of a precision, for the certificate as it is now."""
    manifest = bundle.manifest
    kept = [a for a in manifest.artefacts if (a.format, a.precision) != (FORMAT, precision)]
    folder = f"{FORMAT}/{precision}/"
    files = {name: value for name, value in manifest.files.items() if not name.startswith(folder)}
    files[CERTIFICATE] = sha256_of(bundle.path / CERTIFICATE)
    return manifest.model_copy(update={"artefacts": tuple(kept), "files": files})


def _write_certificate(bundle: Bundle, precision: str, part: Path) -> None:
    """Take out what it says of the engine, if anything."""
    if bundle.certificate.entry(FORMAT, precision) is None:
        return
    kept = [e for e in bundle.certificate.entries if (e.format, e.precision) != (FORMAT, precision)]
    new = part.with_name(f"{part.name}.json")
    try:
        bundle.certificate.model_copy(update={"entries": tuple(kept)}).write(new)
        os.replace(new, bundle.path / CERTIFICATE)
    finally:
        new.unlink(missing_ok=True)


def _write_manifest(manifest: Manifest, root: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix=".manifest-", dir=root))
    try:
        manifest.write(folder)
        os.replace(folder / MANIFEST, root / MANIFEST)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
