"""``hrpn-tf predict --bundle``: any format in place of the run."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.command import hrpn_tf
from support.exported_run import exportable_run, image
from support.run_folder import write_slides

from hrpn_tf.slides import open_slide, read_provenance


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exportable_run(tmp_path_factory.mktemp("predict-bundle"))


@pytest.fixture(scope="module")
def bundle(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "small"
    formats = ["--onnx", "--saved-model", "--tflite", "--precision", "fp32,int8"]
    assert hrpn_tf("export", run, "--out", out, *formats).exit_code == 0
    return out


def pixels(path: Path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read(0, 0, slide.info.height, slide.info.width, [0])


@pytest.fixture(scope="module")
def reference(run: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    out = tmp_path_factory.mktemp("reference") / "c.ome.tif"
    slide = run.parent / "slides" / "c.ome.tif"
    assert hrpn_tf("predict", "--run", run, slide, "--out", out, "--tile", 32).exit_code == 0
    return pixels(out)


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ([], 0.01),
        (["--model-format", "keras"], 0.01),
        (["--model-format", "saved_model"], 0.01),
        (["--model-format", "tflite"], 0.01),
        (["--runtime", "openvino"], 0.01),
        (["--precision", "int8"], 3.0),
        (["--model-format", "tflite", "--precision", "int8"], 3.0),
    ],
)
def test_every_runtime_predicts_slides(
    run: Path, bundle: Path, tmp_path: Path, reference: np.ndarray, options: list[str], limit: float
) -> None:
    slide, out = run.parent / "slides" / "c.ome.tif", tmp_path / "c.ome.tif"
    assert (
        hrpn_tf(
            "predict", "--bundle", bundle, slide, "--out", out, "--tile", 32, *options
        ).exit_code
        == 0
    )
    assert np.abs(pixels(out) - reference).max() <= limit


def test_every_format_averages_orientations(run: Path, bundle: Path, tmp_path: Path) -> None:
    slide = run.parent / "slides" / "c.ome.tif"
    found = []
    for number, network in enumerate(
        (("--run", run), ("--bundle", bundle), ("--bundle", bundle, "--model-format", "tflite"))
    ):
        out = tmp_path / f"{number}.ome.tif"
        options = ("--out", out, "--tile", 64, "--symmetries")
        assert hrpn_tf("predict", slide, *network, *options).exit_code == 0
        assert read_provenance(out)["configuration"]["prediction"]["symmetries"] is True
        found.append(pixels(out))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=0, atol=0.01)


def test_int8_warns_once_of_a_slide_brighter_than_its_calibration(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def bright(seed: int) -> np.ndarray:
        return (image(seed) * 3.4).astype(np.uint16)  # brighter than the largest gain

    write_slides(tmp_path, ["m"], bright)
    command = ["predict", "--bundle", bundle, tmp_path / "m.ome.tif", "--tile", 32, "--precision"]
    assert hrpn_tf(*command, "int8", "--out", tmp_path / "a.ome.zarr").exit_code == 0
    said = capsys.readouterr().err
    assert said.count("outside the grey levels that this int8 network was calibrated on") == 1
    assert "where the calibration held 0 to 255" in said
    assert hrpn_tf(*command, "fp32", "--out", tmp_path / "b.ome.zarr").exit_code == 0
    assert "calibrated on" not in capsys.readouterr().err


def test_the_result_names_the_format_and_the_training(
    run: Path, bundle: Path, tmp_path: Path
) -> None:
    import hashlib
    from importlib import metadata

    slide, out = run.parent / "slides" / "c.ome.tif", tmp_path / "c.ome.tif"
    assert hrpn_tf("predict", "--bundle", bundle, slide, "--out", out).exit_code == 0
    trained = hashlib.sha256((run / "best.keras").read_bytes()).hexdigest()
    own = hashlib.sha256((bundle / "onnx" / "fp32" / "model.onnx").read_bytes()).hexdigest()
    assert read_provenance(out)["model"] == {
        "file": "onnx/fp32/model.onnx",
        "bundle": "small",
        "sha256": own,
        "trained": trained,
        "runtime": f"onnxruntime {metadata.version('onnxruntime')}",
    }


def test_a_list_gives_what_the_training_did_not_use(
    run: Path, bundle: Path, tmp_path: Path
) -> None:
    slides = run.parent / "slides" / "slides.csv"
    assert hrpn_tf("predict", "--bundle", bundle, slides, "--out", tmp_path).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["c.ome.tif"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of --run RUN, --bundle BUNDLE or --weights NAME"),
        (
            ["--bundle", "{bundle}", "--run", "{run}"],
            "one of --run RUN, --bundle BUNDLE or --weights NAME",
        ),
        (["--run", "{run}", "--precision", "int8"], "--precision: for --bundle only"),
        (["--bundle", "{bundle}", "--precision", "fp16"], "no onnx in fp16; it holds"),
        (["--bundle", "{bundle}", "--model-format", "caffe"], "no format caffe"),
        (
            ["--bundle", "{bundle}", "--model-format", "onnx", "--runtime", "litert"],
            "litert does not run onnx",
        ),
        (["--bundle", "{bundle}", "--device", "tpu"], "not on tpu"),
        (["--bundle", "nowhere"], "no bundle"),
        (["--bundle", "{run}"], "a run, not a bundle"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(
    run: Path,
    bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    slide = run.parent / "slides" / "c.ome.tif"
    given = [text.format(bundle=bundle, run=run) for text in arguments]
    assert hrpn_tf("predict", slide, "--out", tmp_path / "x.ome.tif", *given).exit_code in (1, 2)
    errors = capsys.readouterr().err.strip().splitlines()
    assert said in errors[-1]
    assert not list(tmp_path.iterdir())


def test_a_bundle_names_no_slides_and_no_place(
    run: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hrpn_tf("predict", "--bundle", bundle, "--out", tmp_path).exit_code == 2
    assert "names no slides" in capsys.readouterr().err
    assert (
        hrpn_tf("predict", "--bundle", bundle, run.parent / "slides" / "c.ome.tif").exit_code == 2
    )
    assert "--out" in capsys.readouterr().err


@pytest.mark.slow
def test_several_slides_on_workers_of_this_machine(run: Path, bundle: Path, tmp_path: Path) -> None:
    slides = [run.parent / "slides" / f"{name}.ome.tif" for name in "ac"]
    arguments = ["predict", "--bundle", bundle, *slides, "--out", tmp_path, "--workers", 1]
    assert hrpn_tf(*arguments).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ome.tif", "c.ome.tif"]


def test_a_format_whose_tiles_show_says_so(
    run: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hrpn_export import open_bundle

    from hrpn_tf.workflows.networks import bundle as bundle_network

    opened = open_bundle(bundle)
    entries = [
        entry.model_copy(update={"seam_error": 0.4 if entry.format == "tflite" else 0.001})
        for entry in opened.certificate.entries
    ]
    certificate = opened.certificate.model_copy(update={"entries": tuple(entries)})
    marked = dataclasses.replace(opened, certificate=certificate)
    monkeypatch.setattr(bundle_network, "_open_bundle", lambda path, changed: marked)
    caution = bundle_network.BundleNetwork(bundle, "tflite").caution()
    assert caution is not None
    assert "depends on its tile by up to 0.4 grey levels" in caution
    assert bundle_network.BundleNetwork(bundle, "onnx").caution() is None
