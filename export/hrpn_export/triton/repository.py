"""Write a model repository of Triton: a folder with a folder for each model."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from hrpn_export.bundle import Bundle
from hrpn_export.errors import BundleExistsError, FormatError
from hrpn_export.manifest import Artefact
from hrpn_export.paths import inside
from hrpn_export.stored_input import DETAIL, variant_of
from hrpn_export.triton.configuration import configuration
from hrpn_export.triton.text_format import to_text

CONFIGURATION, VERSION = "config.pbtxt", "1"
_PRECISIONS = ("fp32", "fp16", "int8")  # that ONNX Runtime computes in
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def write_repository(bundle: Bundle, out: Path | str) -> tuple[str, ...]:
    """Write a folder that ``tritonserver --model-repository`` takes as it is.

    There is a model for each precision of ONNX in the bundle, such as ``NAME_fp16``, and for each
    of its variants that takes pixels as stored, such as ``NAME_fp16_uint8``. Files are hard links
    to those of the bundle where the file system has them.

    Args:
        bundle: an open bundle.
        out: folder to create.

    Returns:
        Names of the models.

    Raises:
        BundleExistsError: ``out`` exists.
        FormatError: the bundle holds no ONNX file.

    Example::

        write_repository(open_bundle("bundle"), "bundle-triton")
    """
    out = Path(out)
    if out.exists() or out.is_symlink():
        raise BundleExistsError(f"{out} exists; remove it, or name another folder")
    models = list(_models(bundle))
    if not models:
        raise FormatError(f"{bundle.path}: holds no ONNX file, which Triton runs; export --onnx")
    for name, precision, input_type, path in models:
        folder = out / name / VERSION
        folder.mkdir(parents=True)
        _link(path, folder / "model.onnx")
        fields = configuration(name, bundle.contract, precision, input_type)
        text = to_text(fields)
        (out / name / CONFIGURATION).write_text(text, encoding="ascii", newline="\n")
    return tuple(name for name, *_ in models)


def _models(bundle: Bundle) -> Iterator[tuple[str, str, str, Path]]:
    """Name, precision, type of the input and file of each model."""
    stem = _UNSAFE.sub("-", bundle.manifest.name).strip("-") or "model"
    for artefact in bundle.manifest.artefacts:
        if artefact.format != "onnx" or artefact.precision not in _PRECISIONS:
            continue
        path = inside(bundle.path, artefact.path)
        name = f"{stem}_{artefact.precision}"
        yield name, artefact.precision, "float32", path
        for input_type in _input_types(artefact):
            variant = path.with_name(variant_of(artefact, input_type))
            yield f"{name}_{input_type}", artefact.precision, input_type, variant


def _input_types(artefact: Artefact) -> list[str]:
    stated = artefact.details.get(DETAIL, {})
    known = stated if isinstance(stated, Mapping) else {}
    return [name for name in ("uint8", "uint16") if name in known]


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
