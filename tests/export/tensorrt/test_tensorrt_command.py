"""``python -m hrpn_export.tensorrt``, beside a bundle and into it."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hrpn_export.bundle import open_bundle, open_session
from hrpn_export.certificate import Certificate, CertificateEntry
from hrpn_export.errors import CertificateError, MissingRuntimeError
from hrpn_export.manifest import Artefact, GreyLevels, Manifest, Output, contract_fields
from hrpn_export.paths import files_below, sha256_of
from hrpn_export.tensorrt import read_sidecar
from hrpn_export.tensorrt.__main__ import main
from hrpn_export.tensorrt.machine import this_machine
from support.engines import CONTRACT, tiny

trt = pytest.importorskip("tensorrt_rtx")


@pytest.fixture
def bundle(tmp_path) -> Path:
    """The ONNX file of a bundle, whose certificate speaks of an engine."""
    folder = tmp_path / "bundle" / "onnx" / "fp32"
    folder.mkdir(parents=True)
    tiny(folder / "model.onnx")
    stale = CertificateEntry(
        format="tensorrt", precision="fp32", runtime="tensorrt", version="", device="cuda"
    )
    root = tmp_path / "bundle"
    Certificate(evidence="none", grey_max=255.0, entries=(stale,)).write(root / "certificate.json")
    Manifest(
        name="tiny",
        contract=contract_fields(CONTRACT),
        grey_levels=GreyLevels.of(CONTRACT),
        outputs=(Output(name="qd", unit="grey level"),),
        licence="MIT",
        provenance={},
        program="a test",
        artefacts=(Artefact(format="onnx", precision="fp32", path="onnx/fp32/model.onnx"),),
        files={name: sha256_of(root / name) for name in files_below(root)},
    ).write(root)
    return folder / "model.onnx"


def test_the_command_builds_from_a_bundle(bundle, tmp_path):
    out = tmp_path / "new.engine"
    arguments = [str(bundle), "--out", str(out), "--tiles", "64,128x64", "--batches", "1,2"]
    arguments += ["--capability", "8.6,89", "--builder", "tensorrt-rtx"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert f"by tensorrt-rtx {trt.__version__} for compute capability 8.6, 8.9" in done.output
    sidecar = read_sidecar(out)
    assert sidecar.precision == "fp32"
    assert sidecar.profiles[0].minimum == (1, 16, 16, 2)
    assert [profile.tile for profile in sidecar.profiles[1:]] == [(64, 64), (128, 64)]
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 2
    assert "add --overwrite" in again.output
    assert CliRunner().invoke(main, [*arguments, "--overwrite"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "lies in no bundle: say the model's --multiple"),
        (["--multiple", "16", "--batches", "many"], "batches must be numbers from 1 up"),
        (["--multiple", "16", "--tiles", "40"], "multiples of 16"),
        (["--into-bundle"], "leave out --out and --multiple"),
    ],
)
def test_the_command_says_what_is_wrong(model, tmp_path, arguments, message):
    done = CliRunner().invoke(main, [str(model), "--out", str(tmp_path / "a.engine"), *arguments])
    assert done.exit_code == 2
    assert message in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "a.engine").exists()


def run(*arguments: object):
    return CliRunner().invoke(main, [*map(str, arguments), "--builder", "tensorrt-rtx"])


def test_an_engine_is_put_into_the_bundle_and_replaced(bundle, tmp_path):
    root = tmp_path / "bundle"
    done = run(bundle, "--into-bundle", "--capability", "8.6")
    assert done.exit_code == 0, done.output
    opened = open_bundle(root)
    assert opened.artefact("tensorrt", "fp32").path == "tensorrt/fp32/model.engine"
    assert opened.certificate.entries == ()
    with pytest.raises(CertificateError, match="never measured"):
        open_session(opened, "tensorrt", device="cuda")
    if this_machine().gpu is None:
        with pytest.raises(MissingRuntimeError, match="no NVIDIA GPU"):
            open_session(opened, "tensorrt", device="cuda", certified=False)
    refused = run(bundle, "--into-bundle", "--capability", "8.9")
    assert refused.exit_code == 2
    assert "holds an engine in fp32 already: add --overwrite" in refused.output
    assert run(bundle, "--into-bundle", "--capability", "8.9", "--overwrite").exit_code == 0
    assert open_bundle(root).manifest.artefacts == opened.manifest.artefacts
    assert read_sidecar(root / "tensorrt/fp32/model.engine").capabilities == ("8.9",)
    assert sorted(path.name for path in root.iterdir()) == [
        "bundle.json",
        "certificate.json",
        "onnx",
        "tensorrt",
    ]


def test_a_failed_build_leaves_the_bundle_as_it_was(bundle, tmp_path):
    root = tmp_path / "bundle"
    before = {name: sha256_of(root / name) for name in files_below(root)}
    assert run(bundle, "--into-bundle", "--capability", "9.9").exit_code == 2
    assert {name: sha256_of(root / name) for name in files_below(root)} == before


def test_a_changed_bundle_is_not_built_from(bundle):
    bundle.write_bytes(bundle.read_bytes() + b" ")
    done = run(bundle, "--into-bundle")
    assert done.exit_code == 1
    assert "is not as it was exported" in done.output


@pytest.fixture
def model(tmp_path) -> Path:
    """An ONNX file that is in no bundle."""
    return tiny(tmp_path / "model.onnx")


def test_the_command_needs_no_tensorflow():
    check = "import sys, hrpn_export.tensorrt.__main__; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
