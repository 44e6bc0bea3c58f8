"""Formats that take pixels as stored, and a Triton repository of them, on one small export."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from hrpn_export import (
    About,
    Bundle,
    Contract,
    ContractError,
    export_bundle,
    open_bundle,
    open_session,
)
from hrpn_export.errors import BundleExistsError, FormatError
from hrpn_export.stored_input import as_type, check_input_types
from hrpn_export.triton import write_repository
from support.bundles import CONTRACT, change_manifest, evidence
from support.exported_run import save_network
from tritonclient.grpc import model_config_pb2

FORMATS = [
    ("saved_model", "fp32"),
    ("onnx", "fp32"),
    ("onnx", "fp16"),
    ("onnx", "int8"),
    ("tflite", "fp32"),
    ("tflite", "int8"),
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    import keras

    folder = tmp_path_factory.mktemp("stored")
    save_network(folder / "model.keras")
    model = keras.saving.load_model(folder / "model.keras")
    seen = evidence(model)
    exported = export_bundle(
        model,
        replace(CONTRACT, receptive_field=13),
        folder / "bundle",
        artefacts=FORMATS,
        evidence=seen,
        about=About("my.network"),
        calibration=seen.patches,
        input_types=("uint8", "uint16"),
    )
    assert not exported.refused
    return open_bundle(folder / "bundle")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (2, 36, 40, 2)).astype(np.uint8)


@pytest.mark.parametrize("input_type", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("format", "precision", "runtime"),
    [*((format, precision, None) for format, precision in FORMATS), ("onnx", "fp32", "openvino")],
)
def test_pixels_as_stored_give_the_same_result(
    bundle: Bundle,
    image: np.ndarray,
    format: str,
    precision: str,
    runtime: str | None,
    input_type: str,
) -> None:
    usual = open_session(bundle, format, precision, runtime=runtime)
    stored = open_session(bundle, format, precision, runtime=runtime, input_type=input_type)
    assert stored.input_type == input_type  # type: ignore[attr-defined]
    np.testing.assert_array_equal(stored(image), usual(image))
    with pytest.raises(ContractError, match="fractions"):
        stored(image + 0.5)
    assert usual(image + 0.5).shape == (2, 36, 40, 1)


def test_the_files_themselves_take_the_type(bundle: Bundle, image: np.ndarray) -> None:
    """Without this project: what a client of a server sends."""
    import onnxruntime
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    expected = open_session(bundle)(image)
    file = bundle.path / "onnx" / "fp32" / "model-uint8.onnx"
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"grey_levels": image})[0], expected)
    loaded = tf.saved_model.load(str(bundle.path / "saved_model" / "fp32" / "model" / "1"))
    run = loaded.signatures["serving_uint8"]
    found = run(grey_levels=tf.constant(image))["prediction"].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)
    tflite = Interpreter(str(bundle.path / "tflite" / "fp32" / "model-uint8.tflite"))
    runner = tflite.get_signature_runner("serving_default")
    found = runner(grey_levels=image)["prediction"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)


def test_the_manifest_and_the_readme_state_the_types(bundle: Bundle) -> None:
    details = bundle.artefact("onnx", "fp32").details
    assert details["input_types"] == {"uint8": "model-uint8.onnx", "uint16": "model-uint16.onnx"}
    assert bundle.artefact("saved_model", "fp32").details["input_types"]["uint8"] == "serving_uint8"
    assert "onnx/fp32/model-uint8.onnx" in bundle.manifest.files
    text = (bundle.path / "README.md").read_text(encoding="utf-8")
    assert "`onnx/fp32/model-uint8.onnx`" in text
    assert "`serving_uint8`" in text


def test_older_bundles_say_how_to_get_it(tmp_path: Path, bundle: Bundle) -> None:
    import shutil

    copy = tmp_path / "bundle"
    shutil.copytree(bundle.path, copy)

    def forget(values: dict[str, Any]) -> None:
        for artefact in values["artefacts"]:
            artefact["details"].pop("input_types", None)

    change_manifest(copy, forget)
    assert open_session(copy)(np.zeros((1, 4, 4, 2))).shape == (1, 4, 4, 1)
    with pytest.raises(FormatError, match="--input-type uint8"):
        open_session(copy, input_type="uint8")


@pytest.mark.parametrize("name", ["../../../etc/passwd", ".hidden", 3])
def test_a_forged_name_of_a_variant_is_refused(
    tmp_path: Path, bundle: Bundle, name: object
) -> None:
    import shutil

    copy = tmp_path / "bundle"
    shutil.copytree(bundle.path, copy)

    def forge(values: dict[str, Any]) -> None:
        for artefact in values["artefacts"]:
            artefact["details"]["input_types"] = {"uint8": name}

    change_manifest(copy, forge)
    with pytest.raises(FormatError):
        open_session(copy, input_type="uint8")


def test_types_that_do_not_fit_are_refused() -> None:
    check_input_types(["uint8", "uint16"], CONTRACT)
    with pytest.raises(FormatError, match="no input type int8"):
        check_input_types(["int8"], CONTRACT)
    with pytest.raises(ContractError, match="ends at 255"):
        check_input_types(["uint8"], replace(CONTRACT, grey_max=65535.0))
    levels = ((1.0, 2.0), (1.0, 2.0))
    with pytest.raises(ContractError, match="normalised"):
        check_input_types(["uint8"], replace(CONTRACT, reference_levels=levels))


@pytest.mark.parametrize("value", [-1.0, 256.0, 0.5])
def test_nothing_is_rounded_or_clipped(value: float) -> None:
    with pytest.raises(ContractError):
        as_type(np.array([0.0, value]), "uint8")


DTYPES = {1: "TYPE_FP32", 2: "TYPE_UINT8", 4: "TYPE_UINT16"}  # onnx.TensorProto


def test_triton_reads_its_configuration(bundle: Bundle, tmp_path: Path) -> None:
    """Checked against Triton's own definitions, and against the ONNX files."""
    names = write_repository(bundle, tmp_path / "triton")
    kinds = ("", "_uint8", "_uint16")
    assert names == tuple(f"my-network_{p}{k}" for p in ("fp32", "fp16", "int8") for k in kinds)
    assert sorted(names) == sorted(os.listdir(tmp_path / "triton"))
    for name in names:
        folder = tmp_path / "triton" / name
        read = model_config_pb2.ModelConfig()
        text_format.Parse((folder / "config.pbtxt").read_text(encoding="ascii"), read)
        graph = onnx.load(folder / "1" / read.default_model_filename).graph
        assert read.name == name
        assert read.backend == "onnxruntime"
        for stated, there in ((read.input, graph.input), (read.output, graph.output)):
            (tensor,), (value,) = stated, there
            assert tensor.name == value.name
            kind = model_config_pb2.DataType.Name(tensor.data_type)
            assert kind == DTYPES[value.type.tensor_type.elem_type]
            sizes = [each.dim_value or -1 for each in value.type.tensor_type.shape.dim]
            assert sizes == [-1, *tensor.dims], "Triton adds the batch"
        assert max(read.dynamic_batching.preferred_batch_size) <= read.max_batch_size
        assert read.dynamic_batching.max_queue_delay_microseconds > 0
        assert read.instance_group[0].count == 1
        for warm in read.model_warmup:
            tensor = warm.inputs["grey_levels"]
            assert tensor.data_type == read.input[0].data_type
            assert all(side % CONTRACT.stride_multiple == 0 for side in tensor.dims[:2])
        assert Contract.from_json(read.parameters["contract"].string_value) == bundle.contract
    with pytest.raises(BundleExistsError):
        write_repository(bundle, tmp_path / "triton")


def test_a_repository_needs_onnx(bundle: Bundle, tmp_path: Path) -> None:
    rest = tuple(a for a in bundle.manifest.artefacts if a.format != "onnx")
    without = replace(bundle, manifest=bundle.manifest.model_copy(update={"artefacts": rest}))
    with pytest.raises(FormatError, match="holds no ONNX file"):
        write_repository(without, tmp_path / "triton")
