"""ONNX and TFLite files that could do more than compute, or take all memory."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from hrpn_export import Contract, open_session
from hrpn_export.boundary import named_errors
from hrpn_export.errors import BundleError, DamagedBundleError
from hrpn_export.formats import FORMATS
from hrpn_export.formats.table import Format
from hrpn_export.runtimes.litert import LiteRtSession
from hrpn_export.safety import check_onnx, check_tflite
from onnx import TensorProto, helper, numpy_helper
from support.bundles import copied, exported, network, vouch

ONNX = "onnx/fp32/model.onnx"


def test_a_format_without_a_check_cannot_be_made():
    values = {name: getattr(FORMATS["onnx"], name) for name in FORMATS["onnx"].__dataclass_fields__}
    del values["checked_by"]
    with pytest.raises(TypeError, match="checked_by"):
        Format(**values)
    with pytest.raises(ValueError, match="names no check"):
        Format(**values, checked_by="")


def test_a_file_is_not_opened_if_its_check_is_gone(monkeypatch):
    bundle = exported()
    row = replace(FORMATS["onnx"], checked_by="hrpn_export.safety:check_nothing")
    monkeypatch.setitem(FORMATS, "onnx", row)
    with pytest.raises(AttributeError, match="check_nothing"):
        open_session(bundle, "onnx")


# ONNX


def changed_onnx(path: Path, change: Any) -> Path:
    model = onnx.load(exported() / ONNX)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def before_the_output(model: Any, *nodes: Any) -> None:
    """Add nodes, the last of which gives "s", which is added to the prediction."""
    last = model.graph.output[0].name
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == last:
                node.output[place] = "before"
    for place, node in enumerate(nodes):
        model.graph.node.insert(place, node)
    model.graph.node.append(helper.make_node("Add", ["before", "s"], [last]))


def stored(model: Any, name: str, value: Any) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))


def gigabytes(model: Any) -> None:
    stored(model, "n", np.array([2**34], np.int64))
    before_the_output(
        model,
        helper.make_node("ConstantOfShape", ["n"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["s"], keepdims=0),
    )


def endless(model: Any) -> None:
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Identity", ["v"], ["v2"])],
        "body",
        [value("i", 7, []), value("c", 9, []), value("v", 1, [])],
        [value("c2", 9, []), value("v2", 1, [])],
    )
    for name, number in (("m", np.int64(2**62)), ("c0", np.bool_(True)), ("v0", np.float32(0))):
        stored(model, name, number)
    before_the_output(model, helper.make_node("Loop", ["m", "c0", "v0"], ["s"], body=body))


def huge_weight(model: Any) -> None:
    model.graph.initializer.append(helper.make_tensor("huge", TensorProto.FLOAT, [1], [0.0]))
    model.graph.initializer[-1].dims[0] = 2**40


def division_by_zero(model: Any) -> None:
    """ONNX Runtime divides whole numbers by an instruction that ends the process."""
    stored(model, "zero", np.zeros(1, np.int32))
    before_the_output(
        model,
        helper.make_node("Div", ["zero", "zero"], ["d"]),
        helper.make_node("Cast", ["d"], ["s"], to=1),
    )


def function(model: Any) -> None:
    made = helper.make_function("own", "f", ["x"], ["y"], [], [helper.make_opsetid("", 18)])
    model.functions.append(made)


def branch(model: Any) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("x", model.graph))


def of_another_maker(model: Any) -> None:
    model.graph.node[0].domain = "com.microsoft"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (gigabytes, "operation ConstantOfShape"), (endless, "operation Loop"),
        (huge_weight, "huge is larger than what is stored"), (function, "holds functions"),
        (division_by_zero, "divides whole numbers"), (branch, "holds a graph of its own"),
        (of_another_maker, "which a network does not need"),
    ],
)  # fmt: skip
def test_an_onnx_file_that_never_ends_or_takes_all_memory_is_refused(tmp_path, change, match):
    with pytest.raises(DamagedBundleError, match=match):
        check_onnx(changed_onnx(tmp_path / "model.onnx", change))


def test_whole_numbers_may_be_divided_by_a_constant(tmp_path):
    def change(model: Any) -> None:
        stored(model, "two", np.full(1, 2, np.int32))
        model.graph.node.append(helper.make_node("Div", ["two", "two"], ["d"]))

    check_onnx(changed_onnx(tmp_path / "model.onnx", change))


def test_damaged_onnx_files_get_a_named_error(tmp_path):
    good = (exported() / ONNX).read_bytes()
    random = np.random.default_rng(0)
    contents = [good[: len(good) // 2], random.bytes(3000), b""]
    for _ in range(40):
        content = bytearray(good)
        content[random.integers(len(good))] = random.integers(256)
        contents.append(bytes(content))
    for content in contents:
        (tmp_path / "model.onnx").write_bytes(content)
        with contextlib.suppress(DamagedBundleError):  # some still are sound
            check_onnx(tmp_path / "model.onnx")
    for content in contents[:3]:
        (tmp_path / "model.onnx").write_bytes(content)
        with pytest.raises(DamagedBundleError, match=r"model\.onnx: no ONNX file"):
            check_onnx(tmp_path / "model.onnx")


# TFLite


@pytest.fixture(scope="module")
def tflite() -> bytes:
    return tf.lite.TFLiteConverter.from_keras_model(network()).convert()


def test_damaged_tflite_files_get_a_named_error(tmp_path, tflite):
    """LiteRT verifies the structure itself, so that none of them ends the process."""
    path, random = tmp_path / "model.tflite", np.random.default_rng(7)
    contract = Contract(("vessels", "nuclei"), ("qd",), 0.5, 2, 9, True, 255.0)
    refused = 0
    for number in range(60):
        content = bytearray(tflite)
        for _ in range(random.integers(1, 6)):
            content[random.integers(8, len(content))] = random.integers(256)
        path.write_bytes(content[: random.integers(20, len(content))] if number < 9 else content)
        try:
            check_tflite(path)
            with named_errors("as open_session has it"):
                LiteRtSession(path, contract, "cpu", 1)
        except BundleError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize(
    ("number", "match"),
    [
        (schema.BuiltinOperator.WHILE, "operation WHILE"),
        (schema.BuiltinOperator.CUSTOM, "operation CUSTOM"),
        (schema.BuiltinOperator.VAR_HANDLE, "operation VAR_HANDLE"),
        (9999, "operation number 9999"),
    ],
)
def test_other_operations_of_tflite_are_refused(tmp_path, tflite, number, match):
    model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    model.operatorCodes[0].builtinCode = number
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    (tmp_path / "model.tflite").write_bytes(builder.Output())
    with pytest.raises(DamagedBundleError, match=match):
        check_tflite(tmp_path / "model.tflite")


# Sessions


@pytest.mark.parametrize("format", ["keras", "saved_model", "onnx"])
def test_no_format_takes_an_empty_batch(format):
    session = open_session(exported(), format)
    for shape in ((0, 8, 8, 2), (1, 0, 8, 2), (1, 8, 8, 0)):
        with pytest.raises(BundleError, match=r"at least one image|takes 2 channels"):
            session(np.zeros(shape, np.float32))
    assert session(np.zeros((1, 8, 8, 2), np.float32)).shape == (1, 8, 8, 1)


def test_litert_goes_on_after_an_empty_batch(tmp_path, tflite):
    """It ended the process on the next batch."""
    (tmp_path / "model.tflite").write_bytes(tflite)
    contract = Contract(("vessels", "nuclei"), ("qd",), 0.5, 2, 9, True, 255.0)
    session = LiteRtSession(tmp_path / "model.tflite", contract, "cpu", 1)
    first = session(np.ones((1, 16, 16, 2), np.float32))
    with pytest.raises(BundleError, match="at least one image"):
        session(np.zeros((0, 16, 16, 2), np.float32))
    session(np.zeros((1, 64, 64, 2), np.float32))
    assert np.array_equal(session(np.ones((1, 16, 16, 2), np.float32)), first)


def test_a_file_that_changes_after_the_bundle_was_opened_is_not_loaded(tmp_path):
    from hrpn_export import open_bundle

    bundle = open_bundle(copied(tmp_path))
    path = bundle.path / ONNX
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DamagedBundleError, match="not as it was exported"):
        open_session(bundle, "onnx")


def test_whatever_a_runtime_raises_gets_a_name(tmp_path, monkeypatch):
    from hrpn_export.runtimes.onnx_runtime import OnnxSession

    def broken(*arguments: Any) -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid")

    monkeypatch.setattr(OnnxSession, "__init__", broken)
    with pytest.raises(DamagedBundleError, match=r"model\.onnx: onnxruntime cannot load it"):
        open_session(exported(), "onnx")


def test_what_fails_while_it_runs_gets_a_name(tmp_path):
    def change(model: Any) -> None:
        stored(model, "s", np.zeros((1, 7, 7, 1), np.float32))
        before_the_output(model)

    bundle = copied(tmp_path)
    changed_onnx(bundle / ONNX, change)
    vouch(bundle, ONNX)
    with pytest.raises(BundleError, match="the model failed while it ran"):
        open_session(bundle, "onnx")(np.zeros((1, 8, 8, 2), np.float32))
