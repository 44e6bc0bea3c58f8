import numpy as np
import onnx
import onnxruntime
import pytest
from hrpn_export.errors import ExportError
from hrpn_export.graphs.pads import with_explicit_pads
from onnx import TensorProto, helper, numpy_helper


def graph_of(kind, rule="SAME_UPPER", kernel=(3, 3), **attributes):
    """One convolution or pool of (N, H, W, 2), channels first within."""
    given = ["x"]
    tensors = []
    if kind == "Conv":
        values = np.random.default_rng(0).normal(size=(3, 2, *kernel)).astype("f4")
        tensors, given = [numpy_helper.from_array(values, "w")], ["x", "w"]
    nodes = [
        helper.make_node("Transpose", ["image"], ["x"], "first", perm=[0, 3, 1, 2]),
        helper.make_node(
            kind, given, ["y"], "padded", kernel_shape=kernel, auto_pad=rule, **attributes
        ),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3 + [last])
        for name, last in (("image", 2), ("y", None))
    ]
    return helper.make_model(
        helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )


def run(graph, image):
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"image": image})[0]


@pytest.mark.parametrize(
    ("kind", "given", "multiple"),
    [
        ("Conv", {}, 1),
        ("Conv", {"kernel": (4, 5)}, 1),
        ("Conv", {"rule": "SAME_LOWER", "kernel": (4, 2)}, 1),
        ("Conv", {"rule": "VALID"}, 1),
        ("Conv", {"strides": (2, 2)}, 2),
        ("Conv", {"strides": (2, 3), "kernel": (5, 4)}, 6),
        ("Conv", {"strides": (3, 3), "kernel": (2, 1)}, 3),
        ("Conv", {"strides": (2, 2)}, 1),  # sizes that are no multiple: a Pad computes it
        ("Conv", {"strides": (2, 3), "kernel": (5, 4)}, 1),
        ("MaxPool", {"strides": (2, 2)}, 2),
        ("AveragePool", {"strides": (2, 2)}, 4),
        ("AveragePool", {}, 1),
    ],
)
def test_numbers_give_what_the_rule_gave_bit_for_bit(kind, given, multiple):
    graph = graph_of(kind, **given)
    before = onnx.ModelProto.FromString(graph.SerializeToString())
    with_explicit_pads(graph, 2, multiple)
    onnx.checker.check_model(graph, full_check=True)
    assert not [a for node in graph.graph.node for a in node.attribute if a.name == "auto_pad"]
    kinds = [node.op_type for node in graph.graph.node]
    stated = multiple > 1 or "strides" not in given
    assert ("Pad" not in kinds) == stated
    for height, width in ((1, 1), (2, 3), (5, 4), (7, 9)):
        image = np.random.default_rng(1).normal(size=(2, height * multiple, width * multiple, 2))
        image = image.astype("f4")
        if kind == "Conv" and given.get("rule") == "VALID" and min(image.shape[1:3]) < 3:
            continue
        np.testing.assert_array_equal(run(graph, image), run(before, image))


def test_a_pool_that_pads_by_the_size_is_refused():
    with pytest.raises(ExportError, match=r"padded: .* larger stride_multiple"):
        with_explicit_pads(graph_of("MaxPool", strides=(2, 2)), 2, 1)
