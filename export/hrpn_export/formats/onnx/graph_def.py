"""Rewrite a TensorFlow graph so that tf2onnx takes it; results are the same."""

from typing import Any

from hrpn_export.tracing import add_constant

# Keras compiles a grouped convolution with XLA; tf2onnx reads only functions that are not.
_COMPILED = ("_XlaMustCompile", "_XlaHasReferenceVars")


def prepare(definition: Any, graph: Any) -> None:
    """Rewrite what tf2onnx cannot convert.

    Args:
        definition: ``GraphDef``, modified in place.
        graph: the graph of the definition.
    """
    functions = definition.library.function
    for part in (*definition.node, *(node for each in functions for node in each.node_def)):
        for name in _COMPILED:
            part.attr.pop(name, None)
    for each in functions:
        for name in _COMPILED:
            each.attr.pop(name, None)
    for node in [each for each in definition.node if each.op == "Erfc"]:
        _without_erfc(definition, node)


def _without_erfc(definition: Any, node: Any) -> None:
    """Rewrite erfc(x), as in the exact GELU, as 1 - erf(x), which ONNX has."""
    kind = node.attr["T"]
    erf = definition.node.add(op="Erf", name=f"{node.name}/erf", input=[node.input[0]])
    erf.attr["T"].CopyFrom(kind)
    one = add_constant(definition, f"{node.name}/one", 1.0, kind.type)
    node.op, node.input[:] = "Sub", [one, erf.name]
