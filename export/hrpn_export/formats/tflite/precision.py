"""TFLite models in float16, dynamic-range and full int8, from a float32 one.

The recipe names each operation to quantise. Operations before the first convolution and after the
last one scale grey levels, and stay float32. So do those that :mod:`hrpn_export.formats.choice`
finds.
"""

import io
import logging
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Any

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import QuantisationError
from hrpn_export.formats.choice import Choice, Loss, choose_layers
from hrpn_export.formats.refit import Run
from hrpn_export.formats.tflite.operations import Scope, scopes_of
from hrpn_export.formats.tflite.refit import refitted, run_tflite
from hrpn_export.gains import with_gains
from hrpn_export.names import INPUT, SIGNATURE

# Operations between convolutions that are quantised; others there stay float32.
_BETWEEN = ("ADD", "CONCATENATION", "RESIZE_BILINEAR", "MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD")
# Goal of dynamic for the largest difference from float32, grey levels of 255. Its scales are those
# of a tile: one with a bright place differs from the next one by about as much. The certificate
# allows 1.
_APART = 2.0
# Patches and measured targets that choose the operations which stay float32.
Selection = tuple[np.ndarray, np.ndarray]
_log = logging.getLogger(__name__)


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
    for each in scopes_of(model).convolutions:
        quantizer.update_quantization_recipe(each.pattern, each.kind, settings, "float_casting")
    return _quantized(quantizer)


def to_dynamic(
    model: bytes,
    patches: np.ndarray | None,
    contract: Contract,
    selection: Selection | None = None,
) -> tuple[bytes, Choice]:
    """Store the weights of convolutions in int8, one scale per channel; quantise activations live.

    The range of the activations is taken from each image, so a prediction depends slightly on the
    rest of its tile.

    Args:
        model: float32 TFLite model.
        patches: (N, H, W, inputs) float32 grey levels that correct the last convolution; without
            any, it is as it was, and none stays float32.
        contract: contract of the model.
        selection: patches and measured targets that choose the convolutions which stay float32;
            None to choose them on ``patches``.

    Returns:
        The model, and which convolutions stay float32.
    """
    # transposed ones have no fast kernel for this: they would take three times as long
    inner = [x for x in scopes_of(model).inner if x.multiplies and x.kind != "CONV_2D_TRANSPOSE"]

    def build(chosen: Collection[str]) -> bytes:
        quantizer = _quantizer(model)
        for each in inner:
            if each.name in chosen:
                quantizer.add_dynamic_config(each.pattern, each.kind, num_bits=8)
        return _quantized(quantizer)

    if patches is None or not len(patches):
        return build([each.name for each in inner]), Choice((), 0.0, 1)
    made, choice = _chosen(model, inner, build, selection or (patches, None), contract, _APART)
    return refitted(model, made, patches), choice


def to_int8(
    model: bytes,
    calibration: np.ndarray | None,
    contract: Contract,
    selection: Selection | None = None,
) -> tuple[bytes, Choice]:
    """Quantise weights and activations to int8 between the first convolution and the last.

    Args:
        model: float32 TFLite model.
        calibration: (N, H, W, inputs) float32 grey levels; also with the gains of
            :mod:`hrpn_export.gains`.
        contract: contract of the model.
        selection: patches and measured targets that choose the operations which stay float32;
            None to choose them on the calibration patches.

    Returns:
        The model, and which operations stay float32.

    Raises:
        QuantisationError: there are no patches.
        ExportError: the network has too few convolutions to be quantised.
    """
    if calibration is None or not len(calibration):
        raise QuantisationError("tflite int8 needs calibration patches, and there are none")
    inner = [x for x in scopes_of(model).inner if x.multiplies or x.kind in _BETWEEN]
    ranges = _ranges(model, inner, with_gains(calibration, contract.grey_max))

    def build(chosen: Collection[str]) -> bytes:
        return _quantized(_static(model, [x for x in inner if x.name in chosen]), ranges)

    made, choice = _chosen(model, inner, build, selection or (calibration, None), contract)
    return refitted(model, made, calibration), choice


def _chosen(
    model: bytes,
    scopes: Sequence[Scope],
    build: Callable[[Collection[str]], bytes],
    selection: tuple[np.ndarray, np.ndarray | None],
    contract: Contract,
    apart: float | None = None,
) -> tuple[bytes, Choice]:
    """The model in which as many operations are quantised as the loss allows.

    Args:
        model: float32.
        scopes: operations that can be quantised.
        build: makes the model in which the named ones are.
        selection: patches, and measured targets or None.
        contract: contract of the model.
        apart: see :class:`~hrpn_export.formats.choice.Loss`.
    """

    def run(chosen: Collection[str]) -> Run:
        return run_tflite(build(chosen))

    names = [each.name for each in scopes]
    loss = Loss(run_tflite(model), *selection, contract.points, contract.grey_max, apart)
    choice = choose_layers(names, run, loss, _log.info)
    return build([name for name in names if name not in choice.floats]), choice


def _static(model: bytes, scopes: Sequence[Scope]) -> Any:
    """A quantiser that makes these operations int8."""
    quantizer = _quantizer(model)
    for each in scopes:
        quantizer.add_static_config(
            each.pattern, each.kind, activation_num_bits=8, weight_num_bits=8
        )
    return quantizer


def _ranges(model: bytes, scopes: Sequence[Scope], patches: np.ndarray) -> Any:
    """Least and largest value of each tensor that these operations take or give."""
    from ai_edge_quantizer import calibrator
    from ai_edge_quantizer.utils import qsv_utils

    # not Quantizer.calibrate, whose moving average forgets a bright patch
    with _quiet():
        ranges = calibrator.Calibrator(
            model, num_threads=1, qsv_update_func=qsv_utils.min_max_update
        )
        given = [{INPUT: patch[None]} for patch in patches]
        ranges.calibrate({SIGNATURE: given}, _static(model, scopes)._recipe_manager)
    return ranges.get_model_qsvs()


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
