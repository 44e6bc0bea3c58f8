"""A TFLite file that takes whole numbers, and casts them to the float32 of the graph behind."""

import copy
from pathlib import Path
from typing import Any

_CAST_NAME = b"grey_levels_float32"


def write(source: Path, target: Path, type: str) -> None:
    """Write a variant of a TFLite file; see :func:`hrpn_export.stored_input.write_variants`.

    Args:
        source: file that takes float32.
        target: file to write.
        type: of its input, ``uint8`` or ``uint16``.
    """
    target.write_bytes(with_stored_input(source.read_bytes(), type))


def with_stored_input(model: bytes, type: str) -> bytes:
    """A copy of a model whose input has another type, with a cast as its first operation.

    Args:
        model: with one input of float32.
        type: ``uint8`` or ``uint16``.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as tools

    parsed = tools.read_model(bytearray(model))
    (graph,) = parsed.subgraphs
    place = int(graph.inputs[0])
    kind = getattr(schema.TensorType, type.upper())
    inner: Any = graph.tensors[place]
    outer = copy.copy(inner)
    outer.type, inner.name = kind, _CAST_NAME
    graph.tensors.append(outer)
    new = len(graph.tensors) - 1
    graph.operators.insert(0, _cast(parsed, schema, new, place, kind))
    graph.inputs = [new]
    for each in parsed.signatureDefs or []:
        for tensor in each.inputs:
            if tensor.tensorIndex == place:
                tensor.tensorIndex = new
    return bytes(tools.flatbuffer_utils.convert_object_to_bytearray(parsed))


def _cast(parsed: Any, schema: Any, given: int, result: int, kind: int) -> Any:
    """The operation, whose code is added to the model if it is not there."""
    cast = schema.BuiltinOperator.CAST
    codes = [code.builtinCode for code in parsed.operatorCodes]
    if cast not in codes:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = cast
        code.version = 1
        parsed.operatorCodes.append(code)
        codes.append(cast)
    operation = schema.OperatorT()
    operation.opcodeIndex = codes.index(cast)
    operation.inputs, operation.outputs = [given], [result]
    operation.builtinOptionsType = schema.BuiltinOptions.CastOptions
    operation.builtinOptions = schema.CastOptionsT()
    operation.builtinOptions.inDataType = kind
    operation.builtinOptions.outDataType = schema.TensorType.FLOAT32
    return operation
