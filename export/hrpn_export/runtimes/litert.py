"""A TFLite file in LiteRT, on the CPU."""

from pathlib import Path

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError
from hrpn_export.session import run_checked
from hrpn_export.threads import threads_of


class LiteRtSession:
    """Runs a file ``model.tflite``; see ``hrpn_export.runtimes``.

    The interpreter is resized when the shape of the batch changes.
    """

    def __init__(self, path: Path, contract: Contract, device: str, threads: int | None) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.contract = contract
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads_of(threads))
        except (ValueError, RuntimeError) as error:
            raise DamagedBundleError(f"{path}: no TFLite file of a bundle: {error}") from None
        details = self._interpreter.get_input_details()[0]
        self._input, self.input_type = details["index"], np.dtype(details["dtype"]).name
        self._shape: tuple[int, ...] = ()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``."""
        return run_checked(self.contract, batch, self._run, self.input_type)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        if batch.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, batch.shape)
            self._interpreter.allocate_tensors()
            self._shape = batch.shape
        self._interpreter.set_tensor(self._input, batch)
        self._interpreter.invoke()
        output = self._interpreter.get_output_details()[0]["index"]
        result: np.ndarray = self._interpreter.get_tensor(output)
        return result
