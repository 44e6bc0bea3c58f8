"""``hrpn-tf export RUN RUN``: the mean of several networks as one bundle."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from hrpn_export import open_bundle, open_session
from support.command import hrpn_tf
from support.exported_run import exportable_run, image
from support.run_folder import change_contract, set_split

from hrpn_tf.config import load_config
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import open_store
from hrpn_tf.runs import load_run, open_run
from hrpn_tf.slides import open_slide
from hrpn_tf.training.teacher import open_teacher
from hrpn_tf.workflows.export.evidence import held_out
from hrpn_tf.workflows.networks import EnsembleNetwork


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs on the same patches, with different weights and different training groups."""
    one = exportable_run(tmp_path_factory.mktemp("ensemble"))
    two = one.with_name("two")
    shutil.copytree(one, two)
    network = load_run(one)[0]
    network.set_weights([1.2 * weights for weights in network.get_weights()])
    network.save(two / "best.keras")
    set_split(two, {"a": "validation", "b": "train", "c": "test"})
    return one, two


@pytest.fixture(scope="module")
def bundle(runs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "mean"
    formats = ["--onnx", "--tflite", "--precision", "fp32,int8"]
    assert hrpn_tf("export", *runs, "--out", out, *formats).exit_code == 0
    return out


def mean_of(runs: tuple[Path, Path], batch: np.ndarray) -> np.ndarray:
    answers = [keras.ops.convert_to_numpy(load_run(run)[0](batch)) for run in runs]
    return np.mean(answers, axis=0)


def test_every_format_gives_the_mean_of_the_members(runs: tuple[Path, Path], bundle: Path) -> None:
    batch = image(2)[None, :, :, :2].astype(np.float32)
    expected = mean_of(runs, batch)
    opened = open_bundle(bundle)
    kinds = {(artefact.format, artefact.precision) for artefact in opened.manifest.artefacts}
    assert kinds > {("keras", "fp32"), ("onnx", "int8"), ("tflite", "int8")}
    for format, precision in kinds:
        limit = 3.0 if precision == "int8" else 0.01
        found = open_session(opened, format, precision)(batch)
        np.testing.assert_allclose(found, expected, rtol=0, atol=limit, err_msg=format)
    assert np.abs(expected - load_run(runs[0])[0](batch)).max() > 1


def test_the_bundle_names_its_members(runs: tuple[Path, Path], bundle: Path) -> None:
    opened = open_bundle(bundle)
    members = opened.manifest.provenance["members"]
    assert [member["run"] for member in members] == ["run", "two"]
    assert len({member["sha256"] for member in members}) == 2
    assert opened.manifest.name == "mean-of-2-hrpn-m"
    # a group that one of them trained on is no held-out group of the mean
    assert opened.manifest.provenance["groups"] == {"a": "train", "b": "train", "c": "test"}
    evidence = json.loads((bundle / "certificate.json").read_text())["evidence"]
    assert "test groups (c)" in evidence
    assert "trained some" not in evidence


def test_slides_are_predicted_with_the_bundle(
    runs: tuple[Path, Path], bundle: Path, tmp_path: Path
) -> None:
    slides, out = runs[0].parent / "slides" / "slides.csv", tmp_path / "out"
    assert hrpn_tf("predict", slides, "--bundle", bundle, "--out", out).exit_code == 0
    assert [path.name for path in out.iterdir()] == ["c.ome.tif"]
    with open_slide(out / "c.ome.tif") as slide:
        inside = slide.read(20, 20, 70, 110, [0])
    expected = mean_of(runs, image(2)[None, :, :, :2].astype(np.float32))[0, 20:90, 20:130]
    np.testing.assert_allclose(inside, expected, rtol=0, atol=0.01)


def test_the_bundle_teaches(runs: tuple[Path, Path], bundle: Path) -> None:
    config = load_config(overrides=[f"training.teacher={bundle}"])
    split = Split(train=("a", "b"), validation=(), test=("c",))
    teacher = open_teacher(config, open_bundle(bundle).contract, split, 48)
    assert teacher is not None
    batch = image(2)[None, :48, :48, :2].astype(np.float32)
    np.testing.assert_allclose(teacher.predict(batch), mean_of(runs, batch), rtol=0, atol=0.01)


def test_folds_are_measured_on_what_one_of_them_held_out(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    folds = tmp_path / "one", tmp_path / "two"
    for run, fold in zip(runs, folds, strict=True):
        shutil.copytree(run, fold)
    set_split(folds[0], {"a": "test", "b": "train", "c": "train"})
    set_split(folds[1], {"a": "train", "b": "test", "c": "train"})
    network = EnsembleNetwork(tuple(map(open_run, folds)))
    held = held_out(network, open_store(open_run(folds[0]).patch_dataset))
    assert (held.subset, held.groups) == ("test", ("a", "b"))
    assert "the errors against the measured target are too small" in held.caution
    set_split(folds[1], {"a": "test", "b": "test", "c": "train"})
    held = held_out(network, open_store(open_run(folds[0]).patch_dataset))
    assert (held.groups, held.caution) == (("a",), "")


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"inputs": ["nuclei", "vessels"]}, [], "differ in inputs: vessels, nuclei, nuclei, ves"),
        ({"outputs": ["drug"]}, [], "differ in outputs: qd, drug"),
        ({"pixel_size_um": 0.25}, [], "differ in pixel size: 0.5 um, 0.25 um"),
        ({"grey_max": 65535.0}, [], "differ in largest grey level: 255.0, 65535.0"),
        ({}, ["--intervals"], "the mean of 2 networks has no prediction intervals"),
        (None, [], "are the same network; name each network once"),
    ],
)
def test_networks_that_have_no_mean_are_refused(
    runs: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, object] | None,
    options: list[str],
    said: str,
) -> None:
    other = tmp_path / "other"
    shutil.copytree(runs[0] if change is None else runs[1], other)
    change_contract(other, **(change or {}))
    out = tmp_path / "out"
    assert hrpn_tf("export", runs[0], other, "--out", out, *options).exit_code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists()
