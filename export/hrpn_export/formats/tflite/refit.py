"""Correct the last convolution of an int8 TFLite model; see :mod:`hrpn_export.formats.refit`."""

from typing import Any

import numpy as np

from hrpn_export.errors import ExportError
from hrpn_export.formats.refit import Run, convolution_of_prediction, gain_and_offset
from hrpn_export.formats.tflite.operations import scopes_of
from hrpn_export.names import INPUT, OUTPUT, SIGNATURE


def run_tflite(model: bytes) -> Run:
    """Run a TFLite model on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    runner = interpreter.get_signature_runner(SIGNATURE)
    return lambda patch: runner(**{INPUT: patch})[OUTPUT]


def refitted(model: bytes, quantised: bytes, patches: np.ndarray) -> bytes:
    """``quantised`` with a corrected last convolution; see :mod:`hrpn_export.formats.refit`.

    Args:
        model: float32.
        quantised: int8.
        patches: (N, H, W, inputs) float32 grey levels.
    """

    def changed(name: str, gain: np.ndarray, offset: np.ndarray) -> bytes:
        copy = bytearray(quantised)
        weights, bias = _last_constants(copy, name)
        weights *= gain[:, None].astype(np.float32)
        bias[:] = bias * gain + offset
        return bytes(copy)

    def size(name: str) -> np.ndarray:
        weights, _ = _last_constants(bytearray(quantised), name)
        return np.asarray(np.abs(weights).sum(1), np.float64)

    sizes = {name: size(name) for name in scopes_of(model).last}

    def moved(name: str) -> Run:
        return run_tflite(changed(name, np.ones_like(sizes[name]), sizes[name]))

    name = convolution_of_prediction(list(sizes), moved, patches[0], run_tflite(quantised))
    if name is None:  # unknown which convolution makes the prediction
        return quantised
    fit = gain_and_offset(
        run_tflite(model), lambda *fit: run_tflite(changed(name, *fit)), patches, sizes[name]
    )
    return changed(name, *fit)


def _last_constants(model: bytearray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Weights (outputs, rest) and bias (outputs,) of a convolution, as views of the bytes."""
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as tools

    parsed = tools.read_model(memoryview(model))  # large buffers are views of a view only
    (graph,) = parsed.subgraphs
    for operation in graph.operators:
        if graph.tensors[operation.outputs[0]].name.decode() == name:
            places = _constants_of(operation, parsed)
            buffers = [graph.tensors[place].buffer for place in places]
            constants = [np.frombuffer(parsed.buffers[b].data, np.float32) for b in buffers]
            # a buffer shared with another operation must not change
            if any(sum(t.buffer == each for t in graph.tensors) > 1 for each in buffers):
                constants = [each.copy() for each in constants]
            weights = constants[0].reshape(graph.tensors[places[0]].shape[0], -1)
            # a bias of zeros is left out of a transposed convolution; there is none to correct
            return weights, constants[1] if len(constants) > 1 else np.zeros(len(weights), "f4")
    raise ExportError(f"the last convolution, {name}, is not in the int8 graph")


def _constants_of(operation: Any, parsed: Any) -> list[int]:
    """Tensors of weights (outputs, ...) and bias of a convolution."""
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as tools

    code = parsed.operatorCodes[operation.opcodeIndex].builtinCode
    inputs = [int(place) for place in operation.inputs]
    # the transposed one takes its size, weights, image and bias; others image, weights and bias
    transposed = code == tools.qtyping.BuiltinOperator.TRANSPOSE_CONV
    return [*inputs[1:2], *inputs[3:]] if transposed else inputs[1:3]
