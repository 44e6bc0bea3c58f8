"""``export_bundle``: what is refused before anything is written, and what is left of a failure."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hrpn_export import About, export_bundle, open_bundle
from hrpn_export.errors import (
    BundleExistsError,
    CalibrationError,
    ContractError,
    ExportError,
    FormatError,
    MissingRuntimeError,
)
from hrpn_export.formats.onnx import exporter as onnx_file
from hrpn_export.tensorrt import write
from hrpn_export.tensorrt.machine import Machine, platform_name
from support.bundles import CONTRACT, evidence, network

PATCHES = np.random.default_rng(0).uniform(0, 200, (2, 32, 32, 2)).astype(np.float32)


def export(out: Path, *artefacts: tuple[str, str], **options: object):
    model = network()
    given = {"evidence": evidence(model), "about": About("tiny"), "calibration": PATCHES, **options}
    return export_bundle(model, CONTRACT, out, artefacts=artefacts, **given)


@pytest.mark.parametrize(
    ("calibration", "error", "said"),
    [
        (None, CalibrationError, "onnx int8 needs calibration patches"),
        (PATCHES[:0], CalibrationError, "onnx int8 needs calibration patches"),
        (np.full_like(PATCHES, 7), CalibrationError, "constant in the channel vessels"),
        (PATCHES * [1, 0], CalibrationError, "constant in the channel nuclei"),
        (PATCHES * np.nan, CalibrationError, "NaN or infinite"),
        (PATCHES[..., :1], ContractError, "2 channels"),
    ],
)
def test_patches_that_say_nothing_of_the_ranges(tmp_path, calibration, error, said):
    with pytest.raises(error, match=said):
        export(tmp_path / "b", ("onnx", "int8"), calibration=calibration)
    assert not list(tmp_path.iterdir())


def test_patches_are_not_asked_for_where_nothing_is_calibrated(tmp_path):
    assert export(tmp_path / "b", ("onnx", "fp32"), calibration=None).refused == {}


@pytest.mark.parametrize("artefact", [("onnx", "fp8"), ("caffe", "fp32")])
def test_what_does_not_exist(tmp_path, artefact):
    with pytest.raises(FormatError):
        export(tmp_path / "b", artefact)
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(BundleExistsError, match=r"remove it, or name another folder"):
        export(tmp_path / "b")


def test_a_converter_that_fails_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise LookupError("no such operation\nat all")

    monkeypatch.setattr(onnx_file, "to_onnx", fail)
    with pytest.raises(ExportError, match=r"^onnx fp32: the converter failed: no such operation$"):
        export(tmp_path / "b", ("onnx", "fp32"))
    assert not list(tmp_path.iterdir())


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
