import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
from hrpn_export.graphs.resize import parse, readable, with_resize

from hrpn_tf.models.layers import AlignedUpsample


def network(channels: int = 2, factor: int = 4) -> onnx.ModelProto:
    """A convolution to so many channels, upsampled; float32."""
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(channels, 3, padding="same")(image)
    x = AlignedUpsample(factor)(x)
    x = keras.layers.Conv2D(1, 1)(x)
    return converted(keras.Model(image, x))


def converted(model: keras.Model) -> onnx.ModelProto:
    """As the converter alone writes it."""
    signature = [tf.TensorSpec((None, None, None, 2), tf.float32, name="grey_levels")]
    graph, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=18)
    return graph


def operators(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


def run(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (result,) = session.run(None, {"grey_levels": image})
    return result


@pytest.mark.parametrize(("channels", "factor"), [(1, 4), (3, 2)])
def test_upsampling_by_matrices_becomes_resize_and_gives_the_same(channels, factor):
    model = network(channels, factor)
    image = np.random.default_rng(0).uniform(0, 255, (2, 7, 12, 2)).astype(np.float32)
    expected = run(model, image)
    assert with_resize(model) == 1
    onnx.checker.check_model(model, full_check=True)
    assert not {"MatMul", "Range"} & operators(model)
    np.testing.assert_allclose(run(model, image), expected, rtol=1e-5, atol=1e-4)


def test_what_only_looks_alike_is_left_alone():
    model = network()
    for node in model.graph.node:
        if node.op_type == "Abs":  # another interpolation than a linear one
            node.op_type = "Neg"
    before = model.SerializeToString()
    assert with_resize(model) == 0
    assert model.SerializeToString() == before


def test_a_file_without_such_upsampling_keeps_its_bytes():
    image = keras.Input((None, None, 2))
    model = keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(image))
    content = converted(model).SerializeToString()
    assert readable(content) is content


def test_what_is_no_onnx_is_left_to_tensorrt():
    content = b"\xff\xff Range MatMul"
    assert parse(content) is None
    assert readable(content) is content


def test_a_file_with_such_upsampling_is_rewritten():
    rewritten = parse(readable(network().SerializeToString()))
    assert "Resize" in operators(rewritten)
