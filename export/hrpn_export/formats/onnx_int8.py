"""ONNX in int8: a QDQ graph, statically calibrated, that ONNX Runtime and TensorRT both take."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hrpn_export.contract import Contract
from hrpn_export.errors import CalibrationError, ExportError
from hrpn_export.formats.onnx_rewrite import drop_unused, parts_of_graph, scale_and_shift
from hrpn_export.formats.parts import CONVOLUTIONS
from hrpn_export.formats.refit import Refit
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
            onnx.ModelProto.FromString(graph.SerializeToString()),  # it is changed
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
        quantised = onnx.load(path)
    finally:
        for left in folder.glob("temporary.onnx*"):
            left.unlink()
    _refit(graph, quantised, calibration)
    return quantised


def _refit(graph: onnx.ModelProto, quantised: onnx.ModelProto, patches: np.ndarray) -> None:
    """Change the last convolutions of ``quantised``; see :mod:`hrpn_export.formats.refit`.

    Args:
        graph: float32.
        quantised: is changed.
        patches: (N, H, W, inputs) float32 grey levels.
    """
    nodes = {node.name: node for node in quantised.graph.node}
    last = [nodes[name] for name in parts_of_graph(graph).last]
    values = [node.output[0] for node in last]
    sessions = [_giving(each, values) for each in (graph, quantised)]
    fits = [Refit() for _ in last]
    for patch in patches:
        before, after = (each.run(values, {INPUT: patch[None]}) for each in sessions)
        for fit, one, other in zip(fits, before, after, strict=True):
            fit.add(np.moveaxis(one, 1, -1), np.moveaxis(other, 1, -1))
    for node, fit in zip(last, fits, strict=True):
        scale_and_shift(quantised, node, *fit.gain_and_offset)
    drop_unused(quantised)


def _giving(graph: onnx.ModelProto, values: list[str]) -> Any:
    """A session whose outputs are some values (N, C, H, W)."""
    import onnxruntime

    probe = onnx.ModelProto.FromString(graph.SerializeToString())
    del probe.graph.output[:]
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in values)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


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
