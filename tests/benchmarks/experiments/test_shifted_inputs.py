"""Shifted inputs: a network of normalised inputs does not see a gain, another one does."""

import sys
from pathlib import Path

import numpy as np
import pytest
from experiments import shifted_inputs
from support.command import hrpn_tf
from support.run_folder import write_slides
from support.tiny_training import TINY_RUN, tiny_presets


def test_a_network_of_normalised_inputs_does_not_see_a_gain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)

    def image(number: int) -> np.ndarray:
        inputs = rng.integers(20, 100, (96, 96, 2))  # twice as bright, nothing is clipped
        return np.concatenate([inputs, inputs[..., :1] // 2], axis=-1).astype(np.uint8)

    slides = write_slides(tmp_path, "abc", image)
    data = ["data.patch=32", "data.stride=32", "data.tissue.method=all"]
    with tiny_presets():
        for name in ("none", "slide"):
            made = [*data, f"data.normalisation={name}"]
            store, run = tmp_path / f"store-{name}", tmp_path / name
            sets = [text for each in made for text in ("--set", each)]
            assert hrpn_tf("prepare", slides, "--out", store, *sets).exit_code == 0
            sets = [text for each in TINY_RUN for text in ("--set", each)]
            assert hrpn_tf("fit", store, "--out", run, "--no-twin", *sets).exit_code == 0
        capsys.readouterr()
        arguments = ["shifted_inputs", str(tmp_path / "none"), str(tmp_path / "slide")]
        monkeypatch.setattr(sys, "argv", arguments)
        shifted_inputs.main()
    heads, _, *rows = capsys.readouterr().out.splitlines()
    assert heads == "| inputs | R², none | share | R², slide | share |"
    r2 = {cells[1].strip(): [float(cells[2]), float(cells[4])]
          for cells in (row.split("|") for row in rows)}  # fmt: skip
    assert list(r2) == ["none", *shifted_inputs.shifts()]
    assert r2["gain x2"][1] == pytest.approx(r2["none"][1], abs=0.02)
    assert abs(r2["gain x2"][0] - r2["none"][0]) > 0.05  # this one does
