"""ONNX in int8: a QDQ graph, statically calibrated, that ONNX Runtime and TensorRT both take."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hrpn_export.contract import Contract
from hrpn_export.errors import CalibrationError, ExportError
from hrpn_export.formats.refit import Run, convolution_of_prediction, gain_and_offset
from hrpn_export.graphs.parts import CONVOLUTIONS, Parts
from hrpn_export.graphs.rewrite import (
    constants,
    drop_unused,
    parts_of_graph,
    scale_and_shift,
)
from hrpn_export.names import INPUT, OUTPUT

# TensorRT takes symmetric ranges and float32 biases only, and Q/DQ around these alone builds there.
_SETTINGS = {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False}


def to_int8(
    graph: onnx.ModelProto, calibration: np.ndarray | None, contract: Contract, folder: Path
) -> onnx.ModelProto:
    """An int8 copy of a float32 graph.

    Weights have one scale for each channel. The first two convolutions and the last one stay
    float32, and the scaling at both ends with them.

    Args:
        graph: float32, with a name for each node.
        calibration: (N, H, W, inputs) float32 grey levels, which say the range of each value.
        contract: of the model.
        folder: holds files meanwhile.

    Raises:
        CalibrationError: there are no patches, or they do not fit the contract.
        ExportError: fewer than four convolutions.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    if calibration is None or not len(calibration):
        raise CalibrationError("onnx int8 needs calibration patches, and there are none")
    contract.check(calibration)
    path = folder / "temporary.onnx"
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # advice to simplify the graph, which has been done
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
        logging.disable(disabled)
        for left in folder.glob("temporary.onnx*"):
            left.unlink()
    _refit(graph, quantised, calibration)
    return quantised


def _refit(graph: onnx.ModelProto, quantised: onnx.ModelProto, patches: np.ndarray) -> None:
    """Change the last convolution of ``quantised``; see :mod:`hrpn_export.formats.refit`.

    Args:
        graph: float32.
        quantised: is changed.
        patches: (N, H, W, inputs) float32 grey levels.
    """

    def changed(name: str, gain: np.ndarray, offset: np.ndarray) -> onnx.ModelProto:
        copy = onnx.ModelProto.FromString(quantised.SerializeToString())
        (node,) = (node for node in copy.graph.node if node.name == name)
        scale_and_shift(copy, node, gain, offset)
        return copy

    sizes = {name: _sizes(graph, name) for name in parts_of_graph(graph).last}

    def moved(name: str) -> Run:
        return _run(changed(name, np.ones_like(sizes[name]), sizes[name]))

    name = convolution_of_prediction(list(sizes), moved, patches[0], _run(quantised))
    if name is None:  # which output belongs to which cannot be told
        return
    fit = gain_and_offset(_run(graph), lambda *fit: _run(changed(name, *fit)), patches, sizes[name])
    quantised.CopyFrom(changed(name, *fit))
    drop_unused(quantised)


def _sizes(graph: onnx.ModelProto, name: str) -> np.ndarray:
    """(outputs,) float64: sum of the absolute weights of each channel of a convolution."""
    (node,) = (node for node in graph.graph.node if node.name == name)
    weights = constants(graph)[node.input[1]].astype(np.float64)
    channels_last = np.moveaxis(weights, 1 if node.op_type == "ConvTranspose" else 0, -1)
    return np.asarray(np.abs(channels_last).reshape(-1, channels_last.shape[-1]).sum(0))


def _run(graph: onnx.ModelProto) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda patch: session.run([OUTPUT], {INPUT: patch})[0]


def _nodes(graph: onnx.ModelProto) -> list[str]:
    """Names of the nodes to quantise.

    Raises:
        ExportError: there are none.
    """
    parts = parts_of_graph(graph)
    inner = set(parts.inner) - _second(graph, parts)
    found = [
        node
        for node in graph.graph.node
        if node.name in inner and node.op_type in (*CONVOLUTIONS, "Add")
    ]
    if not any(node.op_type in CONVOLUTIONS for node in found):
        raise ExportError(
            "a network this shallow has no int8: its first two convolutions and the last one "
            "stay float32"
        )
    return [node.name for node in found]


def _second(graph: onnx.ModelProto, parts: Parts) -> set[str]:
    """The convolutions that come right after a first one.

    Symmetric int8 has 127 steps for what a ReLU gives, too few for features that are hardly more
    than the grey levels themselves; everything later would inherit the error.
    """
    values = {o for node in graph.graph.node if node.name in parts.first for o in node.output}
    found = set()
    for node in graph.graph.node:
        if not values.intersection(node.input) or node.name not in parts.inner:
            continue
        if node.op_type in CONVOLUTIONS:
            found.add(node.name)
        elif node.op_type not in ("Add", "Concat"):
            values.update(node.output)
    return found


def _reader(patches: np.ndarray) -> Any:
    """Gives one patch at a time, so that one patch's values are all that is held."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._patches: Iterator[np.ndarray] = iter(patches)

        def get_next(self) -> dict[str, np.ndarray] | None:
            patch = next(self._patches, None)
            return None if patch is None else {INPUT: np.asarray(patch[None], np.float32)}

    return Reader()
