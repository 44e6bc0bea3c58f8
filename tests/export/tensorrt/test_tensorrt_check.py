"""The check of an engine before it is loaded: a pure function, so every mismatch is tried."""

from pathlib import Path

import pytest
from hrpn_export.errors import DamagedBundleError, EngineError, MissingRuntimeError
from hrpn_export.tensorrt.check import check
from hrpn_export.tensorrt.machine import Gpu, Machine
from hrpn_export.tensorrt.sidecar import read_sidecar, sidecar_of
from support.engines import ADA, HASH, HERE, SIDECAR, lay


@pytest.fixture
def engine(tmp_path) -> Path:
    return lay(tmp_path)


def test_what_fits_is_let_through(engine):
    check(SIDECAR, HASH, HERE, engine)


@pytest.mark.parametrize(
    ("gpu", "message"),
    [
        (Gpu(0, "T4", "7.5", "13.0"), r"compute capability 8\.6 or 8\.9, and T4 has 7\.5"),
        (Gpu(0, "RTX 4090", "8.9", "12.9"), r"CUDA 13\.0, and here is one of CUDA 12\.9"),
    ],
)
def test_another_gpu_is_refused(engine, gpu, message):
    machine = Machine(HERE.platform, HERE.builders, gpu)
    with pytest.raises(EngineError, match=rf"{message}.*rebuild the engine here: python -m"):
        check(SIDECAR, HASH, machine, engine)


def test_another_version_is_refused_with_the_command_that_rebuilds(engine):
    onnx = engine.parents[2] / "onnx" / "fp16" / "model.onnx"
    onnx.parent.mkdir(parents=True)
    onnx.touch()
    machine = Machine(HERE.platform, {"tensorrt-rtx": "1.8.0.1"}, ADA)
    with pytest.raises(EngineError) as caught:
        check(SIDECAR, HASH, machine, engine)
    assert str(caught.value) == (
        f"{engine}: built for tensorrt-rtx 1.7.1.116, and here is 1.8.0.1; rebuild the engine "
        f"here: python -m hrpn_export.tensorrt {onnx} --into-bundle --tiles 64x64 --batches 2 "
        "--overwrite"
    )


def test_other_bytes_are_refused(engine):
    with pytest.raises(EngineError, match="not the engine that its sidecar describes"):
        check(SIDECAR, "1" * 64, HERE, engine)


def test_another_platform_matters_to_the_full_tensorrt_only(engine):
    windows = Machine("windows-amd64", HERE.builders, ADA)
    check(SIDECAR, HASH, windows, engine)
    full = SIDECAR.model_copy(update={"builder": "tensorrt", "version": "10.13.3.9"})
    check(full, HASH, HERE, engine)
    with pytest.raises(EngineError, match="linux-x86_64, and this is windows-amd64"):
        check(full, HASH, windows, engine)


def test_the_other_tensorrt_does_not_do(engine):
    machine = Machine(HERE.platform, {"tensorrt": "10.13.3.9"}, ADA)
    with pytest.raises(MissingRuntimeError, match=r"needs tensorrt-rtx 1\.7.*hrpn-tf\[trt\]"):
        check(SIDECAR, HASH, machine, engine)


def test_no_gpu_is_one_line(engine):
    machine = Machine(HERE.platform, HERE.builders, None, "no NVIDIA GPU can be used here")
    with pytest.raises(MissingRuntimeError, match="no NVIDIA GPU") as caught:
        check(SIDECAR, HASH, machine, engine)
    assert "\n" not in str(caught.value)


def test_a_sidecar_is_read_as_it_was_written(engine):
    assert read_sidecar(engine) == SIDECAR


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"schema_version": 1', '"schema_version": 2', "schema 2, and this program knows up to 1"),
        ('"gpu": null', '"gpu": null, "colour": 1', "colour: Extra inputs"),
        (HASH, "short", "engine_sha256"),
        ('"tensorrt-rtx"', '"other"', "builder"),
        ("1.7.1.116", "1.7; rm -rf", "version"),
        ("model.onnx", "\\u001b[2J.onnx", "onnx: String should match"),
        ('"8.6"', '"ada"', r"capabilities\.0"),
        ("{", "", "cannot be read"),
    ],
)
def test_a_wrong_sidecar_is_refused(engine, old, new, message):
    path = sidecar_of(engine)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DamagedBundleError, match=message):
        read_sidecar(engine)


def test_a_missing_sidecar_is_refused(engine):
    sidecar_of(engine).unlink()
    with pytest.raises(DamagedBundleError, match=r"model\.json is missing beside it"):
        read_sidecar(engine)
