"""State the padding of convolutions and pools in numbers, where it is the same for every size.

TensorFlow pads "the same" by a rule that depends on the size of the image, and tf2onnx passes the
rule on as ``auto_pad``. Some runtimes do not follow it: ONNX Runtime on WebGPU gives wrong values.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from hrpn_export.errors import ExportError
from hrpn_export.graphs.rewrite import constants, shapes_of

_PADDED = ("Conv", "MaxPool", "AveragePool", "LpPool")


def with_explicit_pads(graph: onnx.ModelProto, inputs: int, multiple: int) -> None:
    """Replace ``auto_pad`` by ``pads`` in place. Results are the same, bit for bit.

    With a stride of 1 the padding never depends on the size. With a larger stride it does not
    where the size is a multiple of the stride, for every size of the input that the model takes;
    the shapes of three sizes prove that. Elsewhere a convolution gets a ``Pad`` that computes its
    padding from the size.

    Args:
        graph: one input (N, H, W, inputs), NCHW inside.
        inputs: number of input channels.
        multiple: height and width of an input are multiples of this, px.

    Raises:
        ExportError: a pool has a padding that depends on the size.
    """
    nodes = [node for node in graph.graph.node if node.op_type in _PADDED and _rule(node)]
    strided = [node for node in nodes if _rule(node) != "VALID" and max(_steps(node)) > 1]
    names = sorted({node.input[0] for node in strided})
    shapes = list(shapes_of(graph, names, inputs, multiple))
    for node in nodes:
        rule, kernel, steps = _rule(node), _extent(graph, node), _steps(node)
        if rule == "VALID":
            _state(node, [0] * 2 * len(steps))
            continue
        sides = [shape[node.input[0]][2:] for shape in shapes if node.input[0] in shape]
        if not any(side % step for each in sides for side, step in zip(each, steps, strict=True)):
            total = [max(k - s, 0) for k, s in zip(kernel, steps, strict=True)]
            before = [each // 2 if rule == "SAME_UPPER" else -(-each // 2) for each in total]
            _state(node, [*before, *(t - b for t, b in zip(total, before, strict=True))])
        elif node.op_type == "Conv" and rule == "SAME_UPPER":
            _pad_first(graph, node, kernel, steps)
        else:
            raise ExportError(
                f"{node.name}: the padding of this pool with stride {max(steps)} depends on the "
                "size of the image; state a larger stride_multiple in the contract"
            )


def _rule(node: onnx.NodeProto) -> str:
    """``SAME_UPPER``, ``SAME_LOWER``, ``VALID``; empty if the padding is stated."""
    found = [each.s.decode() for each in node.attribute if each.name == "auto_pad"]
    return "" if found in ([], ["NOTSET"]) else found[0]


def _values(node: onnx.NodeProto, name: str) -> list[int]:
    return next((list(each.ints) for each in node.attribute if each.name == name), [])


def _steps(node: onnx.NodeProto) -> list[int]:
    return _values(node, "strides") or [1, 1]


def _extent(graph: onnx.ModelProto, node: onnx.NodeProto) -> list[int]:
    """Height and width of a kernel with its holes, px."""
    sides = _values(node, "kernel_shape") or list(constants(graph)[node.input[1]].shape[2:])
    holes = _values(node, "dilations") or [1, 1]
    return [(side - 1) * hole + 1 for side, hole in zip(sides, holes, strict=True)]


def _state(node: onnx.NodeProto, pads: Sequence[int]) -> None:
    kept = [each for each in node.attribute if each.name not in ("auto_pad", "pads")]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("pads", list(pads))])


def _pad_first(
    graph: onnx.ModelProto, node: onnx.NodeProto, kernel: Sequence[int], steps: Sequence[int]
) -> None:
    """Put a ``Pad`` before a convolution that computes the padding from the size of its input."""
    name, source = node.name, node.input[0]
    made: list[onnx.NodeProto] = []

    def constant(what: str, values: Sequence[int]) -> str:
        array = numpy_helper.from_array(np.asarray(values, np.int64), f"{name}__{what}")
        graph.graph.initializer.append(array)
        return str(array.name)

    def compute(kind: str, what: str, *given: str, **attributes: Any) -> str:
        output = f"{name}__{what}"
        made.append(helper.make_node(kind, list(given), [output], output, **attributes))
        return output

    step, one, two = constant("step", steps), constant("one", [1]), constant("two", [2])
    none = constant("none", [0, 0])
    size = compute("Shape", "size", source, start=2)
    less = constant("less", [each - 1 for each in steps])
    count = compute("Div", "count", compute("Add", "rounded", size, less), step)
    last = compute("Mul", "last", compute("Sub", "before_last", count, one), step)
    reach = compute("Add", "reach", last, constant("extent", kernel))
    total = compute("Max", "total", compute("Sub", "missing", reach, size), none)
    before = compute("Div", "before", total, two)
    after = compute("Sub", "after", total, before)
    pads = compute("Concat", "pads", none, before, none, after, axis=0)
    node.input[0] = compute("Pad", "padded", source, pads)
    _state(node, [0] * 2 * len(steps))
    place = list(graph.graph.node).index(node)
    for each in reversed(made):
        graph.graph.node.insert(place, each)
