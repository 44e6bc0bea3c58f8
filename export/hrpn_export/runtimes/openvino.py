"""An ONNX file in OpenVINO, on the CPU, in float32, bfloat16 or int8."""

import importlib
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError, MissingRuntimeError
from hrpn_export.names import OUTPUT
from hrpn_export.runtimes.signal_stack import signal_stack_kept
from hrpn_export.session import run_checked
from hrpn_export.threads import threads_of

_CONVERTER = "openvino.tools.ovc"


class OpenVinoSession:
    """Runs a file ``model.onnx``; see ``hrpn_export.runtimes``.

    Raises:
        MissingRuntimeError: the file is for bfloat16, which this processor does not have.
    """

    def __init__(self, path: Path, contract: Contract, device: str, threads: int | None) -> None:
        openvino = load_openvino()
        self.contract = contract
        try:
            with signal_stack_kept():
                model = openvino.Core().read_model(str(path))
                precision = _stated_precision(model)
                if precision == "bf16" and (reason := lacks_bfloat16()) is not None:
                    raise MissingRuntimeError(f"{path}: {reason}; use fp32")
                self._model = compiled(model, precision, threads)
        except RuntimeError as error:
            line = str(error).strip().splitlines()[-1]
            raise DamagedBundleError(f"{path}: OpenVINO cannot load it: {line}") from None
        self.input_type = np.dtype(self._model.inputs[0].element_type.to_dtype()).name

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``."""
        return run_checked(
            self.contract, batch, lambda array: self._model([array])[OUTPUT], self.input_type
        )


def load_openvino() -> Any:
    """The package ``openvino``, without what converts the models of other frameworks.

    That takes longer to import than all the rest, and no session needs it. ``openvino`` imports it
    on its own when it can; here, when it is first asked for.
    """
    if "openvino" in sys.modules or _CONVERTER in sys.modules:
        return importlib.import_module("openvino")
    sys.modules[_CONVERTER] = None  # type: ignore[assignment]  # raises ImportError
    try:
        package: Any = importlib.import_module("openvino")
    finally:
        del sys.modules[_CONVERTER]
    package.__getattr__ = _converter
    return package


def _converter(name: str) -> Any:
    """Attribute of ``openvino`` that was left out; see PEP 562."""
    if name == "convert_model":
        return importlib.import_module(_CONVERTER).convert_model
    raise AttributeError(f"module 'openvino' has no attribute {name!r}")


def compiled(model: Any, precision: str, threads: int | None) -> Any:
    """A model of OpenVINO, ready to run on the CPU.

    Args:
        model: what ``openvino.Core().read_model`` gives.
        precision: ``bf16`` to compute in bfloat16; anything else computes floats in float32.
        threads: number of threads; None for all usable cores.
    """
    openvino = load_openvino()
    # OpenVINO would choose bfloat16 where the CPU has it: an error of 0.01 instead of 1e-6.
    settings: dict[str, object] = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "INFERENCE_NUM_THREADS": threads_of(threads),
    }
    return openvino.Core().compile_model(model, "CPU", settings)


@cache
def lacks_bfloat16() -> str | None:
    """Why nothing computes in bfloat16 here, in a few words; None if OpenVINO does."""
    if find_spec("openvino") is None:
        return "needs openvino; install it with pip install 'hrpn-tf[openvino]'"
    openvino = load_openvino()
    with signal_stack_kept():
        abilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return None if "BF16" in abilities else "this processor has no instructions for bfloat16"


def _stated_precision(model: Any) -> str:
    """The precision in the metadata of an ONNX file of a bundle."""
    try:
        return str(model.get_rt_info(["framework", "precision"]).value)
    except RuntimeError:  # a file of an earlier version of this program, or of another
        return ""
