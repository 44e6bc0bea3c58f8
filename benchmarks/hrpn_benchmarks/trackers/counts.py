"""Parameters and operations of a bundle's network, counted in its ONNX file.

``onnx`` infers shapes but counts nothing. ``onnx-tool`` also counts element-wise operations, so
that its numbers differ from those in papers.
"""

import math
from dataclasses import dataclass
from typing import Any

from hrpn_export import Bundle

from hrpn_benchmarks.errors import InstrumentError

# Precisions to count in, in this order: float32 is the trained network.
_ORDER = ("fp32", "fp16", "int8")
_CONVOLUTIONS = ("Conv", "ConvTranspose")
_PRODUCTS = ("MatMul", "Gemm")


@dataclass(frozen=True)
class Counts:
    """Size of a network.

    Attributes:
        parameters: constants of its convolutions and matrix products, biases included.
        macs: multiply-accumulate operations of these for one tile.
    """

    parameters: int
    macs: int


def count(bundle: Bundle, side: int) -> Counts:
    """Count the network of a bundle for a tile of (side, side) px.

    The export folds batch normalisation into the convolutions, so there are fewer parameters than
    in the Keras model. Normalisation, resizing and element-wise work do not count as operations,
    as in the project's tables of networks.

    Raises:
        InstrumentError: the bundle has no ONNX file, or its shapes are unknown.
    """
    there = {a.precision: a.path for a in bundle.manifest.artefacts if a.format == "onnx"}
    chosen = [there[precision] for precision in _ORDER if precision in there]
    if not chosen:
        raise InstrumentError("counted in ONNX files, and the bundle holds none")
    import onnx

    try:
        model = onnx.load(str(bundle.path / chosen[0]))
        return count_onnx(model, side)
    except (OSError, ValueError, onnx.shape_inference.InferenceError) as error:
        line = " ".join(str(error).split())
        raise InstrumentError(f"{chosen[0]} cannot be counted: {line[:200]}") from None


def try_to_count(bundle: Bundle | None, side: int) -> Counts | str:
    """Like :func:`count`, but give the reason in one line if it fails.

    Args:
        bundle: None for a baseline implementation.
        side: side of a tile, px.
    """
    if bundle is None:
        return "its process did not count them"
    try:
        return count(bundle, side)
    except InstrumentError as error:
        return str(error)


def count_onnx(model: Any, side: int) -> Counts:
    """Count a graph with one input (batch, height, width, channels) for one tile.

    Args:
        model: ``onnx.ModelProto``; modified in place.
        side: side of the tile, px.

    Raises:
        InstrumentError: the shape of a tensor is needed but unknown.
    """
    graph = _Graph(model, side)
    parameters: dict[str, int] = {}
    macs = 0
    for node in model.graph.node:
        if node.op_type not in (*_CONVOLUTIONS, *_PRODUCTS):
            continue
        learnt = [name for name in node.input if name and graph.is_constant(name)]
        parameters |= {name: math.prod(graph.shape(name)) for name in learnt}
        macs += _macs(node, graph)
    return Counts(sum(parameters.values()), macs)


def _macs(node: Any, graph: "_Graph") -> int:
    source, weight = graph.shape(node.input[0]), graph.shape(node.input[1])
    output = graph.shape(node.output[0])
    if node.op_type in _PRODUCTS:
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return math.prod(output) * source[-2 if transposed else -1]
    if node.op_type == "ConvTranspose":  # weights (in, out / group, ...) spread each input pixel
        return math.prod(source) * math.prod(weight[1:])
    return math.prod(output) * math.prod(weight[1:])  # (out, in / group, ...)


class _Graph:
    """Shapes and constants of a graph for one tile."""

    def __init__(self, model: Any, side: int) -> None:
        import onnx

        graph = model.graph
        self._constants = {each.name for each in graph.initializer}
        self._shapes = {each.name: tuple(each.dims) for each in graph.initializer}
        (source,) = [each for each in graph.input if each.name not in self._constants]
        sizes = source.type.tensor_type.shape.dim
        if len(sizes) != 4:
            raise InstrumentError(f"the ONNX input has {len(sizes)} dimensions in place of 4")
        for size, value in zip(sizes[:3], (1, side, side), strict=True):
            size.dim_value = value
        for output in graph.output:  # inference would keep the symbolic names of its dimensions
            output.type.tensor_type.ClearField("shape")
        del graph.value_info[:]
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
        for value in (*inferred.input, *inferred.value_info, *inferred.output):
            if all(size.HasField("dim_value") for size in value.type.tensor_type.shape.dim):
                dims = value.type.tensor_type.shape.dim
                self._shapes[value.name] = tuple(size.dim_value for size in dims)
        for node in graph.node:  # in the order of execution, so its inputs come first
            if all(name in self._constants for name in node.input if name):
                self._constants.update(node.output)

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is the same for every input, in any precision."""
        return name in self._constants

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor.

        Raises:
            InstrumentError: the shape is unknown.
        """
        if name not in self._shapes:
            raise InstrumentError(f"the shape of {name} in the ONNX graph cannot be told")
        return self._shapes[name]
