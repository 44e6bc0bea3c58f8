"""``hrpn-tf export`` on a small run: what is in the bundle, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hrpn_export import open_bundle, open_session
from hrpn_export.formats import FORMATS
from hrpn_export.runtimes import RUNTIMES
from support.command import hrpn_tf
from support.exported_run import exportable_run, image
from support.run_folder import GROUPS

from hrpn_tf.workflows.export.plan import plan_artefacts


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exportable_run(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def bundle(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that this machine can make."""
    out = tmp_path_factory.mktemp("bundle") / "small"
    options = ("--licence", "CC-BY-4.0", "--zip", "--triton", "--input-type", "uint8")
    assert hrpn_tf("export", run, "--out", out, *options).exit_code == 0
    return out


def test_every_format_in_every_precision_is_there_and_certified(bundle: Path) -> None:
    opened = open_bundle(bundle)
    expected = {
        (f.name, p)
        for f in FORMATS.values()
        if f.by_default
        for p in f.precisions
        if f.lacking(p) is None
    }
    assert {(a.format, a.precision) for a in opened.manifest.artefacts} == expected
    for format, precision in expected:
        assert opened.certificate.problem(format, precision) is None
        entry = opened.certificate.entry(format, precision)
        assert entry is not None
        assert [m.what for m in entry.measured] == ["patches", "c"]
        assert entry.measured[1].pixels == 110 * 150
        assert entry.seam_error is not None


def test_figures_are_those_of_the_test_slide(bundle: Path) -> None:
    """Measured here once more, by NumPy, from a prediction at once by ONNX Runtime."""
    opened = open_bundle(bundle)
    session = open_session(opened, "onnx")
    pixels = image(2)
    inside = session(pixels[None, ..., :2])[0, 20:-20, 20:-20, 0]
    truth = pixels[20:-20, 20:-20, 2].astype(float)
    entry = opened.certificate.entry("onnx", "fp32")
    assert entry is not None
    assert entry.measured[1].mse == pytest.approx(np.square(inside - truth).mean(), rel=0.05)


def test_the_bundle_says_where_it_comes_from(bundle: Path, run: Path) -> None:
    import hashlib

    manifest = open_bundle(bundle).manifest
    checksum = hashlib.sha256((run / "best.keras").read_bytes()).hexdigest()
    assert manifest.provenance["network"]["sha256"] == checksum
    assert manifest.provenance["groups"] == GROUPS
    assert manifest.licence == "CC-BY-4.0"
    assert manifest.grey_levels.type == "uint8"
    assert [(o.name, o.unit) for o in manifest.outputs] == [("qd", "grey level")]


def test_all_formats_give_the_same_grey_levels(bundle: Path) -> None:
    opened = open_bundle(bundle)
    reference = open_session(opened, "keras")
    for side in (32, 58):
        batch = np.stack([image(seed)[:side, : side + 10, :2] for seed in (0, 2, 5)])
        for artefact in opened.manifest.artefacts:
            for runtime in FORMATS[artefact.format].runtimes:
                allowed = RUNTIMES[runtime].precisions
                if allowed is not None and artefact.precision not in allowed:
                    continue
                session = open_session(opened, artefact.format, artefact.precision, runtime=runtime)
                limit = {"fp32": 0.01, "fp16": 0.25}.get(artefact.precision, 3.0)
                got, expected = session(batch), reference(batch)
                assert got.shape == (3, side, side + 10, 1)
                assert np.abs(got - expected).max() <= limit, (artefact, runtime)


def test_nothing_is_overwritten_unasked(
    run: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (bundle / "bundle.json").read_bytes()
    assert hrpn_tf("export", run, "--out", bundle).exit_code == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (bundle / "bundle.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--precision", "fp8"], "no precision fp8; there are fp32, fp16, bf16, int8, dynamic"),
        (["--saved-model", "--precision", "int8"], "--saved-model has no precision int8"),
        (["--onnx", "--precision", "fp32,dynamic"], "none of --onnx has the precision dynamic"),
        (["--store", "nowhere"], "nowhere"),
        (["--region", "0,0,5000,10"], "5000"),
        (["--trt", "--trt-tiles", "large"], "large"),
        (["--saved-model", "--triton"], "--triton: Triton runs ONNX"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_a_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert hrpn_tf("export", run, "--out", tmp_path / "out", *arguments).exit_code in (1, 2)
    errors = capsys.readouterr().err.strip().splitlines()
    assert said in errors[-1]
    assert "Traceback" not in "".join(errors)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("gone", ["best.keras", "contract.json", "split.json", "store.json"])
def test_a_run_that_misses_a_file(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], gone: str
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / gone).unlink()
    assert hrpn_tf("export", copy, "--out", tmp_path / "out", "--onnx").exit_code in (1, 2)
    assert gone in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_format_that_misses_its_limit_is_left_out(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hrpn_export import certificate

    strict = {**certificate.LIMITS, "int8": certificate.Limit(grey_levels=1e-9)}
    monkeypatch.setattr(certificate, "LIMITS", strict)
    out = tmp_path / "out"
    arguments = ["export", run, "--out", out, "--onnx", "--precision", "fp32,int8"]
    assert hrpn_tf(*arguments).exit_code == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "onnx int8 differs from the Keras model by up to" in error
    assert "--uncertified" in error
    assert not (out / "onnx" / "int8").exists()
    assert open_bundle(out).artefact("onnx", "fp32")
    assert hrpn_tf(*arguments, "--overwrite", "--uncertified").exit_code == 0
    assert open_bundle(out).artefact("onnx", "int8")
    # kept, but marked: predict refuses it, too
    slide = tmp_path / "p.ome.tif"
    predict = ["predict", "--bundle", out, run.parent / "slides" / "c.ome.tif", "--out", slide]
    predict += ["--precision", "int8"]
    assert hrpn_tf(*predict).exit_code == 1
    assert "not certified" in capsys.readouterr().err
    assert not slide.exists()
    assert hrpn_tf(*predict, "--uncertified").exit_code == 0
    assert slide.exists()


def test_a_full_disk_leaves_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from hrpn_export import manifest

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(manifest.Manifest, "write", full)
    assert hrpn_tf("export", run, "--out", tmp_path / "out", "--saved-model").exit_code == 1
    assert "No space left" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_formats_by_default_and_by_name() -> None:
    everything, _ = plan_artefacts((), ())
    assert ("onnx", "int8") in everything
    assert not [pair for pair in everything if pair[0] in ("tensorrt", "web")]
    assert plan_artefacts(("onnx", "tflite"), ("fp16",))[0] == [
        ("onnx", "fp16"),
        ("tflite", "fp16"),
    ]
    assert ("keras", "fp32") in plan_artefacts((), ("fp32",))[0]


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from hrpn_export.errors import MissingRuntimeError
    from hrpn_export.formats import table

    there = table.find_spec
    monkeypatch.setattr(
        table, "find_spec", lambda name: None if name == "ai_edge_litert" else there(name)
    )
    artefacts, left_out = plan_artefacts((), ())
    assert not [pair for pair in artefacts if pair[0] == "tflite"]
    assert left_out == ["tflite is left out: pip install 'hrpn-tf[litert]' brings what it needs"]
    with pytest.raises(MissingRuntimeError, match=r"hrpn-tf\[litert\]"):
        plan_artefacts(("tflite",), ())


def test_pixels_as_stored_and_triton(bundle: Path) -> None:
    models = sorted(path.name for path in bundle.with_name("small-triton").iterdir())
    precisions = ("fp16", "fp32", "int8")
    assert models == sorted(f"small_{p}{kind}" for p in precisions for kind in ("", "_uint8"))
    pixels = image(2)[None, ..., :2]
    stored = open_session(bundle, "tflite", "int8", input_type="uint8")(pixels)
    np.testing.assert_array_equal(stored, open_session(bundle, "tflite", "int8")(pixels))


def test_the_report_and_the_zip(bundle: Path) -> None:
    certificate = json.loads((bundle / "certificate.json").read_text())
    assert "patches of 48 x 48 px of the test groups (c)" in certificate["evidence"]
    zipped = open_bundle(bundle.with_name("small.zip"))
    assert zipped.manifest == open_bundle(bundle).manifest
