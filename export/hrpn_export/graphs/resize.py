"""Rewrite upsampling by matrices in ONNX graphs as ``Resize``, which TensorRT needs.

Keras has no resize with aligned corners that can be trained everywhere, so a layer multiplies by
two interpolation matrices, computed from the size of its input. TensorRT-RTX refuses that product
in float32 for compute capability 7.5, and the ``Range`` of the matrices in float16 everywhere.
ONNX has one operator for all of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

_TO_NHWC = [0, 2, 3, 1]
# Operations that a converter writes between channels first and channels last.
_MOVES = ("Transpose", "Reshape", "Squeeze", "Unsqueeze")
# Sizes (N, H, W) for comparing a part with its replacement; a row and a single pixel included.
_TRIED = ((2, 3, 5), (1, 4, 2), (1, 1, 3), (1, 1, 1))
_TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float16): 1e-2}


@dataclass(frozen=True)
class _Found:
    """An upsampling by ``nodes``, in order: ``source`` (N, C, H, W) to ``result`` (N, H, W, C)."""

    source: str
    result: str
    nodes: tuple[Any, ...]


def parse(content: bytes) -> "onnx.ModelProto | None":
    """Parse the bytes of an ONNX file; None if they are no ONNX."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return onnx.load_model_from_string(content)
    except DecodeError:
        return None


def readable(content: bytes) -> bytes:
    """Rewrite an ONNX file so that TensorRT can build it; unchanged if nothing needs rewriting."""
    if b"Range" not in content or b"MatMul" not in content:
        return content
    model = parse(content)
    # TensorRT reports a file that is no ONNX
    if model is None or with_resize(model) == 0:
        return content
    return bytes(model.SerializeToString())


def with_resize(model: "onnx.ModelProto") -> int:
    """Replace every upsampling by interpolation matrices in place.

    Candidates are recognised by their structure, and replaced only if ``Resize`` gives the same
    values on random images of several sizes.

    Returns:
        The number of replacements.
    """
    import onnx

    known = {
        value.name: value.type.tensor_type
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    count = 0
    for found in list(_upsamplings(model.graph)):
        kind = known.get(found.source)
        if kind is None or len(kind.shape.dim) != 4 or not kind.shape.dim[1].dim_value:
            continue
        factor = _factor(model, found, kind)
        if factor is not None:
            _replace(model, found, _resize(found, factor, str(count)))
            count += 1
    if count:
        _drop_unused(model.graph)
    return count


def _upsamplings(graph: "onnx.GraphProto") -> Iterator[_Found]:
    """Chains of Reshape, MatMul, Reshape, MatMul that depend on one image alone."""
    makers = {name: node for node in graph.node for name in node.output}
    constants = {value.name for value in graph.initializer}
    for node in graph.node:
        last: Any = node
        for kind in ("MatMul", "Reshape", "MatMul", "Reshape"):
            if last is None or last.op_type != kind:
                break
            # the matrix is the left operand of a product, the image the right one
            last = makers.get(last.input[1 if kind == "MatMul" else 0])
        else:
            # from there back to the image with channels first
            while last is not None and last.op_type in _MOVES:
                nodes, leaves = _ancestors(node, last.input[0], makers, constants)
                if leaves == {last.input[0]}:
                    yield _Found(last.input[0], node.output[0], tuple(nodes))
                    break
                last = makers.get(last.input[0])


def _ancestors(
    node: Any, stop: str, makers: dict[str, Any], constants: set[str]
) -> tuple[list[Any], set[str]]:
    """The nodes that a node depends on, back to the tensor ``stop``, in order; and the leaves."""
    nodes: list[Any] = []
    leaves: set[str] = set()
    done: set[str] = set()
    todo = [(node, False)]
    while todo:
        current, complete = todo.pop()
        if complete:  # its inputs are in the list
            nodes.append(current)
            continue
        if current.output[0] in done:
            continue
        done.add(current.output[0])
        todo.append((current, True))
        for name in current.input:
            if name in constants or name == "":
                continue
            if name == stop or name not in makers:
                leaves.add(name)
            else:
                todo.append((makers[name], False))
    return nodes, leaves


def _factor(model: "onnx.ModelProto", found: _Found, kind: Any) -> int | None:
    """The upsampling factor, if the nodes equal ``Resize`` with aligned corners; else None."""
    from onnx.helper import tensor_dtype_to_np_dtype
    from onnx.reference import ReferenceEvaluator

    kernel, channels = tensor_dtype_to_np_dtype(kind.elem_type), kind.shape.dim[1].dim_value
    if kernel not in _TOLERANCE:
        return None
    mine = ReferenceEvaluator(_part(model, found, found.nodes, kind))
    rng, factor, theirs = np.random.default_rng(0), None, None
    for batch, height, width in _TRIED:
        image = rng.normal(size=(batch, channels, height, width)).astype(kernel)
        was = _run(mine, found, image)
        if theirs is None:
            factor = was.shape[1] // height
            theirs = ReferenceEvaluator(_part(model, found, _resize(found, factor, "t"), kind))
        now = _run(theirs, found, image)
        if was.shape != now.shape or np.abs(was - now).max() > _TOLERANCE[kernel]:
            return None
    return factor


def _run(evaluator: Any, found: _Found, image: np.ndarray) -> np.ndarray:
    (result,) = evaluator.run(None, {found.source: image})
    return np.asarray(result)


def _part(model: "onnx.ModelProto", found: _Found, nodes: Any, kind: Any) -> "onnx.ModelProto":
    """A model of the nodes from the source to the result of an upsampling."""
    from onnx import helper

    needed = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "part",
        [helper.make_tensor_value_info(found.source, kind.elem_type, [None] * 4)],
        [helper.make_tensor_value_info(found.result, kind.elem_type, [None] * 4)],
        [value for value in model.graph.initializer if value.name in needed],
    )
    return helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=min(model.ir_version, 10)
    )


def _resize(found: _Found, factor: int, suffix: str) -> list[Any]:
    from onnx import helper, numpy_helper

    scales, resized = f"aligned_scales_{suffix}", f"aligned_resize_{suffix}"
    sides = np.array([1, 1, factor, factor], np.float32)
    return [
        helper.make_node("Constant", [], [scales], value=numpy_helper.from_array(sides)),
        helper.make_node(
            "Resize",
            [found.source, "", scales],
            [resized],
            name=resized,
            mode="linear",
            coordinate_transformation_mode="align_corners",
        ),
        helper.make_node("Transpose", [resized], [found.result], perm=_TO_NHWC),
    ]


def _replace(model: "onnx.ModelProto", found: _Found, nodes: list[Any]) -> None:
    graph = model.graph
    place = next(i for i, node in enumerate(graph.node) if found.result in node.output)
    del graph.node[place]
    for node in reversed(nodes):
        graph.node.insert(place, node)


def _drop_unused(graph: "onnx.GraphProto") -> None:
    """Remove nodes and constants whose results are not used."""
    while True:
        read = {name for node in graph.node for name in node.input}
        read |= {value.name for value in graph.output}
        unused = [node for node in graph.node if not read.intersection(node.output)]
        if not unused:
            break
        for node in unused:
            graph.node.remove(node)
    for values in (graph.initializer, graph.value_info):
        for value in [value for value in values if value.name not in read]:
            values.remove(value)
