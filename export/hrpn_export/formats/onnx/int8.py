"""ONNX in int8: a statically calibrated QDQ graph, for ONNX Runtime and TensorRT."""

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

# TensorRT requires symmetric ranges, float32 biases, and Q/DQ around nothing else.
_SETTINGS = {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False}


def to_int8(
    graph: onnx.ModelProto, calibration: np.ndarray | None, contract: Contract, folder: Path
) -> onnx.ModelProto:
    """Make an int8 copy of a float32 graph.

    Weights have one scale per channel. The first two convolutions, the last one, and the scaling
    at both ends stay float32.

    Args:
        graph: float32, with a name for each node.
        calibration: (N, H, W, inputs) float32 grey levels, which give the range of each value.
        contract: contract of the model.
        folder: folder for temporary files.

    Raises:
        CalibrationError: there are no patches.
        ContractError: the patches do not fit the contract.
        ExportError: the network has fewer than four convolutions.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    if calibration is None or not len(calibration):
        raise CalibrationError("onnx int8 needs calibration patches, and there are none")
    contract.check(calibration)
    path = folder / "temporary.onnx"
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises to simplify the graph, which is done already
    try:
        quantize_static(
            onnx.ModelProto.FromString(graph.SerializeToString()),  # a copy, which it modifies
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
        quantised: int8; modified in place.
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
    if name is None:  # unknown which convolution makes the prediction
        return
    fit = gain_and_offset(_run(graph), lambda *fit: _run(changed(name, *fit)), patches, sizes[name])
    quantised.CopyFrom(changed(name, *fit))
    drop_unused(quantised)


def _sizes(graph: onnx.ModelProto, name: str) -> np.ndarray:
    """Sum of the absolute weights of each output channel of a convolution, (outputs,) float64."""
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
        ExportError: there is none.
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
    """The convolutions that directly follow a first one.

    Symmetric int8 leaves 127 steps for the output of a ReLU. That is too coarse for features close
    to the grey levels themselves, and every later layer would inherit the error.
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
    """A reader that gives one patch at a time, to hold the values of one patch only."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._patches: Iterator[np.ndarray] = iter(patches)

        def get_next(self) -> dict[str, np.ndarray] | None:
            patch = next(self._patches, None)
            return None if patch is None else {INPUT: np.asarray(patch[None], np.float32)}

    return Reader()
