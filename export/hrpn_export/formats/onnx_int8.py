"""ONNX in int8: a QDQ graph, statically calibrated, that ONNX Runtime and TensorRT both take."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from hrpn_export.contract import Contract
from hrpn_export.errors import CalibrationError, ExportError
from hrpn_export.formats.onnx_rewrite import parts_of_graph
from hrpn_export.formats.parts import CONVOLUTIONS
from hrpn_export.names import INPUT

# TensorRT takes symmetric ranges and float32 biases only, and Q/DQ around these alone builds there.
_SETTINGS = {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False}


def to_int8(
    graph: onnx.ModelProto, calibration: np.ndarray | None, contract: Contract, folder: Path
) -> onnx.ModelProto:
    """An int8 copy of a float32 graph.

    Weights have one scale for each channel. The first and the last convolution stay float32, and
    the scaling at both ends with them.

    Args:
        graph: float32, with a name for each node.
        calibration: (N, H, W, inputs) float32 grey levels, which say the range of each value.
        contract: of the model.
        folder: holds files meanwhile.

    Raises:
        CalibrationError: there are no patches, or they do not fit the contract.
        ExportError: fewer than three convolutions.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    if calibration is None or not len(calibration):
        raise CalibrationError("onnx int8 needs calibration patches, and there are none")
    contract.check(calibration)
    path = folder / "temporary.onnx"
    try:
        quantize_static(
            graph,
            path,
            _reader(calibration),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=_nodes(graph),
            calibrate_method=CalibrationMethod.MinMax,
            extra_options=dict(_SETTINGS),
        )
        return onnx.load(path)
    finally:
        for left in folder.glob("temporary.onnx*"):
            left.unlink()


def _nodes(graph: onnx.ModelProto) -> list[str]:
    """Names of the nodes to quantise.

    Raises:
        ExportError: there are none.
    """
    inner = set(parts_of_graph(graph).inner)
    found = [
        node
        for node in graph.graph.node
        if node.name in inner and node.op_type in (*CONVOLUTIONS, "Add")
    ]
    if not any(node.op_type in CONVOLUTIONS for node in found):
        raise ExportError(
            "a network of fewer than three convolutions has no int8: the first and the last "
            "stay float32"
        )
    return [node.name for node in found]


def _reader(patches: np.ndarray):  # type: ignore[no-untyped-def]
    """Gives one patch at a time, so that one patch's values are all that is held."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._patches: Iterator[np.ndarray] = iter(patches)

        def get_next(self) -> dict[str, np.ndarray] | None:
            patch = next(self._patches, None)
            return None if patch is None else {INPUT: np.asarray(patch[None], np.float32)}

    return Reader()
