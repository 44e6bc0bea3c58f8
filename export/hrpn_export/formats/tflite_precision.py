"""TFLite models in float16, dynamic-range and full int8, from a float32 one.

Which operation is quantised is said for each by name: what comes before the first convolution and
after the last one is scaling between grey levels and the network's numbers, and stays float32.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from hrpn_export.errors import CalibrationError, ExportError
from hrpn_export.names import INPUT

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE", "FULLY_CONNECTED")
# What int8 runs through between two convolutions. Anything else there stays float32.
_BETWEEN = ("ADD", "CONCATENATION", "RESIZE_BILINEAR", "MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD")
_SIGNATURE = "serving_default"


def to_half(model: bytes) -> bytes:
    """Weights of convolutions in float16; what computes in float32 widens them when it loads.

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
    for kind, scope in _operations(model):
        if kind in _CONVOLUTIONS:
            quantizer.update_quantization_recipe(scope, kind, settings, "float_casting")
    return _quantized(quantizer)


def to_dynamic(model: bytes) -> bytes:
    """Weights of convolutions in int8, one scale for each channel; activations as they come.

    Args:
        model: float32 TFLite model.
    """
    quantizer = _quantizer(model)
    for kind, scope in _inner(_operations(model)):
        if kind in _CONVOLUTIONS:
            quantizer.add_dynamic_config(scope, kind, num_bits=8)
    return _quantized(quantizer)


def to_int8(model: bytes, calibration: np.ndarray | None) -> bytes:
    """Weights and activations in int8 between the first convolution and the last.

    Args:
        model: float32 TFLite model.
        calibration: (N, H, W, inputs) float32 grey levels.

    Raises:
        CalibrationError: there are no patches.
    """
    from ai_edge_quantizer import calibrator
    from ai_edge_quantizer.utils import qsv_utils

    if calibration is None or not len(calibration):
        raise CalibrationError("tflite int8 needs calibration patches, and there are none")
    quantizer = _quantizer(model)
    for kind, scope in _inner(_operations(model)):
        if kind in _CONVOLUTIONS + _BETWEEN:
            quantizer.add_static_config(scope, kind, activation_num_bits=8, weight_num_bits=8)
    # not Quantizer.calibrate, whose moving average forgets a bright patch
    ranges = calibrator.Calibrator(model, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    patches = [{INPUT: patch[None]} for patch in calibration]
    ranges.calibrate({_SIGNATURE: patches}, quantizer._recipe_manager)
    return _quantized(quantizer, ranges.get_model_qsvs())


def _quantizer(model: bytes) -> Any:
    from ai_edge_quantizer import quantizer

    return quantizer.Quantizer(bytearray(model))


def _quantized(quantizer: Any, ranges: Any = None) -> bytes:
    result = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return bytes(result.quantized_model)


def _operations(model: bytes) -> list[tuple[str, str]]:
    """Kind and a pattern that matches the name of each operation, in order of execution."""
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as tools

    parsed = tools.read_model(bytearray(model))
    (graph,) = parsed.subgraphs
    found = []
    for operation in graph.operators:
        code = parsed.operatorCodes[operation.opcodeIndex].builtinCode
        kind = tools.TFL_OP_CODE_TO_NAME.get(code)
        if kind is not None:
            scope = tools.get_op_scope(operation, graph.tensors)
            found.append((kind.value, f"^{re.escape(scope)}$"))
    return found


def _inner(operations: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Operations after the first convolution and before the last one.

    Raises:
        ExportError: there is nothing between them.
    """
    places = [i for i, (kind, _) in enumerate(operations) if kind in _CONVOLUTIONS]
    if len(places) < 3:
        raise ExportError(
            "a network of fewer than three convolutions cannot be quantised: the first and the "
            "last one stay float"
        )
    yield from operations[places[0] + 1 : places[-1]]
