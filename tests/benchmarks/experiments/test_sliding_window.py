"""The benchmark against MONAI's sliding windows, on tiny slides."""

import importlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
from support.grid_network import ArraySlide
from support.places import TESTS

TINY = ["--preset", "hrpn-s", "--size", "176", "--roi", "352", "--rounds", "1"]
BENCH = find_spec("torch") is not None and find_spec("monai") is not None
needs_bench = pytest.mark.skipif(not BENCH, reason="MONAI or PyTorch is not installed ([bench])")


@pytest.fixture
def script():
    """Import one of the modules by name."""

    def load(name: str) -> ModuleType:
        return importlib.import_module(f"experiments.sliding_window.{name}")

    return load


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str]:
    """The report and the table of one run with every contestant that is looked at."""
    out = tmp_path_factory.mktemp("windows") / "report.json"
    names = ["every tile, 352 px", "MONAI (PyTorch), exact, 352 px", "session), exact, our tile"]
    names.append("hrpn-tf (OpenVINO), every tile")
    chosen = ["--groups", "ours", "exact", "mixed", "--only", *names]
    command = [sys.executable, "-m", "support.forked_steps", *TINY, *chosen, "--out", out]
    paths = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=paths)
    assert done.returncode == 0, done.stderr
    assert out.with_suffix(".md").read_text() == done.stdout.removesuffix("\n")
    return json.loads(out.read_text()), done.stdout


@pytest.mark.nightly
def test_our_side_is_measured_and_exact(measured):
    report, table = measured
    ours = [each for each in report["contestants"] if each["name"].startswith("hrpn-tf")]
    names = ["hrpn-tf", "hrpn-tf, every tile", "hrpn-tf (OpenVINO), every tile"]
    names.append("hrpn-tf, every tile, 352 px")
    assert [each["name"] for each in ours] == names
    for each in ours:
        (result,) = each["rounds"]
        assert result["seconds"] > result["network_seconds"] > 0
        assert result["peak"] > result["above"] > 0
        assert result["bare_seconds"] > 0
        assert each["difference"]["largest"] < 1e-3
    assert "| hrpn-tf |" in table
    assert "the bare session on the same tiles takes" in table


def test_empty_parts_of_the_slide_are_found(script):
    random = np.random.default_rng(0)
    image = np.full((600, 400, 2), 10, np.uint8)
    image[:300, :200] = random.integers(100, 256, (300, 200, 2))
    tissue = script("step")._tissue(ArraySlide(image))
    assert tissue.mask[0, 0]
    assert not tissue.mask[-1, -1]
    assert 0.2 < tissue.mask.mean() < 0.4


@needs_bench
@pytest.mark.nightly
def test_monai_is_measured_and_exact_with_the_weight_map(measured):
    report, _ = measured
    ours, *_, monai, mixed = report["contestants"]
    assert monai["name"] == "MONAI (PyTorch), exact, 352 px"
    assert mixed["name"] == "MONAI (our session), exact, our tile"
    assert "tensorflow" in mixed["rounds"][0]["engine"]
    assert report["sample"]["copy_difference"] < 1e-3
    assert "monai" in monai["rounds"][0]["engine"]
    assert "tensorflow" not in monai["rounds"][0]["engine"]
    assert monai["rounds"][0]["calls"] == 9
    for each in (ours, monai, mixed):
        assert each["difference"]["largest"] < 1e-3


@needs_bench
@pytest.mark.parametrize("fold", [True, False])
def test_the_pytorch_copy_is_equal(script, fold):
    import keras
    import torch

    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.scaling import Scaling

    keras.utils.set_random_seed(0)
    scaling = Scaling((30.0, 40.0), (20.0, 25.0), 8.0, (255.0, 255.0), 60.0)
    model = build_model("hrpn-m", 2, scaling=scaling)
    script("sample")._as_if_trained(model)
    copy = script("torch_copy").TorchCopy(model, fold=fold).eval()
    tile = np.random.default_rng(0).integers(0, 256, (2, 96, 64, 2)).astype(np.float32)
    with torch.inference_mode():
        got = copy(torch.from_numpy(tile).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    expected = model(tile, training=False).numpy()
    assert expected.std() > 0.1
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-3)


@needs_bench
def test_a_layer_that_it_does_not_know_is_refused(script):
    import keras

    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, keras.layers.UnitNormalization()(inputs))
    with pytest.raises(NotImplementedError, match="UnitNormalization"):
        script("torch_copy").TorchCopy(model)


@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
def test_as_much_tissue_as_asked_for_and_exact_black_around_it(script, share):
    image = script("sample").tissue_image(96, share)
    assert image.shape == (96, 96, 2)
    assert (image > 0).all(axis=-1).mean() == pytest.approx(share, abs=1e-3)
    assert (image.any(axis=-1) == image.all(axis=-1)).all()


def test_contestants_have_names_of_their_own_and_ours_comes_first(script):
    module = script("contestants")
    everyone = module.contestants(1024, 144, "2GB")
    assert len({each.name for each in everyone}) == len(everyone)
    assert everyone[0].group == "ours"
    assert {each.group for each in everyone} == set(module.GROUPS)


def fake(name: str, *seconds: float, **more: float) -> dict:
    """A contestant of the report, with a round for each of the times."""
    result = dict.fromkeys(("network_seconds", "cpu_seconds", "peak", "above", "pixels"), 1e6)
    rounds = [{**result, "seconds": s, "others": 0.0, "engine": {}, **more} for s in seconds]
    error = {"largest": 1e-5, "inside": 0.0, "mean": 1e-6}
    return {"name": name, "rounds": rounds, "difference": error}


@pytest.fixture
def report() -> dict:
    broken = {"name": "broken", "rounds": [{"error": "out of memory"}], "difference": None}
    return {
        "sample": {
            **{"preset": "hrpn-m", "height": 8, "width": 9, "tissue": 0.5},
            "copy_difference": None,
        },
        "machine": {"processor": "abacus", "cores": 1, "threads": 1, "date": "2026-01-01"},
        "left_out": None,
        "contestants": [
            fake("ours", 2.0, 4.0, 1.0, bare_seconds=1.0),
            fake("theirs", 3.0, 8.0, 2.0, above=5e5),
            broken,
        ],
    }


def test_ratios_are_medians_over_rounds_of_ratios_within_a_round(script, report):
    lines = script("table").markdown(report).splitlines()
    rows = {line.split("|")[1].strip(): line.split("|")[2:] for line in lines if line[:2] == "| "}
    header = script("table").HEADER[1:]
    theirs = dict(zip(header[:2], rows["theirs"], strict=False))
    assert float(theirs["s"]) == 3.0
    assert float(theirs["x ours"]) == 2.0  # of 1.5, 2 and 2
    assert float(rows["theirs"][8]) == 0.5
    assert rows["broken"][0].strip() == "out of memory"
    assert not "".join(rows["broken"][1:]).strip()
    assert any("takes 50% of the time" in line for line in lines)


def test_edges_are_left_out_by_slide_and_not_by_window(script):
    inner = script("experiment")._inner
    assert inner(0, 100, 300, 16) == slice(16, 100)
    assert inner(100, 100, 300, 16) == slice(0, 100)
    assert inner(200, 100, 300, 16) == slice(0, 84)


@pytest.mark.parametrize("existing", ["report.json", "report.md"])
def test_a_report_is_not_overwritten_unless_asked(script, monkeypatch, tmp_path, existing):
    (tmp_path / existing).write_text("precious")
    monkeypatch.setattr(sys, "argv", ["sliding_window", "--out", str(tmp_path / "report.json")])
    with pytest.raises(SystemExit, match=r"exists already.*--overwrite"):
        script("experiment").main()
    assert (tmp_path / existing).read_text() == "precious"
