"""ONNX in int8: a statically calibrated QDQ graph, for OpenVINO, ONNX Runtime and TensorRT."""

import logging
from collections.abc import Callable, Collection

import numpy as np
import onnx
from onnx import helper, numpy_helper

from hrpn_export.contract import Contract
from hrpn_export.errors import ExportError, QuantisationError
from hrpn_export.formats.choice import Choice, Loss, choose_layers
from hrpn_export.formats.refit import Run, convolution_of_prediction, gain_and_offset
from hrpn_export.gains import with_gains
from hrpn_export.graphs.qdq import can_be_quantised, points_of, quantised, ranges_of
from hrpn_export.graphs.rewrite import (
    constants,
    drop_unused,
    parts_of_graph,
    scale_and_shift,
)
from hrpn_export.names import INPUT, OUTPUT

_log = logging.getLogger(__name__)


def to_int8(
    graph: onnx.ModelProto,
    calibration: np.ndarray | None,
    contract: Contract,
    selection: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[onnx.ModelProto, Choice]:
    """Make an int8 copy of a float32 graph.

    Weights have one scale per channel. The scaling at both ends stays float32, and so do the
    convolutions that :mod:`hrpn_export.formats.choice` finds.

    Args:
        graph: float32, with a name for each node.
        calibration: (N, H, W, inputs) float32 grey levels, which give the range of each value,
            also with the gains of :mod:`hrpn_export.gains`.
        contract: contract of the model.
        selection: patches and measured targets that choose the layers; None to choose them on
            the calibration patches.

    Returns:
        The graph, and which layers stay float32.

    Raises:
        QuantisationError: there are no patches.
        ContractError: the patches do not fit the contract.
        ExportError: the network has fewer than three convolutions.
    """
    if calibration is None or not len(calibration):
        raise QuantisationError("onnx int8 needs calibration patches, and there are none")
    contract.check(calibration)
    names = _candidates(graph)
    graph = _with_scale_last(graph)
    values = points_of(graph, names).scales
    ranges = ranges_of(graph, values, with_gains(calibration, contract.grey_max))

    def build(chosen: Collection[str]) -> Run:
        return run_onnx(quantised(graph, chosen, ranges))

    patches, targets = selection or (calibration, None)
    loss = Loss(run_onnx(graph), patches, targets, contract.points, contract.grey_max)
    choice = choose_layers(names, build, loss, _log.info)
    made = quantised(graph, [name for name in names if name not in choice.floats], ranges)
    refit(graph, made, calibration, run_onnx)
    return made, choice


def refit(
    graph: onnx.ModelProto,
    made: onnx.ModelProto,
    patches: np.ndarray,
    run: Callable[[onnx.ModelProto], Run],
) -> None:
    """Change the last convolution of ``made``; see :mod:`hrpn_export.formats.refit`.

    Args:
        graph: float32.
        made: in another precision; modified in place.
        patches: (N, H, W, inputs) float32 grey levels.
        run: runs a graph in its precision.
    """

    def changed(name: str, gain: np.ndarray, offset: np.ndarray) -> onnx.ModelProto:
        copy = onnx.ModelProto.FromString(made.SerializeToString())
        (node,) = (node for node in copy.graph.node if node.name == name)
        _scale_and_shift(copy, node, gain, offset)
        return copy

    sizes = {name: _sizes(graph, name) for name in parts_of_graph(graph).last}

    def moved(name: str) -> Run:
        return run(changed(name, np.ones_like(sizes[name]), sizes[name]))

    name = convolution_of_prediction(list(sizes), moved, patches[0], run(made))
    if name is None:  # unknown which convolution makes the prediction
        return
    fit = gain_and_offset(
        run_onnx(graph), lambda *fit: run(changed(name, *fit)), patches, sizes[name]
    )
    made.CopyFrom(changed(name, *fit))
    drop_unused(made)


def _scale_and_shift(
    graph: onnx.ModelProto, node: onnx.NodeProto, gain: np.ndarray, offset: np.ndarray
) -> None:
    """Like ``scale_and_shift``, also for a convolution of int8 weights."""
    makers = {output: each for each in graph.graph.node for output in each.output}
    weights = makers.get(node.input[1])
    if weights is None or weights.op_type != "DequantizeLinear":
        scale_and_shift(graph, node, gain, offset)
        return
    known = constants(graph)
    bias = known[node.input[2]] if len(node.input) > 2 else np.zeros_like(offset)
    parts = {"scale": known[weights.input[1]] * gain, "bias": bias * gain + offset}
    for part, values in parts.items():
        name = f"{node.name}__refitted_{part}"
        graph.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
    weights.input[1] = f"{node.name}__refitted_scale"
    del node.input[2:]
    node.input.append(f"{node.name}__refitted_bias")


def _sizes(graph: onnx.ModelProto, name: str) -> np.ndarray:
    """Sum of the absolute weights of each output channel of a convolution, (outputs,) float64."""
    (node,) = (node for node in graph.graph.node if node.name == name)
    weights = constants(graph)[node.input[1]].astype(np.float64)
    channels_last = np.moveaxis(weights, 1 if node.op_type == "ConvTranspose" else 0, -1)
    return np.asarray(np.abs(channels_last).reshape(-1, channels_last.shape[-1]).sum(0))


def run_onnx(graph: onnx.ModelProto) -> Run:
    """Run a graph in ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda patch: session.run([OUTPUT], {INPUT: patch})[0]


def _candidates(graph: onnx.ModelProto) -> list[str]:
    """Names of the convolutions that can be quantised.

    Raises:
        ExportError: there are too few.
    """
    network = set(parts_of_graph(graph).network)
    found = [
        node.name
        for node in graph.graph.node
        if node.name in network and can_be_quantised(graph, node)
    ]
    if len(found) < 3:
        raise ExportError("a network this shallow has no int8: it needs three convolutions or more")
    return found


def _with_scale_last(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which the scaling of the output follows its transposition.

    The result is the same. OpenVINO would otherwise scale an int8 network's output twice, the
    second time to read its shape.
    """
    copy = onnx.ModelProto.FromString(graph.SerializeToString())
    known = constants(copy)
    if len(copy.graph.node) < 2:
        return copy
    scale, turn = copy.graph.node[-2:]
    inputs = [name for name in scale.input if name not in known]
    factors = [known[name] for name in scale.input if name in known]
    if (
        (scale.op_type, turn.op_type) != ("Mul", "Transpose")
        or (len(inputs), len(factors)) != (1, 1)
        or factors[0].size != 1
        or list(turn.input) != list(scale.output)
        or any(value.name in scale.output for value in copy.graph.output)
    ):
        return copy
    between, factor = f"{scale.name}__turned", f"{scale.name}__factor"
    copy.graph.initializer.append(numpy_helper.from_array(factors[0].reshape(()), factor))
    (order,) = (list(a.ints) for a in turn.attribute if a.name == "perm")
    nodes = [
        helper.make_node("Transpose", inputs, [between], turn.name, perm=order),
        helper.make_node("Mul", [between, factor], list(turn.output), scale.name),
    ]
    del copy.graph.node[-2:]
    copy.graph.node.extend(nodes)
    drop_unused(copy)
    return copy
