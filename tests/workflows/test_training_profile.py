"""``hrpn-tf fit`` ends with the twin of its network and the training profile."""

from pathlib import Path

import numpy as np
import pytest
from support.command import hrpn_tf

from hrpn_tf.data.store import PatchStore
from hrpn_tf.evaluation.out_of_distribution import load_profile
from hrpn_tf.runs import open_run
from hrpn_tf.runs.folder import TRAINING_PROFILE as NAME
from hrpn_tf.workflows.networks.choosing import run_candidates
from hrpn_tf.workflows.training_profile import is_chief


@pytest.mark.usefixtures("tiny_presets")
def test_fit_describes_the_training_slides(tiny_store: PatchStore, tmp_path: Path) -> None:
    run = tmp_path / "run"
    split = ["data.split.validation=[b]", "data.split.test=[c]"]
    training = ["model.preset=tiny", "training.epochs=1", "training.batch_size=4"]
    options = [f"--set={text}" for text in (*training, *split)]
    assert hrpn_tf("fit", tiny_store.path, "--out", run, *options).exit_code == 0
    opened = open_run(run)
    assert run_candidates(opened).usual.ran_by() == "onnxruntime", "the twin is made before"
    profile = load_profile(run / NAME)
    assert profile.channels == ("vessels", "nuclei")
    assert profile.slides == profile.groups == ("a",)
    assert profile.window_px == 32
    assert profile.space is not None
    assert len(profile.space.mean) == 16  # mean and deviation of the eight channels at half size
    patches = np.stack([tiny_store.read(int(i)) for i in tiny_store.indices(["a"])])
    assert profile.quantiles[0, 0, 50] == pytest.approx(np.median(patches[..., 0]), abs=2)


@pytest.mark.parametrize(
    ("said", "chief"),
    [(None, True), ('{"task": {"index": 0}}', True), ('{"task": {"index": 1}}', False)],
)
def test_one_of_several_processes_writes_it(
    monkeypatch: pytest.MonkeyPatch, said: str | None, chief: bool
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if said is not None:
        monkeypatch.setenv("TF_CONFIG", said)
    assert is_chief() is chief
