"""An ONNX file in ONNX Runtime, on the CPU or through its CUDA and TensorRT providers."""

from pathlib import Path

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError, FormatError
from hrpn_export.names import INPUT, OUTPUT
from hrpn_export.session import run_checked
from hrpn_export.stored_input import INPUT_TYPES
from hrpn_export.threads import threads_of

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


class OnnxSession:
    """Runs a file ``model.onnx``; see ``hrpn_export.runtimes``."""

    def __init__(self, path: Path, contract: Contract, device: str, threads: int | None) -> None:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as problems

        self.contract = contract
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads_of(threads)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A memory plan per size doubles the memory of the first run and is no faster
        # (docs/guide/benchmark.md).
        options.enable_mem_pattern = False
        # without VNNI, int8 weights would overflow 16 bits: then use unsigned ones
        options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=_providers(device)
            )
        except (
            problems.Fail,
            problems.InvalidArgument,
            problems.InvalidGraph,
            problems.InvalidProtobuf,
            problems.NoSuchFile,
            problems.NotImplemented,
        ) as error:
            line = str(error).splitlines()[0]
            raise DamagedBundleError(f"{path}: no ONNX file of a bundle: {line}") from None
        kind = self._session.get_inputs()[0].type
        self.input_type = kind[7:-1] if kind[7:-1] in INPUT_TYPES else "float32"  # tensor(uint8)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``."""
        return run_checked(
            self.contract,
            batch,
            lambda array: self._session.run([OUTPUT], {INPUT: array})[0],
            self.input_type,
        )


def _providers(device: str) -> list[object]:
    import onnxruntime

    kind, _, number = device.partition(":")
    wanted = _PROVIDERS[kind]
    if wanted not in onnxruntime.get_available_providers():
        raise FormatError(
            f"this build of ONNX Runtime has no {wanted}, which {device} needs: "
            "pip install onnxruntime-gpu in place of onnxruntime"
        )
    if kind == "cpu":
        return [wanted]
    # operations that a GPU provider cannot run fall back to the next provider
    options = {"device_id": int(number) if number.isdigit() else 0}
    fallback: list[object] = [_PROVIDERS["cpu"]]
    if kind == "tensorrt":
        fallback.insert(0, (_PROVIDERS["cuda"], options))
    return [(wanted, options), *fallback]
