"""TFLite models in float16, dynamic-range and full int8, from a float32 one.

The recipe names each operation to quantise. Operations before the first convolution and after the
last one scale grey levels, and stay float32.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_export.errors import CalibrationError, ExportError
from hrpn_export.formats.refit import Run, convolution_of_prediction, gain_and_offset
from hrpn_export.gains import with_gains
from hrpn_export.graphs.parts import CONVOLUTIONS, Operation, parts_of
from hrpn_export.names import INPUT, OUTPUT

# Operations between convolutions that are quantised; others there stay float32.
_BETWEEN = ("ADD", "CONCATENATION", "RESIZE_BILINEAR", "MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD")
_SIGNATURE = "serving_default"


def to_half(model: bytes) -> bytes:
    """Store the weights of convolutions in float16; runtimes that compute in float32 widen them.

    Args:
        model: float32 TFLite model.
    """
    from ai_edge_quantizer import qtyping

    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    settings = qtyping.OpQuantizationConfig(
        weight_tensor_config=weights,
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    quantizer = _quantizer(model)
    for kind, scope in _scopes(model).convolutions:
        quantizer.update_quantization_recipe(scope, kind, settings, "float_casting")
    return _quantized(quantizer)


def to_dynamic(model: bytes) -> bytes:
    """Store the weights of convolutions in int8, one scale per channel; quantise activations live.

    The range of the activations is taken from each image, so a prediction depends slightly on the
    rest of its tile.

    Args:
        model: float32 TFLite model.
    """
    quantizer = _quantizer(model)
    for kind, scope in _scopes(model).inner:
        # transposed ones have no fast kernel for this: they would take three times as long
        if kind in CONVOLUTIONS and kind != "CONV_2D_TRANSPOSE":
            quantizer.add_dynamic_config(scope, kind, num_bits=8)
    return _quantized(quantizer)


def to_int8(model: bytes, calibration: np.ndarray | None, grey_max: float) -> bytes:
    """Quantise weights and activations to int8 between the first convolution and the last.

    Args:
        model: float32 TFLite model.
        calibration: (N, H, W, inputs) float32 grey levels; also with the gains of
            :mod:`hrpn_export.gains`.
        grey_max: largest grey level.

    Raises:
        CalibrationError: there are no patches.
    """
    from ai_edge_quantizer import calibrator
    from ai_edge_quantizer.utils import qsv_utils

    if calibration is None or not len(calibration):
        raise CalibrationError("tflite int8 needs calibration patches, and there are none")
    quantizer = _quantizer(model)
    for kind, scope in _scopes(model).inner:
        if kind in CONVOLUTIONS.union(_BETWEEN):
            quantizer.add_static_config(scope, kind, activation_num_bits=8, weight_num_bits=8)
    # not Quantizer.calibrate, whose moving average forgets a bright patch
    with _quiet():
        ranges = calibrator.Calibrator(
            model, num_threads=1, qsv_update_func=qsv_utils.min_max_update
        )
    patches = [{INPUT: patch[None]} for patch in with_gains(calibration, grey_max)]
    with _quiet():
        ranges.calibrate({_SIGNATURE: patches}, quantizer._recipe_manager)
    return _refitted(model, _quantized(quantizer, ranges.get_model_qsvs()), calibration)


def _refitted(model: bytes, quantised: bytes, patches: np.ndarray) -> bytes:
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

    sizes = {name: size(name) for name in _scopes(model).last}

    def moved(name: str) -> Run:
        return _run(changed(name, np.ones_like(sizes[name]), sizes[name]))

    name = convolution_of_prediction(list(sizes), moved, patches[0], _run(quantised))
    if name is None:  # unknown which convolution makes the prediction
        return quantised
    fit = gain_and_offset(_run(model), lambda *fit: _run(changed(name, *fit)), patches, sizes[name])
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


def _run(model: bytes) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    runner = interpreter.get_signature_runner(_SIGNATURE)
    return lambda patch: runner(**{INPUT: patch})[OUTPUT]


def _quantizer(model: bytes) -> Any:
    from ai_edge_quantizer import quantizer

    return quantizer.Quantizer(bytearray(model))


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress progress bars, and the warning that the values of a patch take memory."""
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore", UserWarning)
        yield


def _quantized(quantizer: Any, ranges: Any = None) -> bytes:
    with _quiet():
        result = quantizer.quantize(ranges, enable_progress_report=False)
    return bytes(result.quantized_model)


@dataclass(frozen=True)
class _Scopes:
    """Kinds and name patterns of operations, as the recipe of the quantiser needs them.

    Attributes:
        convolutions: all convolutions.
        last: names of the outputs of the last convolutions.
        inner: convolutions and operations between them, without the first and last convolutions.
    """

    convolutions: tuple[tuple[str, str], ...]
    last: tuple[str, ...]
    inner: tuple[tuple[str, str], ...]


def _scopes(model: bytes) -> _Scopes:
    """The operations of the network.

    Raises:
        ExportError: there is no convolution between the first and the last one.
    """
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as tools

    parsed = tools.read_model(bytearray(model))
    (graph,) = parsed.subgraphs
    operations, scopes = [], {}
    for place, operation in enumerate(graph.operators):
        code = parsed.operatorCodes[operation.opcodeIndex].builtinCode
        kind = tools.TFL_OP_CODE_TO_NAME.get(code)
        name = "SHAPE" if code == tools.qtyping.BuiltinOperator.SHAPE else f"code {code}"
        name = name if kind is None else kind.value
        inputs, outputs = (tuple(map(int, each)) for each in (operation.inputs, operation.outputs))
        operations.append(Operation(str(place), name, inputs, outputs))
        scope = re.escape(tools.get_op_scope(operation, graph.tensors))
        scopes[str(place)] = (name, f"^{scope}$")
    parts = parts_of(operations, int(graph.inputs[0]))
    network = [scopes[each] for each in parts.network]
    inner = [scopes[each] for each in parts.inner]
    if not any(kind in CONVOLUTIONS for kind, _ in inner):
        raise ExportError(
            "a network of fewer than three convolutions has float32 only: the first and the last "
            "stay as they are"
        )
    last = [graph.tensors[graph.operators[int(p)].outputs[0]].name.decode() for p in parts.last]
    return _Scopes(
        tuple(each for each in network if each[0] in CONVOLUTIONS), tuple(last), tuple(inner)
    )
