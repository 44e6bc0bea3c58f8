"""Exact simplifications of the graphs that tf2onnx writes.

The graphs are NCHW inside. Sizes that are computed from the shape of the input become constant
factors; slices and paddings without effect are removed; a scale and offset per channel (batch
normalisation) are folded into the preceding convolution; and the graph ends in one transposition.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from hrpn_export.graphs.parts import Operation, Parts, parts_of
from hrpn_export.graphs.scalars import widen_scalars

# With three sizes, a factor cannot fit by coincidence.
_BATCHES_AND_SIDES = ((1, 2, 3), (2, 4, 2), (3, 5, 6))


def simplify(graph: onnx.ModelProto, inputs: int, multiple: int) -> None:
    """Rewrite a graph in place.

    Args:
        graph: one input (N, H, W, inputs), float32.
        inputs: number of input channels.
        multiple: height and width of an input are multiples of this, px.
    """
    _name_nodes(graph)
    _drop_computed_sizes(graph, inputs, multiple)
    drop_unused(graph)  # nodes that computed the sizes would count as users of a convolution
    while _fold_one(graph):
        pass
    _end_with_transpose(graph)
    widen_scalars(graph)
    drop_unused(graph)
    del graph.graph.value_info[:]  # it describes the graph before the rewrites


def constants(graph: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Values of the initialisers, by name."""
    return {each.name: numpy_helper.to_array(each) for each in graph.graph.initializer}


def parts_of_graph(graph: onnx.ModelProto) -> Parts:
    """The parts of a graph whose nodes have unique names."""
    operations = [
        Operation(node.name, node.op_type, tuple(node.input), tuple(node.output))
        for node in graph.graph.node
    ]
    return parts_of(operations, graph.graph.input[0].name)


def _name_nodes(graph: onnx.ModelProto) -> None:
    """Give each node a unique name, by which later steps select nodes."""
    seen: Counter[str] = Counter()
    for node in graph.graph.node:
        name = node.name or node.op_type
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name}__{seen[name]}"


def _drop_computed_sizes(graph: onnx.ModelProto, inputs: int, multiple: int) -> None:
    known = constants(graph)
    resizes = [
        node
        for node in graph.graph.node
        if node.op_type == "Resize" and len(node.input) > 3 and node.input[3] not in known
    ]
    cuts = [node for node in graph.graph.node if node.op_type in ("Slice", "Pad")]
    names = sorted({name for node in (*resizes, *cuts) for name in (node.input[0], node.output[0])})
    shapes = list(shapes_of(graph, names, inputs, multiple))
    for node in resizes:
        factors = {
            tuple(after / before for before, after in zip(shape[0], shape[1], strict=True))
            for shape in ((each[node.input[0]], each[node.output[0]]) for each in shapes)
        }
        if len(factors) == 1:
            name = f"{node.name}__factors"
            values = np.asarray(factors.pop(), np.float32)
            graph.graph.initializer.append(numpy_helper.from_array(values, name))
            del node.input[1:]
            node.input.extend(["", name])
    for node in cuts:
        # same size before and after: nothing was removed or added (neither kind does both)
        if all(each[node.input[0]] == each[node.output[0]] for each in shapes):
            _skip(graph, node)


def shapes_of(
    graph: onnx.ModelProto, names: Sequence[str], inputs: int, multiple: int
) -> Iterator[dict[str, tuple[int, ...]]]:
    """Shapes of values, by name, for three sizes of the input.

    A linear size that is a multiple of some number for all three of them always is.
    """
    import onnxruntime

    if not names:
        return
    probe = onnx.ModelProto()
    probe.CopyFrom(graph)
    del probe.graph.output[:]
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name = graph.graph.input[0].name
    for batch, height, width in _BATCHES_AND_SIDES:
        image = np.ones((batch, height * multiple, width * multiple, inputs), np.float32)
        values = session.run(list(names), {name: image})
        yield {name: value.shape for name, value in zip(names, values, strict=True)}


def _end_with_transpose(graph: onnx.ModelProto) -> None:
    """Restore the transposition from (N, 1, H, W) to the output (N, H, W, 1).

    tf2onnx turns it into a Reshape to (1, N, H, W, 1) and a Squeeze, and loses the Squeeze if the
    Reshape already has the name of the output. That depends on the order of a set, which differs
    between processes.
    """
    makers = {node.output[0]: node for node in graph.graph.node}
    output = graph.graph.output[0].name
    last = makers.get(output)
    first = makers.get(last.input[0]) if last is not None and last.op_type == "Squeeze" else last
    if last is None or first is None or first.op_type != "Reshape":
        return
    if constants(graph).get(first.input[1], np.empty(0)).tolist() != [1, -1, 0, 0, 1]:
        return
    sizes = graph.graph.output[0].type.tensor_type.shape.dim
    if len(sizes) == 5:  # without its Squeeze, the output is declared as (1, N, H, W, 1)
        del sizes[0]
    place = list(graph.graph.node).index(last)
    graph.graph.node.remove(last)
    graph.graph.node.insert(
        place,
        onnx.helper.make_node(
            "Transpose", [first.input[0]], [output], f"{first.name}__back", perm=[0, 2, 3, 1]
        ),
    )


def _fold_one(graph: onnx.ModelProto) -> bool:
    """Fold one scale or offset per channel into a convolution; False if there is none left."""
    known = constants(graph)
    uses = Counter(name for node in graph.graph.node for name in node.input)
    uses.update(value.name for value in graph.graph.output)
    makers = {node.output[0]: node for node in graph.graph.node}
    for node in graph.graph.node:
        if node.op_type not in ("Mul", "Add", "Sub"):
            continue
        for place in (0, 1) if node.op_type != "Sub" else (0,):
            convolution = makers.get(node.input[place])
            other = known.get(node.input[1 - place])
            if convolution is None or other is None or uses[node.input[place]] > 1:
                continue
            if _fold(graph, convolution, node.op_type, other, known):
                _skip(graph, node)
                return True
    return False


def _fold(
    graph: onnx.ModelProto,
    convolution: onnx.NodeProto,
    kind: str,
    other: np.ndarray,
    known: dict[str, np.ndarray],
) -> bool:
    """Fold a constant that is multiplied, added or subtracted; False if that is not possible."""
    if convolution.op_type not in ("Conv", "ConvTranspose"):
        return False
    if not all(name in known for name in convolution.input[1:]):
        return False
    transposed = convolution.op_type == "ConvTranspose"
    if transposed and any(a.name == "group" and a.i != 1 for a in convolution.attribute):
        return False
    channels = known[convolution.input[1]].shape[1 if transposed else 0]
    # one value per channel, or one for all
    if (1,) * (4 - other.ndim) + other.shape not in ((1, channels, 1, 1), (1, 1, 1, 1)):
        return False
    each = np.broadcast_to(other.reshape(-1), channels).astype(np.float64)
    one, none = np.ones(channels), np.zeros(channels)
    gain, offset = {"Mul": (each, none), "Add": (one, each), "Sub": (one, -each)}[kind]
    scale_and_shift(graph, convolution, gain, offset)
    return True


def scale_and_shift(
    graph: onnx.ModelProto, convolution: onnx.NodeProto, gain: np.ndarray, offset: np.ndarray
) -> None:
    """Change the constants of a convolution so that it gives gain * output + offset.

    Args:
        graph: modified in place.
        convolution: a node of the graph; if transposed, with one group.
        gain, offset: values per output channel.
    """
    known = constants(graph)
    transposed = convolution.op_type == "ConvTranspose"
    weights = known[convolution.input[1]] * gain.reshape(
        (1, -1, 1, 1) if transposed else (-1, 1, 1, 1)
    )
    bias = known[convolution.input[2]] if len(convolution.input) > 2 else np.zeros_like(offset)
    del convolution.input[1:]
    # new constants, since other nodes may use the old ones
    for part, values in (("weights", weights), ("bias", bias * gain + offset)):
        name = f"{convolution.name}__{part}"
        while name in known:
            name += "_"
        graph.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
        convolution.input.append(name)


def _skip(graph: onnx.ModelProto, node: onnx.NodeProto) -> None:
    """Remove a node that passes its first input on, and connect its users to that input."""
    before, after = node.input[0], node.output[0]
    if node.op_type in ("Mul", "Add", "Sub"):
        makers = {name for each in graph.graph.node for name in each.output}
        before = next(name for name in node.input if name in makers)
    graph.graph.node.remove(node)
    if any(value.name == after for value in graph.graph.output):
        for each in graph.graph.node:
            each.output[:] = [after if name == before else name for name in each.output]
            each.input[:] = [after if name == before else name for name in each.input]
        return
    for each in graph.graph.node:
        each.input[:] = [before if name == after else name for name in each.input]


def drop_unused(graph: onnx.ModelProto) -> None:
    """Remove nodes and constants whose results are not used."""
    needed = {value.name for value in graph.graph.output}
    kept = []
    for node in reversed(graph.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    del graph.graph.node[:]
    graph.graph.node.extend(reversed(kept))
    used = [each for each in graph.graph.initializer if each.name in needed]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(used)
