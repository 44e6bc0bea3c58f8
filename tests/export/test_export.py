"""``export_bundle``: what is refused before anything is written, and what is left of a failure."""

import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
import yaml
from hrpn_export import About, Evidence, export_bundle, open_bundle, open_session
from hrpn_export.calibrated_range import CalibratedRange
from hrpn_export.certificate import robust_gain
from hrpn_export.errors import (
    BundleExistsError,
    CertificateError,
    ContractError,
    FormatError,
    MissingRuntimeError,
    QuantisationError,
)
from hrpn_export.formats.onnx import exporter as onnx_file
from hrpn_export.tensorrt import write
from hrpn_export.tensorrt.machine import Machine, platform_name
from support.bundles import CONTRACT, change_json, evidence, network, vouch
from support.format_networks import images, tiny

PATCHES = np.random.default_rng(0).uniform(0, 200, (2, 32, 32, 2)).astype(np.float32)


def export(out: Path, *artefacts: tuple[str, str], **options: object):
    model = network()
    given = {"evidence": evidence(model), "about": About("tiny"), "calibration": PATCHES, **options}
    return export_bundle(model, CONTRACT, out, artefacts=artefacts, **given)


@pytest.mark.parametrize(
    ("calibration", "error", "said"),
    [
        (None, QuantisationError, "onnx int8 needs calibration patches"),
        (PATCHES[:0], QuantisationError, "onnx int8 needs calibration patches"),
        (np.full_like(PATCHES, 7), QuantisationError, "constant in the channel vessels"),
        (PATCHES * [1, 0], QuantisationError, "constant in the channel nuclei"),
        (PATCHES * np.nan, QuantisationError, "NaN or infinite"),
        (PATCHES[..., :1], ContractError, "2 channels"),
    ],
)
def test_patches_that_say_nothing_of_the_ranges(tmp_path, calibration, error, said):
    with pytest.raises(error, match=said):
        export(tmp_path / "b", ("onnx", "int8"), calibration=calibration)
    assert not list(tmp_path.iterdir())


def test_patches_are_not_asked_for_where_nothing_is_calibrated(tmp_path):
    assert export(tmp_path / "b", ("onnx", "fp32"), calibration=None).refused == {}


def content(path: Path) -> list[bytes]:
    """What a file holds, without names, in which tf2onnx counts."""
    if path.suffix != ".onnx":
        return [path.read_bytes()]
    return [
        onnx.numpy_helper.to_array(each).tobytes() for each in onnx.load(path).graph.initializer
    ]


@pytest.mark.parametrize("artefact", [("tflite", "dynamic"), ("onnx", "bf16")])
def test_a_file_does_not_depend_on_what_is_exported_beside_it(tmp_path, artefact):
    """Patches correct it and choose its layers, also where nothing is calibrated."""
    model, contract = tiny()
    found = []
    for number, (more, patches) in enumerate(
        (((), PATCHES), ((("onnx", "int8"),), PATCHES), ((), None))
    ):
        folder = tmp_path / str(number)
        export_bundle(
            model, contract, folder, artefacts=(artefact, *more), evidence=evidence(model),
            about=About("tiny"), calibration=patches, uncertified=True,
        )  # fmt: skip
        found.append(content(folder / open_bundle(folder).artefact(*artefact).path))
    assert found[0] == found[1]
    assert found[0] != found[2]


@pytest.mark.parametrize("artefact", [("onnx", "fp8"), ("caffe", "fp32")])
def test_what_does_not_exist(tmp_path, artefact):
    with pytest.raises(FormatError):
        export(tmp_path / "b", artefact)
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(BundleExistsError, match=r"remove it, or name another folder"):
        export(tmp_path / "b")


def test_a_converter_that_fails_is_named_and_the_other_formats_stay(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise LookupError("no such operation\nat all")

    monkeypatch.setattr(onnx_file, "to_onnx", fail)
    done = export(tmp_path / "b", ("onnx", "fp32"), ("tensorrt", "fp32"), ("saved_model", "fp32"))
    assert done.refused["onnx fp32"] == "cannot be made: the converter failed: no such operation"
    assert "there is none" in done.refused["tensorrt fp32"]
    assert done.failed == ("onnx fp32", "tensorrt fp32")
    bundle = open_bundle(tmp_path / "b")
    assert [a.format for a in bundle.manifest.artefacts] == ["keras", "saved_model"]
    assert not (tmp_path / "b" / "onnx").exists()


def test_a_file_that_cannot_be_run_is_named_and_the_others_stay(tmp_path, monkeypatch):
    def nothing(source: object, precision: str, folder: Path) -> Path:
        return folder / "model.onnx"

    monkeypatch.setattr("hrpn_export.formats.onnx.export", nothing)
    done = export(tmp_path / "b", ("onnx", "fp32"))
    assert done.refused["onnx fp32"].startswith("cannot be run: ")
    assert done.failed == ("onnx fp32",)
    assert [a.format for a in open_bundle(tmp_path / "b").manifest.artefacts] == ["keras"]


def test_a_full_disk_ends_the_export(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx_file, "to_onnx", fail)
    with pytest.raises(OSError, match="No space"):
        export(tmp_path / "b", ("onnx", "fp32"))
    assert not list(tmp_path.iterdir())


def wrong_model(size=None, outputs=1, inputs=2, second=False):
    image = keras.Input((size, size, inputs))
    given = keras.layers.Conv2D(outputs, 3, padding="same")(image)
    return keras.Model(image, [given, given] if second else given)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: wrong_model(size=32), r"takes arrays \(None, 32, 32, 2\) only.*keras.Input"),
        (lambda: wrong_model(outputs=3), "names 1 channels.*: qd"),
        (lambda: wrong_model(inputs=3), "takes 3 channels, and its contract names 2: vessels"),
        (lambda: wrong_model(second=True), "has 2 outputs"),
    ],
)
def test_a_model_that_is_not_what_the_contract_says(tmp_path, model, said):
    with pytest.raises(ContractError, match=said):
        export_bundle(
            model(), CONTRACT, tmp_path / "b", artefacts=[], evidence=evidence(network()),
            about=About("tiny"),
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_a_receptive_field_that_is_too_small_is_no_certificate(tmp_path):
    """The halo of a tiled prediction would be too small: seams of many grey levels."""
    model = network()
    given = {"evidence": evidence(model), "about": About("tiny"), "artefacts": [("onnx", "fp32")]}
    contract = replace(CONTRACT, receptive_field=1)
    with pytest.raises(CertificateError, match="Keras model itself has a seam error of"):
        export_bundle(model, contract, tmp_path / "b", **given)
    assert not list(tmp_path.iterdir())
    export_bundle(model, contract, tmp_path / "b", **given, uncertified=True)
    opened = open_bundle(tmp_path / "b")
    for runtime in ("onnxruntime", "openvino"):
        with pytest.raises(CertificateError, match="seam error"):
            open_session(opened, "onnx", runtime=runtime)
    assert opened.manifest.artefacts[1].details["runtimes"] == {}


@pytest.fixture(scope="module")
def ranges(tmp_path_factory):
    """A bundle with int8, calibrated on dim patches and measured on patches twice as bright."""
    model, contract = tiny()
    dim = images((8, 64, 64), seed=3) / 8
    patches = images((2, 64, 64), seed=4) / 8
    truth = model(patches).numpy() + 2
    out = tmp_path_factory.mktemp("ranges") / "b"
    done = export_bundle(
        model, contract, out, artefacts=[("onnx", "fp32"), ("onnx", "int8")],
        evidence=Evidence(patches, truth), about=About("tiny"), calibration=dim, uncertified=True,
    )  # fmt: skip
    return out, done, dim


def test_every_runtime_that_is_installed_is_certified_by_name(ranges):
    out, done, _ = ranges
    entries = done.certificate.entries_of("onnx", "fp32")
    assert [entry.runtime for entry in entries] == ["onnxruntime", "openvino"]
    assert all(entry.measured and entry.stress for entry in entries)
    in_int8 = done.certificate.entries_of("onnx", "int8")
    assert [entry.runtime for entry in in_int8] == ["onnxruntime", "openvino"]
    manifest = open_bundle(out).manifest
    details = {(a.format, a.precision): a.details for a in manifest.artefacts}
    assert set(details["onnx", "fp32"]["runtimes"]) == {"onnxruntime", "openvino"}
    text = (out / "README.md").read_text(encoding="utf-8")
    assert "| onnx | fp32 | openvino" in text
    assert "NaN, infinity" in text


def test_a_runtime_that_was_not_certified_is_refused_with_a_reason(ranges, tmp_path):
    bundle = Path(shutil.copytree(ranges[0], tmp_path / "b"))
    change_json(
        bundle / "certificate.json",
        lambda values: values.update(
            entries=[e for e in values["entries"] if e["runtime"] != "openvino"]
        ),
    )
    vouch(bundle, "certificate.json")
    opened = open_bundle(bundle)
    with pytest.raises(CertificateError, match=r"in openvino: .* measured in onnxruntime only"):
        open_session(opened, "onnx", runtime="openvino")
    open_session(opened, "onnx", runtime="openvino", certified=False)
    open_session(opened, "onnx")


def test_int8_states_its_range_and_the_gain_that_it_bears(ranges):
    out, done, dim = ranges
    entry, grey_max = done.certificate.entry("onnx", "int8"), done.certificate.grey_max
    assert [stress.what for stress in entry.stress] == ["gain 1.5", "gain 3", "saturated"]
    assert entry.stress[2].largest > 3 * entry.measured[0].largest  # clipped far below
    assert robust_gain(done.certificate.entry("onnx", "fp32"), grey_max) == 3
    artefact = open_bundle(out).artefact("onnx", "int8")
    found = CalibratedRange.of(artefact, 2)
    bright = dim[np.argsort(-dim.mean(axis=(1, 2, 3)))[:4]]  # these calibrate with gains up to 3
    assert found.maximum == pytest.approx(3 * bright.max(axis=(0, 1, 2)), rel=1e-5)
    assert found.outside(np.concatenate([dim, 3 * bright])).tolist() == [0, 0]
    assert min(found.outside(4 * dim)) > 0
    assert "Robust up to gain" in (out / "README.md").read_text(encoding="utf-8")


def test_without_tensorrt_the_onnx_file_is_there_with_the_command(tmp_path, monkeypatch):
    """As on a machine where neither builder is installed."""
    monkeypatch.setattr(write, "this_machine", lambda: Machine(platform_name(), {}, None))
    done = export(tmp_path / "b", ("tensorrt", "fp32"))
    reason = done.impossible["tensorrt fp32"]
    assert "pip install 'hrpn-tf[trt]'" in reason
    assert f"python -m hrpn_export.tensorrt {tmp_path}/b/onnx/fp32/model.onnx" in reason
    bundle = open_bundle(tmp_path / "b")
    assert [a.format for a in bundle.manifest.artefacts] == ["keras", "onnx"]
    assert not (tmp_path / "b" / "tensorrt").exists()


def test_an_engine_that_cannot_run_here_is_there_without_figures(tmp_path):
    pytest.importorskip("tensorrt_rtx")
    if shutil.which("nvidia-smi") is not None:
        pytest.skip("there may be a GPU to run it")
    done = export(
        tmp_path / "b", ("tensorrt", "fp32"), options={"tensorrt": {"capability": ["8.6"]}}
    )
    assert (done.refused, done.impossible) == ({}, {})
    problem = open_bundle(tmp_path / "b").certificate.problem("tensorrt", "fp32")
    assert problem is not None
    assert "it could not be measured here" in problem


def test_a_missing_package_is_named_before_anything_is_written(tmp_path, monkeypatch):
    from hrpn_export.formats import table

    monkeypatch.setattr(table, "find_spec", lambda name: None)
    with pytest.raises(MissingRuntimeError, match=r"pip install 'hrpn-tf\[litert\]'"):
        export(tmp_path / "b", ("tflite", "fp32"))
    assert not list(tmp_path.iterdir())


def test_a_bundle_with_normalised_inputs_says_how(tmp_path: Path) -> None:
    model = network()
    contract = replace(CONTRACT, reference_levels=((1.5, 100), (2, 90)))
    export_bundle(
        model, contract, tmp_path / "b", artefacts=[("onnx", "fp32")], evidence=evidence(model),
        about=About("tiny"),
    )  # fmt: skip
    text = (tmp_path / "b/README.md").read_text(encoding="utf-8")
    assert "never scale them" not in text
    assert "over the slide's tissue: vessels to 1.5 and 100, nuclei to 2 and 90" in text
    (tensor,) = yaml.safe_load((tmp_path / "b/rdf.yaml").read_text(encoding="utf-8"))["inputs"]
    assert tensor["description"] == "Grey levels, normalised for each slide as README.md says."
    assert "range" not in tensor["data"]
