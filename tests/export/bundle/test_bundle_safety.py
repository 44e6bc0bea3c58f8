"""Model files that could do more than compute are refused before a runtime sees them."""

import io
import json
import pickle
import zipfile

import flatbuffers
import h5py
import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from hrpn_export import open_session
from hrpn_export.errors import DamagedBundleError
from hrpn_export.formats import find_format
from hrpn_export.safety import (
    check_keras,
    check_onnx,
    check_saved_model,
    check_tflite,
    keras_objects,
)
from support.bundles import copied, exported, network, vouch

KERAS, ONNX = "keras/fp32/model.keras", "onnx/fp32/model.onnx"


def test_what_the_exporters_write_passes():
    find_format("keras").check(exported() / KERAS)
    find_format("saved_model").check(exported() / "saved_model/fp32/model")
    find_format("onnx").check(exported() / ONNX)


def with_parts(path, **parts):
    """A Keras file with other parts."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (content | parts).items():
            archive.writestr(name, data)


def save_lambda(path, mark):
    image = keras.Input((None, None, 2))
    layer = keras.layers.Lambda(
        lambda x: (open(mark, "w", encoding="utf-8").close(), x[..., :1])[1],
        output_shape=(None, None, 1),
    )
    keras.Model(image, layer(image)).save(path)


def test_a_lambda_is_refused_and_not_run(tmp_path):
    bundle = copied(tmp_path)
    mark = tmp_path / "was_run"
    save_lambda(bundle / KERAS, str(mark))
    mark.unlink(missing_ok=True)
    vouch(bundle, KERAS)
    with pytest.raises(DamagedBundleError, match="holds a Lambda, which is a program") as refusal:
        open_session(bundle, "keras")
    assert str(refusal.value).isprintable()
    assert not mark.exists()


@pytest.mark.parametrize(
    "kind", ["Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"]
)
def test_a_program_is_found_at_any_depth(tmp_path, kind):
    path = copied(tmp_path) / KERAS
    config = {"class_name": "Functional", "config": {"layers": [{"deep": [{"class_name": kind}]}]}}
    with_parts(path, **{"config.json": json.dumps(config)})
    with pytest.raises(DamagedBundleError, match=kind):
        check_keras(path)


@pytest.mark.parametrize("kind", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_a_layer_that_reads_a_file_is_refused(tmp_path, kind):
    path = copied(tmp_path) / KERAS
    config = {"class_name": kind, "config": {"vocabulary": "/etc/passwd"}}
    with_parts(path, **{"config.json": json.dumps(config)})
    with pytest.raises(DamagedBundleError, match=f"{kind}, which may read other files"):
        check_keras(path)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_behind_an_external_link_are_not_read(tmp_path):
    """By Keras itself, of the versions that this project allows."""
    bundle = copied(tmp_path)
    with zipfile.ZipFile(bundle / KERAS) as archive:
        (tmp_path / "w.h5").write_bytes(archive.read("model.weights.h5"))
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        names = []
        file.visititems(lambda n, o: names.append(n) if isinstance(o, h5py.Dataset) else None)
        with h5py.File(tmp_path / "secret.h5", "w") as secret:
            secret["x"] = file[names[0]][()]
        del file[names[0]]
        file[names[0]] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "x")
    with_parts(bundle / KERAS, **{"model.weights.h5": (tmp_path / "w.h5").read_bytes()})
    vouch(bundle, KERAS)
    with pytest.raises(DamagedBundleError, match="cannot be loaded"):
        open_session(bundle, "keras")


class Pickled:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("name", ["model.weights.npz", "assets/x.pkl", "../x", "model.pkl", "a\nb"])
def test_other_parts_of_a_keras_file_are_refused(tmp_path, name):
    bundle = copied(tmp_path)
    with_parts(bundle / KERAS, **{name: pickle.dumps(Pickled())})
    vouch(bundle, KERAS)
    with pytest.raises(DamagedBundleError, match="no part of a Keras model") as refusal:
        open_session(bundle, "keras")
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    "content", [b"", pickle.dumps(Pickled()), b"\x89HDF\r\n\x1a\n" + bytes(99)]
)
def test_what_is_no_keras_file_is_refused(tmp_path, content):
    bundle = copied(tmp_path)
    (bundle / KERAS).write_bytes(content)
    vouch(bundle, KERAS)
    with pytest.raises(DamagedBundleError, match="no Keras file"):
        open_session(bundle, "keras")


@pytest.mark.parametrize("config", [b"", b"\xff", b"[" * 100_000])
def test_a_configuration_that_is_no_json_is_refused(tmp_path, config):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
    with pytest.raises(DamagedBundleError, match="no Keras file"):
        list(keras_objects(path))


@pytest.mark.parametrize("part", ["initializer", "constant", "subgraph"])
def test_onnx_weights_in_another_file_are_refused(tmp_path, part):
    bundle = copied(tmp_path)
    model = onnx.load(bundle / ONNX)
    tensor = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "outside")
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value="../../../secret")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    node = onnx.helper.make_node("Constant", [], ["extra"], value=tensor)
    if part == "initializer":
        model.graph.initializer.append(tensor)
    elif part == "constant":
        model.graph.node.append(node)
    else:
        inner = onnx.helper.make_graph([node], "g", [], [])
        model.graph.node.append(onnx.helper.make_node("If", ["c"], ["d"], then_branch=inner))
    (bundle / ONNX).write_bytes(model.SerializeToString())
    vouch(bundle, ONNX)
    with pytest.raises(DamagedBundleError, match="weights in another file"):
        open_session(bundle, "onnx")


def test_a_compiled_context_in_another_file_is_refused(tmp_path):
    path = copied(tmp_path) / ONNX
    model = onnx.load(path)
    model.graph.node.append(onnx.helper.make_node("EPContext", [], [], domain="com.microsoft"))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DamagedBundleError, match="compiled model in another file"):
        check_onnx(path)


def test_a_layer_may_be_called_location(tmp_path):
    path = copied(tmp_path) / ONNX
    model = onnx.load(path)
    model.graph.node[0].name = "location"
    path.write_bytes(model.SerializeToString())
    check_onnx(path)


@pytest.mark.parametrize("content", [b"", b"location" * 9])
def test_what_is_no_onnx_file_is_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(DamagedBundleError, match="no ONNX file"):
        check_onnx(path)


@pytest.fixture(scope="module")
def tflite():
    return tf.lite.TFLiteConverter.from_keras_model(network()).convert()


def test_a_tflite_file_passes(tmp_path, tflite):
    (tmp_path / "model.tflite").write_bytes(tflite)
    find_format("tflite").check(tmp_path / "model.tflite")


def test_tflite_weights_in_another_file_are_refused(tmp_path, tflite):
    model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    group = schema.ExternalBufferGroupT()
    group.name = "../../secret"
    model.externalBufferGroups = [group]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    (tmp_path / "model.tflite").write_bytes(builder.Output())
    with pytest.raises(DamagedBundleError, match="weights in another file"):
        check_tflite(tmp_path / "model.tflite")


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 4 + b"TFL3" + b"\xff" * 9])
def test_what_is_no_tflite_file_is_refused(tmp_path, content):
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(DamagedBundleError, match="no TFLite file"):
        check_tflite(tmp_path / "model.tflite")


def read(x):
    return tf.io.decode_raw(tf.io.read_file("/etc/passwd"), tf.uint8)


def write(x):
    tf.io.write_file("/tmp/never", "text")
    return x


def restore(x):
    return tf.raw_ops.RestoreV2(
        prefix="/etc/x", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
    )[0]


def save(x):
    tf.raw_ops.SaveV2(prefix="/tmp/never", tensor_names=["a"], shape_and_slices=[""], tensors=[x])
    return x


def python(x):
    return tf.py_function(lambda y: y, [x], tf.float32)


def printed(x):
    tf.print("text", output_stream="file:///tmp/never")
    return x


def within(x):
    return tf.cond(tf.reduce_sum(x) > 0, lambda: read(x), lambda: tf.zeros([1], tf.uint8))


_READ = "(ReadFile|DecodeRaw)"  # whichever TensorFlow saves first


@pytest.mark.parametrize(
    ("body", "operation"),
    [
        (read, _READ), (write, "WriteFile"), (restore, "RestoreV2"), (save, "SaveV2"),
        (python, "EagerPyFunc"), (printed, "PrintV2"), (within, _READ),
        (lambda x: tf.io.matching_files("/*"), "MatchingFiles"),
    ],
)  # fmt: skip
def test_a_saved_model_that_touches_anything_is_refused(tmp_path, body, operation):
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    signature = [tf.TensorSpec((None,), tf.float32)]
    run = tf.function(lambda x: {"prediction": body(x * module.weight)}, input_signature=signature)
    tf.saved_model.save(module, str(tmp_path / "model/1"), signatures={"serving_default": run})
    with pytest.raises(DamagedBundleError, match=f"holds the operation {operation}"):
        check_saved_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("name", "match"), [("saved_model.pb", "no SavedModel"), ("saved_model.pbtxt", "only")]
)
def test_what_is_no_saved_model_is_refused(tmp_path, name, match):
    with pytest.raises(DamagedBundleError, match="holds no SavedModel"):
        check_saved_model(tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / name).write_bytes(b"\xff" * 50)
    with pytest.raises(DamagedBundleError, match=match):
        check_saved_model(tmp_path)


def test_arrays_are_read_without_pickles():
    buffer = io.BytesIO()
    np.save(buffer, np.array([Pickled()]), allow_pickle=True)
    buffer.seek(0)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        np.load(buffer)
