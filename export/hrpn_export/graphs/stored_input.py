"""An ONNX graph that takes whole numbers, and casts them to the float32 of the graph behind."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from hrpn_export.names import INPUT

_TYPES = {"uint8": TensorProto.UINT8, "uint16": TensorProto.UINT16}
_CAST = f"{INPUT}__float32"


def write(source: Path, target: Path, type: str) -> None:
    """Write a variant of an ONNX file; see :func:`hrpn_export.stored_input.write_variants`.

    Args:
        source: file that takes float32.
        target: file to write.
        type: of its input, ``uint8`` or ``uint16``.
    """
    graph = with_stored_input(onnx.load(source), type)
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, target)


def with_stored_input(graph: onnx.ModelProto, type: str) -> onnx.ModelProto:
    """A copy of a graph with another type of its input.

    Args:
        graph: with one input, ``grey_levels``, of float32.
        type: ``uint8`` or ``uint16``.
    """
    changed = onnx.ModelProto.FromString(graph.SerializeToString())
    (given,) = (value for value in changed.graph.input if value.name == INPUT)
    for node in changed.graph.node:
        for place, name in enumerate(node.input):
            if name == INPUT:
                node.input[place] = _CAST
    given.type.tensor_type.elem_type = _TYPES[type]
    cast = helper.make_node("Cast", [INPUT], [_CAST], name=_CAST, to=TensorProto.FLOAT)
    changed.graph.node.insert(0, cast)
    stated = {each.key: each.value for each in changed.metadata_props}
    helper.set_model_props(changed, {**stated, "input_type": type})
    return changed
