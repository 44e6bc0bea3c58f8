"""What a network of a bundle is and does, counted in its ONNX file: parameters and operations.

``onnx`` infers the shapes but counts nothing. ``onnx-tool`` counts element-wise work, too, so that
its figures are not those that papers give for networks.
"""

import math
from dataclasses import dataclass
from typing import Any

from hrpn_export import Bundle

from hrpn_benchmarks.errors import InstrumentError

# By which precision, if there are several: float32 is what was trained.
_ORDER = ("fp32", "fp16", "int8")
_CONVOLUTIONS = ("Conv", "ConvTranspose")
_PRODUCTS = ("MatMul", "Gemm")


@dataclass(frozen=True)
class Counts:
    """Of one network.

    Attributes:
        parameters: constants of its convolutions and matrix products, biases included.
        macs: multiplications with addition of those, for one tile.
    """

    parameters: int
    macs: int


def count(bundle: Bundle, side: int) -> Counts:
    """Count the network of a bundle for a tile of (side, side) px.

    A batch normalisation that the export folded into its convolution is counted with that one's
    weights and bias, so there are fewer parameters than in the Keras model; normalisation,
    resizing and element-wise work are no operations, as in the project's tables of networks.

    Raises:
        InstrumentError: the bundle has no ONNX file, or its shapes cannot be told.
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
    """As :func:`count`, or in a line why not; None stands for a peer."""
    if bundle is None:
        return "its process did not count them"
    try:
        return count(bundle, side)
    except InstrumentError as error:
        return str(error)


def count_onnx(model: Any, side: int) -> Counts:
    """Count a graph with one input (batch, height, width, channels) for a tile of that side.

    Args:
        model: ``onnx.ModelProto``; it is changed.
        side: px.

    Raises:
        InstrumentError: the shape of a tensor that matters cannot be told.
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
    if node.op_type == "ConvTranspose":  # (in, out / group, ...): each input pixel is spread
        return math.prod(source) * math.prod(weight[1:])
    return math.prod(output) * math.prod(weight[1:])  # (out, in / group, ...)


class _Graph:
    """Shapes and constants of a graph for one tile of a side."""

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
        for output in graph.output:  # what is stated with names would stay so
            output.type.tensor_type.ClearField("shape")
        del graph.value_info[:]
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
        for value in (*inferred.input, *inferred.value_info, *inferred.output):
            if all(size.HasField("dim_value") for size in value.type.tensor_type.shape.dim):
                dims = value.type.tensor_type.shape.dim
                self._shapes[value.name] = tuple(size.dim_value for size in dims)
        for node in graph.node:  # in the order of execution, so its inputs were seen
            if all(name in self._constants for name in node.input if name):
                self._constants.update(node.output)

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is the same for every input: stored, perhaps in int8."""
        return name in self._constants

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor.

        Raises:
            InstrumentError: it cannot be told.
        """
        if name not in self._shapes:
            raise InstrumentError(f"the shape of {name} in the ONNX graph cannot be told")
        return self._shapes[name]
