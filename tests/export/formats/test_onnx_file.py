import keras
import numpy as np
import onnx
import pytest
from hrpn_benchmarks.trackers.counts import count_onnx
from hrpn_export.contract import Contract
from hrpn_export.errors import ExportError
from hrpn_export.formats import Source
from hrpn_export.formats.onnx.exporter import export, to_onnx
from hrpn_export.graphs.rewrite import constants, simplify
from hrpn_export.runtimes.onnx_runtime import OnnxSession
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from support.format_networks import PRESETS, SHAPES, answer, images, preset, preset_graph, tiny

from hrpn_tf.models.graph import count_macs

CALIBRATION = images((8, 64, 64), seed=3)
PRECISIONS = ("fp32", "fp16", "int8")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_file_is_valid_onnx_for_every_batch_and_size(tmp_path, precision):
    model, contract = tiny()
    path = export(Source(model, contract, CALIBRATION), precision, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]
    graph = onnx.load(path)
    onnx.checker.check_model(graph, full_check=True)
    onnx.shape_inference.infer_shapes(graph, strict_mode=True, check_type=True, data_prop=True)
    assert [each.version for each in graph.opset_import if each.domain in ("", "ai.onnx")] == [18]
    assert {each.domain for each in graph.graph.node} == {""}
    stated = {each.key: each.value for each in graph.metadata_props}
    assert Contract.from_json(stated["contract"]) == contract
    assert stated["precision"] == precision
    assert not [a for n in graph.graph.node for a in n.attribute if a.s == b"SAME_UPPER"]
    for values, name, channels in (
        (graph.graph.input, "grey_levels", 2),
        (graph.graph.output, "prediction", 1),
    ):
        (value,) = values
        kind = value.type.tensor_type
        assert (value.name, kind.elem_type) == (name, TensorProto.FLOAT)
        free = [each.dim_param for each in kind.shape.dim]
        assert free == ["batch", "height", "width", ""]
        assert kind.shape.dim[3].dim_value == channels


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_reference_implementation_of_onnx_agrees(tmp_path, precision):
    model, contract = tiny()
    # theirs knows Q/DQ from opset 19 on
    options = {"opset": 21 if precision == "int8" else 18}
    path = export(Source(model, contract, CALIBRATION, options=options), precision, tmp_path)
    batch = images((2, 8, 12))
    theirs = ReferenceEvaluator(str(path)).run(None, {"grey_levels": batch})[0]
    ours = OnnxSession(path, contract, "cpu", 1)(batch)
    tolerance = {"fp32": 1e-4, "fp16": 0.05, "int8": 0.3}[precision]
    # int8: a value between two steps is rounded either way
    np.testing.assert_allclose(theirs, ours, atol=tolerance)
    expected = model(batch).numpy()
    limit = {"fp32": 0.01, "fp16": 0.25, "int8": 3.0}[precision]
    assert np.abs(theirs - expected).max() < limit


@pytest.mark.parametrize("name", PRESETS)
def test_presets_give_what_the_keras_model_gives(tmp_path, name):
    _, contract = preset(name)
    (tmp_path / "model.onnx").write_bytes(preset_graph(name))
    session = OnnxSession(tmp_path / "model.onnx", contract, "cpu", 1)
    for shape in SHAPES:
        assert np.abs(session(images(shape)) - answer(name, shape)).max() < 0.01


@pytest.mark.parametrize("name", PRESETS)
def test_the_benchmarks_count_what_the_models_count(name):
    model, _ = preset(name)
    counts = count_onnx(onnx.ModelProto.FromString(preset_graph(name)), 128)
    assert counts.macs == count_macs(model, 128, 128)
    convolutions = [each for each in model._flatten_layers() if hasattr(each, "kernel")]
    kernels = sum(int(np.prod(each.kernel.shape)) for each in convolutions)
    biases = sum(each.filters for each in convolutions if _has_bias_when_folded(each))
    assert counts.parameters == kernels + biases


def _has_bias_when_folded(layer):
    """A batch normalisation becomes the bias of the convolution before it."""
    after = [node.operation for node in layer._outbound_nodes if node is not None]
    folded = any(isinstance(each, keras.layers.BatchNormalization) for each in after)
    return folded or layer.bias is not None


def test_the_default_network_is_small_and_folded():
    nodes = onnx.ModelProto.FromString(preset_graph("hrpn-m")).graph.node
    kinds = [node.op_type for node in nodes]
    assert len(nodes) <= 80  # 300 are allowed
    assert not {"BatchNormalization", "Shape", "If", "Loop", "Scan"}.intersection(kinds)
    # what is left of scaling: three before the network and one after it
    assert kinds.count("Mul") + kinds.count("Sub") == 3


@pytest.mark.parametrize("squeezed", [False, True])
def test_the_last_transposition_survives_the_converter(squeezed):
    """Of one channel it becomes a Reshape, and sometimes loses the Squeeze that belongs to it."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [5], [1, -1, 0, 0, 1])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    nodes = [
        helper.make_node("Transpose", ["x"], ["inner"], perm=[0, 3, 1, 2]),
        helper.make_node("Reshape", ["inner", "shape"], ["five" if squeezed else "y"]),
    ]
    if squeezed:
        nodes.append(helper.make_node("Squeeze", ["five", "axes"], ["y"]))
    free = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "h", "w", 1])
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    opset = [helper.make_opsetid("", 18)]
    graph = helper.make_model(
        helper.make_graph(nodes, "g", [free], [given], [shape, axes]), opset_imports=opset
    )
    if not squeezed:  # as the converter declares the output of the Reshape
        declared = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, None, None, None, 1])
        graph.graph.output[0].CopyFrom(declared)
    simplify(graph, 1, 1)
    onnx.shape_inference.infer_shapes(graph, strict_mode=True)
    batch = np.arange(12, dtype=np.float32).reshape(2, 2, 3, 1)
    np.testing.assert_array_equal(ReferenceEvaluator(graph).run(None, {"x": batch})[0], batch)


def test_batch_normalisation_goes_into_transposed_convolutions_too():
    nodes = onnx.ModelProto.FromString(preset_graph("ganda")).graph.node
    makers = {node.output[0]: node.op_type for node in nodes}
    after = {node.op_type for node in nodes if makers.get(node.input[0], "").startswith("Conv")}
    assert after == {"Relu", "Tanh"}


@pytest.mark.parametrize("opset", [17, 21])
def test_another_opset(tmp_path, opset):
    model, contract = tiny()
    source = Source(model, contract, options={"opset": opset})
    path = export(source, "fp32", tmp_path)
    assert onnx.load(path).opset_import[0].version == opset
    batch = images((1, 16, 16))
    result = OnnxSession(path, contract, "cpu", 1)(batch)
    np.testing.assert_allclose(result, model(batch).numpy(), atol=1e-3)


def test_control_flow_is_refused():
    import keras

    class Repeated(keras.layers.Layer):
        def call(self, x):
            import tensorflow as tf

            return tf.while_loop(lambda y: tf.reduce_max(y) < 100, lambda y: (y * 2 + 1,), (x,))[0]

        def compute_output_shape(self, shape):
            return shape

    inputs = keras.Input((None, None, 2))
    with pytest.raises(ExportError, match="control flow"):
        to_onnx(keras.Model(inputs, Repeated()(inputs)), 2)


def _graph(nodes, initializers, channels):
    shape = ["n", channels, "h", "w"]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("x", "y")]
    tensors = [onnx.numpy_helper.from_array(v.astype("f4"), k) for k, v in initializers.items()]
    return helper.make_model(
        helper.make_graph(nodes, "g", values[:1], values[1:], tensors),
        opset_imports=[helper.make_opsetid("", 18)],
    )


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose"])
def test_scales_and_offsets_of_channels_go_into_the_convolution(kind):
    random = np.random.default_rng(0)
    each = (1, 2, 1, 1)
    nodes = [
        helper.make_node(kind, ["x", "w"], ["a"]),
        helper.make_node("Mul", ["scale", "a"], ["b"]),
        helper.make_node("Sub", ["b", "shift"], ["c"]),
        helper.make_node("Add", ["c", "one"], ["y"]),
    ]
    values = {"w": random.normal(size=(2, 2, 1, 1)), "one": np.ones(())}
    values |= {name: random.normal(size=each) for name in ("scale", "shift")}
    graph = _graph(nodes, values, 2)
    x = random.normal(size=(1, 2, 4, 4)).astype("f4")
    before = ReferenceEvaluator(graph).run(None, {"x": x})[0]
    simplify(graph, 2, 1)
    assert [node.op_type for node in graph.graph.node] == [kind]
    assert len(constants(graph)) == 2
    np.testing.assert_allclose(ReferenceEvaluator(graph).run(None, {"x": x})[0], before, atol=1e-5)


def test_what_another_node_uses_too_stays():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Mul", ["a", "two"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    graph = _graph(nodes, {"w": np.eye(2).reshape(2, 2, 1, 1), "two": np.full((), 2)}, 2)
    simplify(graph, 2, 1)
    assert [node.op_type for node in graph.graph.node] == ["Conv", "Mul", "Add"]
