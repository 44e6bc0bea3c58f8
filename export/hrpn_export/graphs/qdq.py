"""Place QuantizeLinear and DequantizeLinear so that runtimes run convolutions in int8.

The quantiser of ONNX Runtime also quantises what comes out of a convolution, twice where a
concatenation follows, and runtimes then convert back and forth. Here a value is quantised where a
convolution reads it. Parts of a concatenation are quantised before it, with one scale for all of
them, so that it copies bytes; and so are both sides of an addition whose sum is quantised.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

from hrpn_export.graphs.parts import CONVOLUTIONS
from hrpn_export.graphs.resize import parse
from hrpn_export.graphs.rewrite import constants, drop_unused

_SMALLEST = 1e-12  # a scale of zero is no scale


@dataclass
class Points:
    """Where a graph is quantised.

    Attributes:
        scales: maps each value to quantise to the one whose scale it shares.
        reads: node, index of its input, and the value that it reads quantised.
    """

    scales: dict[str, str] = field(default_factory=dict)
    reads: list[tuple[onnx.NodeProto, int, str]] = field(default_factory=list)

    def scale_of(self, value: str) -> str:
        """The value whose scale it shares; itself at first."""
        while (other := self.scales.setdefault(value, value)) != value:
            value = other
        return value


def can_be_quantised(graph: onnx.ModelProto, node: onnx.NodeProto) -> bool:
    """Whether a node is a convolution of known weights with one scale per output channel."""
    if node.op_type not in CONVOLUTIONS or node.input[1] not in _names_of_constants(graph):
        return False
    grouped = any(a.name == "group" and a.i != 1 for a in node.attribute)
    return not (grouped and node.op_type == "ConvTranspose")


def points_of(graph: onnx.ModelProto, convolutions: Collection[str]) -> Points:
    """Find what to quantise so that the named convolutions run in int8.

    Args:
        graph: float32, with a name for each node; its nodes are referred to, not copied.
        convolutions: names of convolutions.
    """
    known = _names_of_constants(graph)
    makers = {output: node for node in graph.graph.node for output in node.output}
    found = Points()

    def joins(value: str) -> bool:
        node = makers.get(value)
        return node is not None and node.op_type == "Concat" and not known & set(node.input)

    def read(node: onnx.NodeProto, place: int, value: str) -> list[str]:
        """Quantise a value, or the parts that it is joined from; returns what is quantised."""
        if not joins(value):
            found.scale_of(value)
            if (node.name, place) not in {(n.name, p) for n, p, _ in found.reads}:
                found.reads.append((node, place, value))
            return [value]
        join = makers[value]
        parts = [p for i, each in enumerate(join.input) for p in read(join, i, each)]
        for part in parts[1:]:
            found.scales[found.scale_of(part)] = found.scale_of(parts[0])
        return parts

    quantised = [node for node in graph.graph.node if node.name in convolutions]
    for node in quantised:
        read(node, 0, node.input[0])
    for value in dict.fromkeys(node.input[0] for node in quantised):
        addition = makers.get(value)
        if addition is not None and addition.op_type == "Add" and not known & set(addition.input):
            for place, part in enumerate(addition.input):
                read(addition, place, part)
    return found


def ranges_of(
    graph: onnx.ModelProto, values: Iterable[str], patches: Iterable[np.ndarray]
) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of each tensor over all patches; zero is always within.

    Args:
        graph: float32.
        values: names of tensors.
        patches: (H, W, inputs) float32 grey levels each.
    """
    import onnxruntime

    values = list(values)
    probe = onnx.ModelProto.FromString(graph.SerializeToString())
    del probe.graph.output[:]
    for number, value in enumerate(values):
        for kind in ("ReduceMin", "ReduceMax"):
            name = f"{kind}__{number}"
            probe.graph.node.append(helper.make_node(kind, [value], [name], name, keepdims=0))
            probe.graph.output.append(onnx.ValueInfoProto(name=name))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name = graph.graph.input[0].name
    ends = np.zeros(2 * len(values))
    for patch in patches:
        seen = np.asarray(session.run(None, {name: np.asarray(patch[None], np.float32)}))
        ends[::2] = np.minimum(ends[::2], seen[::2])
        ends[1::2] = np.maximum(ends[1::2], seen[1::2])
    return {v: (float(ends[2 * i]), float(ends[2 * i + 1])) for i, v in enumerate(values)}


def quantised(
    graph: onnx.ModelProto,
    convolutions: Collection[str],
    ranges: Mapping[str, tuple[float, float]],
) -> onnx.ModelProto:
    """A copy of a graph in which the named convolutions read int8.

    Weights are int8 with a scale per output channel. Values without a negative one, such as those
    of a ReLU, are uint8, which leaves them 255 steps; others are symmetric int8. Biases stay
    float32.

    Args:
        graph: float32, with a name for each node.
        convolutions: names of nodes for which :func:`can_be_quantised` holds.
        ranges: see :func:`ranges_of`; of all values in :func:`points_of`.
    """
    copy = onnx.ModelProto.FromString(graph.SerializeToString())
    points, known = points_of(copy, convolutions), constants(copy)
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for value in list(points.scales):
        shared = points.scale_of(value)
        low[shared] = min(low.get(shared, 0.0), ranges[value][0])
        high[shared] = max(high.get(shared, 0.0), ranges[value][1])
    behind: dict[str, list[onnx.NodeProto]] = {}
    for value in points.scales:
        shared = points.scale_of(value)
        behind[value] = _pair(copy, value, low[shared], high[shared])
    for node, place, value in points.reads:
        node.input[place] = behind[value][1].output[0]
    nodes = [
        _quantise_weights(copy, node, known)
        for node in copy.graph.node
        if node.name in convolutions
    ]
    for value in copy.graph.input:
        nodes += behind.get(value.name, [])
    for node in copy.graph.node:
        nodes.append(node)
        for output in node.output:
            nodes += behind.get(output, [])
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    drop_unused(copy)
    return copy


def signed(content: bytes) -> bytes:
    """The same graph with symmetric int8 in place of uint8, as TensorRT requires.

    Args:
        content: ONNX file; returned unchanged if it has no uint8 values that start at zero.
    """
    graph = parse(content) if b"QuantizeLinear" in content else None
    if graph is None:  # TensorRT reports a file that is no ONNX
        return content
    known = constants(graph)
    pairs = {
        (node.input[1], node.input[2])
        for node in graph.graph.node
        if node.op_type == "QuantizeLinear"
        and len(node.input) == 3
        and {*node.input[1:]} <= known.keys()
        and known[node.input[2]].dtype == np.uint8
        and not known[node.input[2]].any()
    }
    if not pairs:
        return content
    for scale, zero in pairs:
        wider = (known[scale].astype(np.float64) * 255 / 127).astype(np.float32)
        for name, values in ((scale, wider), (zero, np.zeros_like(known[zero], np.int8))):
            (old,) = (each for each in graph.graph.initializer if each.name == name)
            old.CopyFrom(numpy_helper.from_array(np.asarray(values), name))
    return bytes(graph.SerializeToString())


def _names_of_constants(graph: onnx.ModelProto) -> set[str]:
    return {each.name for each in graph.graph.initializer}


def _constant(graph: onnx.ModelProto, name: str, values: np.ndarray) -> str:
    graph.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    return name


def _pair(graph: onnx.ModelProto, value: str, low: float, high: float) -> list[onnx.NodeProto]:
    """QuantizeLinear and DequantizeLinear behind a value."""
    if low >= 0:
        scale, zero = high / 255, np.zeros((), np.uint8)
    else:
        scale, zero = max(-low, high) / 127, np.zeros((), np.int8)
    name = f"{value}__int8"
    ends = [
        _constant(graph, f"{name}_scale", np.asarray(max(scale, _SMALLEST), np.float32)),
        _constant(graph, f"{name}_zero", zero),
    ]
    return [
        helper.make_node("QuantizeLinear", [value, *ends], [name], f"{name}_quantize"),
        helper.make_node("DequantizeLinear", [name, *ends], [f"{name}_back"], f"{name}_dequantize"),
    ]


def _quantise_weights(
    graph: onnx.ModelProto, node: onnx.NodeProto, known: Mapping[str, np.ndarray]
) -> onnx.NodeProto:
    """Let a convolution read int8 weights; returns the node that gives them."""
    axis = 1 if node.op_type == "ConvTranspose" else 0
    weights = known[node.input[1]].astype(np.float64)
    others = tuple(i for i in range(weights.ndim) if i != axis)
    scales = np.maximum(np.abs(weights).max(axis=others, keepdims=True) / 127, _SMALLEST)
    steps = np.clip(np.rint(weights / scales), -127, 127).astype(np.int8)
    flat, name = scales.reshape(-1).astype(np.float32), f"{node.name}__weights_int8"
    inputs = [
        _constant(graph, name, steps),
        _constant(graph, f"{name}_scale", flat),
        _constant(graph, f"{name}_zero", np.zeros(len(flat), np.int8)),
    ]
    node.input[1] = f"{name}_back"
    return helper.make_node(
        "DequantizeLinear", inputs, [node.input[1]], f"{name}_dequantize", axis=axis
    )
