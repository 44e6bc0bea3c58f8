"""The table of formats, and what an exporter gets to work with."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import (
    DamagedBundleError,
    ExportError,
    FormatError,
    MissingRuntimeError,
    install_line,
)
from hrpn_export.manifest import Artefact

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Source:
    """What an exporter works with.

    Attributes:
        model: float32, maps (N, H, W, inputs) to (N, H, W, outputs), grey levels.
        contract: contract of the model.
        calibration: representative inputs (N, H, W, inputs), float32 grey levels; None if there
            are none, and then nothing can be calibrated or corrected.
        made: paths of finished artefacts by (format, precision); some formats build on others.
        details: what ``bundle.json`` says of the artefact besides; an exporter adds to it.
        selection: patches (N, H, W, inputs) and measured targets (N, H, W, predictions) that choose
            the layers which stay float32 in int8 and dynamic; None to choose them on the
            calibration patches.
        options: options of the format by name; its module documents them.
        input_types: types of pixels as stored that the model also takes, see
            :mod:`hrpn_export.stored_input`; a SavedModel has a signature for each.
    """

    model: "keras.Model"
    contract: Contract
    calibration: np.ndarray | None = None
    made: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    selection: tuple[np.ndarray, np.ndarray] | None = None
    input_types: Sequence[str] = ()


# Writes a model in one precision into an empty folder; returns the path that a runtime opens.
Exporter = Callable[[Source, str, Path], Path]


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Attributes:
        name: name in bundles and in Python.
        title: name in text.
        option: option of the command line.
        suffix: suffix of the file; empty for a folder.
        precisions: available precisions, best first.
        calibrated: precisions that need calibration patches.
        module: module with the functions ``export`` and ``section``; see the methods of the same
            names. It is imported when one of them is needed.
        runtimes: runtimes that open it, the usual one first.
        checked_by: ``module:function``; see :meth:`check`. Every format has one: a file that
            nothing checks is never opened.
        needs: maps a precision to ``module:function``, which returns why this machine cannot make
            it, or None.
        packages: modules that exporting needs besides TensorFlow.
        extra: extra of ``hrpn-tf`` that installs them; None if they are always installed.
        builds_on: format that must be exported in the same precision first.
        by_default: whether it is exported if the user names no formats.
    """

    name: str
    title: str
    option: str
    suffix: str
    precisions: tuple[str, ...]
    module: str
    runtimes: tuple[str, ...]
    checked_by: str
    calibrated: tuple[str, ...] = ()
    needs: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    extra: str | None = None
    builds_on: str | None = None
    by_default: bool = True

    def __post_init__(self) -> None:
        if not all(self.checked_by.partition(":")):
            raise ValueError(f"the format {self.name} names no check of its files")

    @property
    def installed(self) -> bool:
        """Whether the packages for exporting it are installed."""
        return all(find_spec(package) is not None for package in self.packages)

    def lacking(self, precision: str) -> str | None:
        """Why this machine cannot make a precision, e.g. for its processor; None if it can."""
        if precision not in self.needs:
            return None
        module, _, name = self.needs[precision].partition(":")
        reason: str | None = getattr(importlib.import_module(module), name)()
        return reason

    def exporter(self) -> Exporter:
        """The function ``export(source, precision, folder)`` of the module, checked.

        A file that its own check would refuse is an ExportError: it could not be opened again.

        Raises:
            MissingRuntimeError: a package is not installed; says how to install it.
        """
        if not self.installed:
            raise MissingRuntimeError(
                f"{self.name}: needs {' and '.join(self.packages)}; install it with "
                f"{install_line(self.extra)}"
            )
        export: Exporter = importlib.import_module(self.module).export

        def checked(source: Source, precision: str, folder: Path) -> Path:
            if (reason := self.lacking(precision)) is not None:
                raise MissingRuntimeError(f"{self.name} {precision}: {reason}")
            path = export(source, precision, folder)
            try:
                if path.exists():  # a file that is not there fails when it is measured
                    self.check(path)
            except DamagedBundleError as error:
                raise ExportError(f"could not be opened again: {error}") from None
            return path

        return checked

    def check(self, path: Path) -> None:
        """Refuse a file or folder of this format that could do more than compute.

        Raises:
            DamagedBundleError: says what the file contains.
        """
        module, _, name = self.checked_by.partition(":")
        getattr(importlib.import_module(module), name)(path)

    def section(self, folder: Path, artefact: Artefact, contract: Contract) -> str:
        """The section of a bundle's README on this format, in Markdown.

        Args:
            folder: folder of the bundle.
            artefact: the artefact that the section describes.
            contract: contract of the model.
        """
        text: str = importlib.import_module(self.module).section(folder, artefact, contract)
        return text


_ROWS: tuple[Format, ...] = (
    Format(
        name="keras",
        title="Keras",
        option="--keras",
        suffix=".keras",
        precisions=("fp32",),
        module="hrpn_export.formats.keras_file",
        runtimes=("keras",),
        checked_by="hrpn_export.safety:check_keras",
    ),
    Format(
        name="saved_model",
        title="SavedModel",
        option="--saved-model",
        suffix="",
        precisions=("fp32",),
        module="hrpn_export.formats.saved_model",
        runtimes=("tensorflow",),
        checked_by="hrpn_export.safety:check_saved_model",
    ),
    Format(
        name="onnx",
        title="ONNX",
        option="--onnx",
        suffix=".onnx",
        precisions=("fp32", "fp16", "bf16", "int8"),
        calibrated=("int8",),
        needs={"bf16": "hrpn_export.runtimes.openvino:lacks_bfloat16"},
        module="hrpn_export.formats.onnx",
        runtimes=("onnxruntime", "openvino"),
        checked_by="hrpn_export.safety:check_onnx",
        packages=("onnx", "tf2onnx", "onnxruntime"),
        extra="onnx",
    ),
    Format(
        name="tflite",
        title="TFLite",
        option="--tflite",
        suffix=".tflite",
        precisions=("fp32", "fp16", "dynamic", "int8"),
        calibrated=("int8",),
        module="hrpn_export.formats.tflite",
        runtimes=("litert",),
        checked_by="hrpn_export.safety:check_tflite",
        packages=("ai_edge_litert", "ai_edge_quantizer"),
        extra="litert",
    ),
    Format(
        name="tensorrt",
        title="TensorRT",
        option="--trt",
        suffix=".engine",
        precisions=("fp32", "fp16", "int8"),
        calibrated=("int8",),
        module="hrpn_export.formats.tensorrt_engine",
        runtimes=("tensorrt",),
        checked_by="hrpn_export.safety:check_engine",
        builds_on="onnx",
        by_default=False,
    ),
    Format(
        name="web",
        title="Web page",
        option="--web",
        suffix="",
        precisions=("fp32",),
        module="hrpn_export.formats.web",
        runtimes=("browser",),
        checked_by="hrpn_export.web.page:check_page",
        builds_on="onnx",
        by_default=False,
    ),
)
FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}


def find_format(name: str, precision: str | None = None) -> Format:
    """Find the row of a format.

    Args:
        name: name of the format.
        precision: a precision that the format must have; None to accept any.

    Raises:
        FormatError: there is no such format, or it has no such precision.

    Example:
        >>> find_format("onnx", "int8").runtimes
        ('onnxruntime', 'openvino')
    """
    if name not in FORMATS:
        raise FormatError(f"no format {name}; there are {', '.join(FORMATS)}")
    row = FORMATS[name]
    if precision is not None and precision not in row.precisions:
        raise FormatError(
            f"{name} has no precision {precision}; it has {', '.join(row.precisions)}"
        )
    return row
