"""SavedModels that touch files by ways that a list of operations does not show."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from hrpn_export.errors import DamagedBundleError
from hrpn_export.formats.saved_model import export
from hrpn_export.formats.table import Source
from hrpn_export.safety import check_saved_model
from support.bundles import CONTRACT, copied, network, vouch
from tensorflow.core.protobuf import saved_model_pb2

HOME = "saved_model/fp32/model"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The graph of a small SavedModel with variables, as TensorFlow writes it."""
    folder = tmp_path_factory.mktemp("good") / "1"
    module = tf.Module()
    module.weight = tf.Variable(2.0)
    signature = [tf.TensorSpec((None,), tf.float32)]
    run = tf.function(lambda x: {"prediction": x * module.weight}, input_signature=signature)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": run})
    check_saved_model(folder.parent)
    for name in ("variables.index", "variables.data-00000-of-00001"):
        FILES[f"variables/{name}"] = (folder / "variables" / name).read_bytes()
    return (folder / "saved_model.pb").read_bytes()


FILES: dict[str, bytes] = {}


def written(folder: Path, graph: bytes, change: Callable[[Any], object]) -> Path:
    """A SavedModel whose graph is changed; all else stays as TensorFlow wrote it."""
    model = saved_model_pb2.SavedModel.FromString(graph)
    change(model)
    (folder / "1/variables").mkdir(parents=True)
    for name, content in FILES.items():
        (folder / "1" / name).write_bytes(content)
    (folder / "1/saved_model.pb").write_bytes(model.SerializeToString())
    return folder


def saver(meta: Any, which: str) -> Any:
    """The function that writes ("save") or reads ("restore") the checkpoint."""
    return next(f for f in meta.graph_def.library.function if which in f.signature.name)


def graph_of_version_1(folder: Path, out: Path) -> None:
    """A graph without objects whose main node calls a function that writes a file."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, None, None, 2], name="x")

        @tf.function
        def write(x: Any) -> Any:
            names = {"tensor_names": ["a"], "shape_and_slices": [""]}
            made = tf.raw_ops.SaveV2(prefix=str(out), tensors=[tf.constant("text")], **names)
            with tf.control_dependencies([made]):
                return tf.identity(x[..., :1])

        y = write(x)
        build = v1.saved_model.utils.build_tensor_info
        signature = v1.saved_model.signature_def_utils.build_signature_def(
            {"grey_levels": build(x)}, {"prediction": build(y)}, "tensorflow/serving/predict"
        )
        with v1.Session(graph=graph) as session:
            builder = v1.saved_model.Builder(str(folder))
            builder.add_meta_graph_and_variables(
                session, ["serve"], signature_def_map={"serving_default": signature}
            )
            builder.save()


def test_a_main_node_that_calls_a_writing_function_is_refused(tmp_path):
    graph_of_version_1(tmp_path / "model/1", tmp_path / "written")
    with pytest.raises(DamagedBundleError, match="not exactly one graph of TensorFlow 2"):
        check_saved_model(tmp_path / "model")
    assert not list(tmp_path.glob("written*"))


def test_the_same_within_an_object_graph_is_refused(tmp_path, good):
    graph_of_version_1(tmp_path / "v1", tmp_path / "written")
    evil = saved_model_pb2.SavedModel.FromString((tmp_path / "v1/saved_model.pb").read_bytes())

    def mixed(model: Any) -> None:
        model.meta_graphs[0].graph_def.MergeFrom(evil.meta_graphs[0].graph_def)

    with pytest.raises(DamagedBundleError, match="holds the operation SaveV2"):
        check_saved_model(written(tmp_path / "model", good, mixed))


def call_from_a_function(meta: Any, which: str) -> None:
    """Make the serving function call one of the saver's."""
    body = next(f for f in meta.graph_def.library.function if "wrapper" in f.signature.name)
    node = body.node_def.add(op="StatefulPartitionedCall", name="more")
    node.attr["f"].func.name = saver(meta, which).signature.name


def call_by_the_object_graph(meta: Any, which: str) -> None:
    name = saver(meta, which).signature.name
    meta.object_graph_def.concrete_functions[name].SetInParent()


def call_by_a_main_node(meta: Any, which: str) -> None:
    node = meta.graph_def.node.add(op="PartitionedCall", name="more")
    node.attr["f"].func.name = saver(meta, which).signature.name


def call_by_the_first_thing_to_run(meta: Any, which: str) -> None:
    """TensorFlow Serving runs what this signature names when it loads a model."""
    saves, restores = meta.saver_def.save_tensor_name, meta.saver_def.restore_op_name
    name = saves if which == "save" else f"{restores}:0"
    meta.signature_def["__saved_model_init_op"].outputs["__saved_model_init_op"].name = name


def call_by_a_branch(meta: Any, which: str) -> None:
    node = meta.graph_def.library.function[0].node_def.add(op="Case", name="more")
    node.attr["branches"].list.func.add(name=saver(meta, which).signature.name)


def replace_by_kernel(meta: Any, which: str) -> None:
    saver(meta, which).attr["api_implements"].s = b"x"


@pytest.mark.parametrize(
    "change",
    [
        call_from_a_function, call_by_the_object_graph, call_by_a_main_node,
        call_by_the_first_thing_to_run, call_by_a_branch, replace_by_kernel,
    ],
)  # fmt: skip
@pytest.mark.parametrize("which", ["save", "restore"])
def test_nothing_but_the_saver_may_name_its_functions(tmp_path, good, change, which):
    path = written(tmp_path / "model", good, lambda model: change(model.meta_graphs[0], which))
    with pytest.raises(DamagedBundleError, match=r"holds the operation|may be replaced"):
        check_saved_model(path)


@pytest.mark.parametrize(
    ("which", "operation", "place"),
    [("restore", "RestoreV2", 0), ("save", "MergeV2Checkpoints", 1), ("save", "StringJoin", 0)],
)
def test_the_saver_names_no_file_itself(tmp_path, good, which, operation, place):
    def change(model: Any) -> None:
        function = saver(model.meta_graphs[0], which)
        own = function.node_def.add(op="Const", name="own")
        own.attr["value"].tensor.dtype = 7
        own.attr["value"].tensor.string_val.append(b"/etc/x")
        next(n for n in function.node_def if n.op == operation).input[place] = "own:output:0"

    with pytest.raises(DamagedBundleError, match="on a file of its own choice"):
        check_saved_model(written(tmp_path / "model", good, change))


def several_graphs(model: Any) -> None:
    model.meta_graphs.add().CopyFrom(model.meta_graphs[0])


def no_objects(model: Any) -> None:
    model.meta_graphs[0].ClearField("object_graph_def")


def resource(model: Any) -> None:
    model.meta_graphs[0].object_graph_def.nodes.add().resource.SetInParent()


def asset(model: Any) -> None:
    model.meta_graphs[0].asset_file_def.add().filename = "../../../etc/passwd"


def restorer(model: Any) -> None:
    saved = model.meta_graphs[0].object_graph_def.nodes[0].saveable_objects
    saved["SERIALIZE_TO_TENSORS"].save_function = 1


def unknown_operation(model: Any) -> None:
    model.meta_graphs[0].graph_def.library.function[0].node_def.add(op="TomorrowsOp", name="x")


def loop(model: Any) -> None:
    model.meta_graphs[0].graph_def.library.function[0].node_def.add(op="While", name="x")


def recursion(model: Any) -> None:
    library = model.meta_graphs[0].graph_def.library
    body = next(f for f in library.function if "wrapper" in f.signature.name)
    next(n for n in body.node_def if "f" in n.attr).attr["f"].func.name = body.signature.name


def avalanche(model: Any) -> None:
    """Forty functions, each of which calls the next twice."""
    library = model.meta_graphs[0].graph_def.library
    for number in range(40):
        function = library.function.add()
        function.signature.name = f"f{number}"
        for place in range(2 if number < 39 else 0):
            node = function.node_def.add(op="PartitionedCall", name=f"n{place}")
            node.attr["f"].func.name = f"f{number + 1}"


def huge_constant(model: Any) -> None:
    node = model.meta_graphs[0].graph_def.node.add(op="Const", name="huge")
    node.attr["value"].tensor.dtype = 1
    node.attr["value"].tensor.float_val.append(0)
    node.attr["value"].tensor.tensor_shape.dim.add(size=2**40)


def huge_weight(model: Any) -> None:
    nodes = model.meta_graphs[0].object_graph_def.nodes
    weight = next(n for n in nodes if n.WhichOneof("kind") == "variable").variable
    weight.shape.dim.add(size=2**40)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (several_graphs, "not exactly one graph"), (no_objects, "not exactly one graph"),
        (resource, "an object of the kind resource"), (asset, "names other files"),
        (restorer, "a way of its own to be loaded"), (unknown_operation, "operation TomorrowsOp"),
        (loop, "operation While"), (recursion, "calls itself"), (avalanche, "would run more than"),
        (huge_constant, "constants without bound"), (huge_weight, "weights would take"),
    ],
)  # fmt: skip
def test_what_cannot_be_vouched_for_is_refused(tmp_path, good, change, match):
    with pytest.raises(DamagedBundleError, match=match):
        check_saved_model(written(tmp_path / "model", good, change))


@pytest.mark.parametrize(
    "name", ["1/saved_model.pbtxt", "1/saved_model.cpb", "1/assets/x", "1/debug/x.pb", "2/x", "x"]
)
def test_other_files_of_a_saved_model_are_refused(tmp_path, good, name):
    path = written(tmp_path / "model", good, lambda model: None)
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(b"")
    with pytest.raises(DamagedBundleError, match=r"no part of a SavedModel|one version"):
        check_saved_model(path)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"\xff" * 99])
def test_a_damaged_index_gets_a_named_error(tmp_path, good, damage):
    path = written(tmp_path / "model", good, lambda model: None)
    index = path / "1/variables/variables.index"
    index.write_bytes(damage(index.read_bytes()))
    with pytest.raises(DamagedBundleError, match="no SavedModel"):
        check_saved_model(path)


def test_a_bundle_does_not_load_one_that_writes(tmp_path):
    from hrpn_export import open_session

    bundle = copied(tmp_path)
    graph_of_version_1(tmp_path / "evil", tmp_path / "written")
    graph = (tmp_path / "evil/saved_model.pb").read_bytes()
    (bundle / HOME / "1/saved_model.pb").write_bytes(graph)
    vouch(bundle, f"{HOME}/1/saved_model.pb")
    with pytest.raises(DamagedBundleError, match="not exactly one graph"):
        open_session(bundle, "saved_model")
    assert not list(tmp_path.glob("written*"))


def test_a_network_with_gradients_and_functions_of_its_own_passes(tmp_path):
    """SiLU brings a gradient of its own, which TensorFlow stores as a function."""
    import keras

    image = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(1, 1, activation="silu")(image)
    path = export(Source(keras.Model(image, x), CONTRACT), "fp32", tmp_path)
    check_saved_model(path)


def test_what_the_exporter_writes_passes(tmp_path):
    check_saved_model(export(Source(network(), CONTRACT), "fp32", tmp_path))
