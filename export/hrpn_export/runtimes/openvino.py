"""An ONNX file in OpenVINO, on the CPU, in float."""

from pathlib import Path

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError
from hrpn_export.names import OUTPUT
from hrpn_export.runtimes.signal_stack import signal_stack_kept
from hrpn_export.session import run_checked
from hrpn_export.threads import threads_of


class OpenVinoSession:
    """Runs a file ``model.onnx`` of floats; see ``hrpn_export.runtimes``."""

    def __init__(self, path: Path, contract: Contract, device: str, threads: int | None) -> None:
        import openvino

        self.contract = contract
        # OpenVINO would choose bfloat16 where the CPU has it: an error of 0.01 instead of 1e-6.
        settings: dict[str, object] = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads_of(threads),
        }
        try:
            with signal_stack_kept():
                self._model = openvino.Core().compile_model(str(path), "CPU", settings)
        except RuntimeError as error:
            line = str(error).strip().splitlines()[-1]
            raise DamagedBundleError(f"{path}: OpenVINO cannot load it: {line}") from None
        self.input_type = np.dtype(self._model.inputs[0].element_type.to_dtype()).name

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``."""
        return run_checked(
            self.contract, batch, lambda array: self._model([array])[OUTPUT], self.input_type
        )
