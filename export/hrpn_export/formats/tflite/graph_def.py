"""Rewrite a TensorFlow graph so that the TFLite converter takes it; results are the same."""

from typing import Any

from hrpn_export.tracing import add_constant


def prepare(definition: Any, graph: Any) -> None:
    """Rewrite what the converter cannot convert, or converts to something worse.

    Args:
        definition: ``GraphDef``, modified in place.
        graph: the graph of the definition, which knows the shapes of its values.
    """
    _bound_softplus(definition)
    _state_sizes(definition, graph)


def _bound_softplus(definition: Any) -> None:
    """Rewrite log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)).

    TFLite has no softplus, and the converter's log(1 + exp(x)) is infinite from x = 89, which
    bright places of a 16-bit slide can reach.
    """
    for node in [each for each in definition.node if each.op == "Softplus"]:
        value, kind, name = node.input[0], node.attr["T"], node.name

        def add(op: str, *inputs: str) -> str:
            made = definition.node.add(op=op, name=f"{name}/{op}", input=inputs)  # noqa: B023
            made.attr["T"].CopyFrom(kind)  # noqa: B023
            return str(made.name)

        one = add_constant(definition, f"{name}/one", 1.0, kind.type)
        small = add("Log", add("AddV2", one, add("Exp", add("Neg", add("Abs", value)))))
        node.op, node.input[:] = "AddV2", [add("Relu", value), small]


def _state_sizes(definition: Any, graph: Any) -> None:
    """State in the shape of a ``Reshape`` each size that is known, such as the channels.

    The converter finds the shapes again, and does not follow sizes that are computed by
    ``tf.repeat`` (nearest upsampling). Then it has no convolution, for lack of a number of
    channels.
    """
    for node in [each for each in definition.node if each.op == "Reshape"]:
        sizes = graph.get_operation_by_name(node.name).outputs[0].shape
        known = sizes.rank is not None and any(size is not None for size in sizes)
        if not known or sizes.is_fully_defined():
            continue
        kind = node.attr["Tshape"]
        parts = [
            _element(definition, node, place)
            if size is None
            else add_constant(definition, f"{node.name}/size_{place}", size, kind.type)
            for place, size in enumerate(sizes)
        ]
        shape = definition.node.add(op="Pack", name=f"{node.name}/sizes", input=parts)
        shape.attr["T"].CopyFrom(kind)
        shape.attr["N"].i = len(parts)
        node.input[1] = shape.name


def _element(definition: Any, node: Any, place: int) -> str:
    """One size of the shape that a ``Reshape`` is given."""
    import tensorflow as tf

    name = f"{node.name}/size_{place}"
    index = tf.int32.as_datatype_enum
    ends = [
        add_constant(definition, f"{name}/{what}", [value], index)
        for what, value in (("begin", place), ("end", place + 1), ("step", 1))
    ]
    part = definition.node.add(op="StridedSlice", name=name, input=[node.input[1], *ends])
    part.attr["T"].CopyFrom(node.attr["Tshape"])
    part.attr["Index"].type = index
    part.attr["shrink_axis_mask"].i = 1
    return str(part.name)
