"""The operations of a TFLite graph, as the quantiser names them."""

import re
from dataclasses import dataclass

from hrpn_export.errors import ExportError
from hrpn_export.graphs.parts import CONVOLUTIONS, Operation, parts_of


@dataclass(frozen=True)
class Scope:
    """An operation.

    Attributes:
        kind: its type.
        name: that of its outputs.
    """

    kind: str
    name: str

    @property
    def pattern(self) -> str:
        """Regular expression of its name, which a recipe of the quantiser asks for."""
        return f"^{re.escape(self.name)}$"

    @property
    def multiplies(self) -> bool:
        """Whether it has weights."""
        return self.kind in CONVOLUTIONS


@dataclass(frozen=True)
class Scopes:
    """Operations of the network, by what is done with them.

    Attributes:
        convolutions: all convolutions.
        last: names of the outputs of the last convolutions.
        inner: convolutions and operations between them, without the first and last convolutions.
    """

    convolutions: tuple[Scope, ...]
    last: tuple[str, ...]
    inner: tuple[Scope, ...]


def scopes_of(model: bytes) -> Scopes:
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
        scopes[str(place)] = Scope(name, tools.get_op_scope(operation, graph.tensors))
    parts = parts_of(operations, int(graph.inputs[0]))
    network = [scopes[each] for each in parts.network]
    inner = [scopes[each] for each in parts.inner]
    if not any(each.multiplies for each in inner):
        raise ExportError(
            "a network of fewer than three convolutions has float32 only: the first and the last "
            "stay as they are"
        )
    last = [graph.tensors[graph.operators[int(p)].outputs[0]].name.decode() for p in parts.last]
    return Scopes(tuple(each for each in network if each.multiplies), tuple(last), tuple(inner))
