"""The command that makes the weights of the package, with a training of a few steps."""

import sys
from pathlib import Path

import pytest
from experiments import weights
from support.command import hrpn_tf
from support.small_weights import use

from hrpn_tf.errors import OutputExistsError
from hrpn_tf.weights.catalogue import read_registry

TINY = (
    "simulation.height=96",
    "simulation.width=96",
    "simulation.floor_draws=2",
    "data.patch=96",
    "data.stride=96",
    "data.tissue.method=all",
    "training.epochs=1",
    "training.steps_per_epoch=2",
    "training.batch_size=1",
    "training.crop=64",
)


@pytest.mark.nightly
def test_from_the_recipe_to_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "weights"
    sizes = ["--slides", "2", "--validation", "1", "--test", "2", "--name", "hrpn-s-sim"]
    settings = [text for each in TINY for text in ("--set", each)]
    places = ["--out", str(tmp_path / "out"), "--root", str(root)]
    monkeypatch.setattr(sys, "argv", ["weights", *places, *sizes, *settings])
    weights.main()
    entry = read_registry(root)["hrpn-s-sim"]
    assert (entry.preset, entry.trained_on) == ("hrpn-s", "simulations")
    known = {"r2", "pearson", "mse", "mae", "pearson_within_slides"}
    assert known >= set(entry.figures) >= {"mse", "mae"}
    assert "training-profile.npz" in entry.files
    varied = (root / "hrpn-s-sim" / "data.json").read_text(encoding="utf-8")
    assert '"psf_um": [' in varied
    weights.main()  # resumes, at the end
    assert read_registry(root)["hrpn-s-sim"].files["best.keras"] == entry.files["best.keras"]
    use(monkeypatch, root, tmp_path / "user")
    monkeypatch.chdir(tmp_path)
    slide = tmp_path / "out" / "test" / "slide-001.ome.tif"
    assert hrpn_tf("predict", slide, "--weights", "hrpn-s-sim").exit_code == 0
    again = hrpn_tf("predict", slide, "--weights", "hrpn-s-sim")
    assert again.exit_code == OutputExistsError.exit_code
