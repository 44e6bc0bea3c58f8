"""ONNX for bfloat16: float32 weights, which OpenVINO rounds where the processor has bfloat16."""

import numpy as np
import onnx

from hrpn_export.formats.onnx.int8 import refit
from hrpn_export.formats.refit import Run
from hrpn_export.names import OUTPUT

_MOST_PATCHES = 16


def to_bfloat16(graph: onnx.ModelProto, patches: np.ndarray | None) -> onnx.ModelProto:
    """Make a copy of a float32 graph that is right when it is computed in bfloat16.

    ONNX Runtime has no convolution in bfloat16, so the file stays float32, and the session computes
    in bfloat16. Only the last convolution differs: rounding shifts the mean of the prediction,
    always in the same direction, and a gain and an offset undo that.

    Args:
        graph: float32, with a name for each node.
        patches: (N, H, W, inputs) float32 grey levels; None to leave the last convolution.
    """
    copy = onnx.ModelProto.FromString(graph.SerializeToString())
    if patches is not None and len(patches):
        refit(graph, copy, patches[:: -(-len(patches) // _MOST_PATCHES)], _run)
    return copy


def _run(graph: onnx.ModelProto) -> Run:
    from hrpn_export.runtimes.openvino import compiled, core

    model = compiled(core().read_model(graph.SerializeToString()), "bf16", None)
    return lambda patch: np.array(model([patch])[OUTPUT])
