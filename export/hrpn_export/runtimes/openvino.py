"""An ONNX file in OpenVINO, on the CPU, in float32, bfloat16 or int8."""

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

# OpenVINO would report each import to its maker, from a process that it waits for up to 3 s.
# Without this module it reports nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


class OpenVinoSession:
    """Runs a file ``model.onnx``; see ``hrpn_export.runtimes``.

    Raises:
        MissingRuntimeError: the file is for bfloat16, which this processor does not have.
    """

    def __init__(self, path: Path, contract: Contract, device: str, threads: int | None) -> None:
        self.contract = contract
        try:
            with signal_stack_kept():
                model = core().read_model(str(path))
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


def core() -> Any:
    """The entry to OpenVINO; of this package, only this function imports it."""
    import openvino

    return openvino.Core()


def compiled(model: Any, precision: str, threads: int | None) -> Any:
    """A model of OpenVINO, ready to run on the CPU.

    Args:
        model: what ``core().read_model`` gives.
        precision: ``bf16`` to compute in bfloat16; anything else computes floats in float32.
        threads: number of threads; None for all usable cores.
    """
    # OpenVINO would choose bfloat16 where the CPU has it: an error of 0.01 instead of 1e-6.
    settings: dict[str, object] = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "INFERENCE_NUM_THREADS": threads_of(threads),
    }
    return core().compile_model(model, "CPU", settings)


@cache
def lacks_bfloat16() -> str | None:
    """Why nothing computes in bfloat16 here, in a few words; None if OpenVINO does."""
    if find_spec("openvino") is None:
        return "needs openvino; install it with pip install 'hrpn-tf[openvino]'"
    with signal_stack_kept():
        abilities = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return None if "BF16" in abilities else "this processor has no instructions for bfloat16"


def _stated_precision(model: Any) -> str:
    """The precision in the metadata of an ONNX file of a bundle."""
    try:
        return str(model.get_rt_info(["framework", "precision"]).value)
    except RuntimeError:  # a file of an earlier version of this program, or of another
        return ""
