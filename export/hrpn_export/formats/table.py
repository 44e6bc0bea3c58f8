"""The table of formats."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import FormatError, MissingRuntimeError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Source:
    """What an exporter works on.

    Attributes:
        model: float32, (N, H, W, inputs) to (N, H, W, outputs), grey levels.
        contract: of the model.
        calibration: representative inputs (N, H, W, inputs), float32 grey levels; None if there
            are none, and then nothing can be calibrated.
        made: what was written before, by format and precision; some formats build on others.
        options: by name, for formats that have any; see the format's module.
    """

    model: "keras.Model"
    contract: Contract
    calibration: np.ndarray | None = None
    made: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


# Writes a model in one precision into an empty folder; gives the path to be opened by a runtime.
Exporter = Callable[[Source, str, Path], Path]


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Attributes:
        name: as in the bundle and in Python.
        title: as people write it.
        option: of the command line.
        suffix: of the file; empty for a folder.
        precisions: those it can be written in, best first.
        calibrated: those that need calibration patches.
        module: holds the function ``export``; imported only to export.
        runtimes: names of what can run it, the usual one first.
        packages: modules that exporting needs beyond TensorFlow.
        extra: of ``hrpn-tf``, which installs them; None if they are always there.
        builds_on: a format that must be exported in the same precision before.
        by_default: whether it is exported where nobody names formats.
    """

    name: str
    title: str
    option: str
    suffix: str
    precisions: tuple[str, ...]
    module: str
    runtimes: tuple[str, ...]
    calibrated: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    extra: str | None = None
    builds_on: str | None = None
    by_default: bool = True

    @property
    def installed(self) -> bool:
        """Whether this machine can export it."""
        return all(find_spec(package) is not None for package in self.packages)

    def exporter(self) -> Exporter:
        """The function that writes it.

        Raises:
            MissingRuntimeError: a package is not installed.
        """
        if not self.installed:
            raise MissingRuntimeError(
                f"{self.name}: needs {' and '.join(self.packages)}; install it with "
                f"pip install 'hrpn-tf[{self.extra}]'"
            )
        export: Exporter = importlib.import_module(self.module).export
        return export


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            name="keras",
            title="Keras",
            option="--keras",
            suffix=".keras",
            precisions=("fp32",),
            module="hrpn_export.formats.keras_file",
            runtimes=("keras",),
        ),
        Format(
            name="saved_model",
            title="SavedModel",
            option="--saved-model",
            suffix="",
            precisions=("fp32",),
            module="hrpn_export.formats.saved_model",
            runtimes=("tensorflow",),
        ),
        Format(
            name="onnx",
            title="ONNX",
            option="--onnx",
            suffix=".onnx",
            precisions=("fp32", "fp16", "int8"),
            calibrated=("int8",),
            module="hrpn_export.formats.onnx.exporter",
            runtimes=("onnxruntime", "openvino"),
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
            module="hrpn_export.formats.tflite.exporter",
            runtimes=("litert",),
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
            builds_on="onnx",
            by_default=False,
        ),
    )
}


def find_format(name: str) -> Format:
    """The row of a format.

    Raises:
        FormatError: there is none of this name.
    """
    if name not in FORMATS:
        raise FormatError(f"no format {name}; there are {', '.join(FORMATS)}")
    return FORMATS[name]
