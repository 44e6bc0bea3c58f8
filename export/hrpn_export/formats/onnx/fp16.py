"""ONNX in float16, with float32 grey levels in and out."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hrpn_export.errors import ExportError
from hrpn_export.graphs.rewrite import constants, parts_of_graph

# Indices of inputs that are float32 by the definition of the operator.
_ALWAYS_FLOAT = {"Resize": (1, 2)}


def to_half(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Make a float16 copy of a float32 graph.

    The network itself is float16, from the first convolution up to the last. These stay float32:
    the scaling at both ends, since grey levels reach 65535 while float16 ends at 65504 with steps
    of 32; the last convolution, whose rounding would be in grey levels; and values computed from
    the size of the input, such as sampling positions.

    ONNX Runtime's converter is not used because it also converts the input to float16.

    Args:
        graph: float32, with a name for each node.

    Raises:
        ExportError: the network has fewer than two convolutions.
    """
    parts = parts_of_graph(graph)
    halved = set(parts.network) - set(parts.last)
    if not halved:
        raise ExportError(
            "a network of fewer than two convolutions has no float16: the last stays float32"
        )
    half = onnx.ModelProto.FromString(graph.SerializeToString())
    _Halver(half, halved).run()
    return half


class _Halver:
    """Rewrites one graph.

    Args:
        graph: modified in place.
        halved: names of the nodes that compute in float16.
    """

    def __init__(self, graph: onnx.ModelProto, halved: set[str]) -> None:
        self.graph, self.halved = graph.graph, halved
        self.constants = constants(graph)
        self.floats = _float_values(graph)
        nodes = [node for node in self.graph.node if node.name in halved]
        self.half_values = {v for node in nodes for v in node.output if v in self.floats}
        self.nodes: list[onnx.NodeProto] = []
        self.casts: dict[str, str] = {}

    def run(self) -> None:
        """Insert casts where float32 meets float16, and convert the weights to float16."""
        for node in list(self.graph.node):
            half = node.name in self.halved
            always = _ALWAYS_FLOAT.get(node.op_type, ())
            for place, name in enumerate(node.input):
                if name and name in self.floats and place not in always:
                    node.input[place] = self._as_half(name) if half else self._as_float(name)
            self.nodes.append(node)
        for value in self.graph.output:
            if value.name in self.half_values:
                raise ExportError("an output of the network would be float16")
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in self.nodes]
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        used = {name for node in nodes for name in node.input}
        kept = [each for each in self.graph.initializer if each.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)

    def _as_half(self, name: str) -> str:
        if name in self.half_values:
            return name
        if name not in self.constants:
            return self._cast(name, TensorProto.FLOAT16)
        if name not in self.casts:
            self.casts[name] = f"{name}__half"
            values = self.constants[name].astype(np.float16)
            self.graph.initializer.append(numpy_helper.from_array(values, self.casts[name]))
        return self.casts[name]

    def _as_float(self, name: str) -> str:
        return self._cast(name, TensorProto.FLOAT) if name in self.half_values else name

    def _cast(self, name: str, kind: int) -> str:
        if name not in self.casts:
            self.casts[name] = f"{name}__cast"
            self.nodes.append(
                helper.make_node("Cast", [name], [self.casts[name]], f"{name}__cast", to=kind)
            )
        return self.casts[name]


def _float_values(graph: onnx.ModelProto) -> set[str]:
    """Names of all float32 values and constants."""
    inferred = onnx.shape_inference.infer_shapes(graph, strict_mode=True).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    found = {v.name for v in values if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    return found | {each.name for each in graph.graph.initializer if each.data_type == 1}
