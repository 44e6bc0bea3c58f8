"""What the experiment that kills commands takes for the same, and what for a difference."""

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from experiments import kills
from experiments.same_results import contents, differences


def results(folder: Path) -> Path:
    """Some of each kind of file."""
    (folder / "inner" / "logs").mkdir(parents=True)
    (folder / "inner" / "logs" / "events").write_text(str(folder))
    (folder / "a.tif").write_bytes(b"pixels")
    (folder / "place.json").write_text(json.dumps({"path": str(folder / "a"), "seconds": 1.5}))
    (folder / "history.csv").write_text("epoch,loss,seconds\n1,0.5,3.2\n")
    measured = {"runtime": "keras", "relative_time": float(len(str(folder)))}
    (folder / "certificate.json").write_text(json.dumps({"entries": [measured]}))
    np.savez(folder / "state.npz", weights=np.arange(3))
    with zipfile.ZipFile(folder / "best.keras", "w") as archive:
        archive.writestr("config.json", "layers")
        archive.writestr("metadata.json", "today")
    with zipfile.ZipFile(folder / "bundle.zip", "w") as archive:
        archive.writestr("bundle.json", json.dumps({"seconds": len(str(folder)), "name": "a"}))
        archive.write(folder / "best.keras", "keras/model.keras")
    return folder


def test_times_dates_and_places_are_no_difference(tmp_path: Path) -> None:
    one, other = results(tmp_path / "one"), results(tmp_path / "other")
    (other / "place.json").write_text(json.dumps({"seconds": 9, "path": str(other / "a")}))
    (other / "history.csv").write_text("epoch,loss,seconds\n1,0.5,9.9\n")
    np.savez_compressed(other / "state.npz", weights=np.arange(3))
    assert differences(contents(one), contents(other)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda f: (f / "a.tif").write_bytes(b"other"), "a.tif differs"),
        (lambda f: (f / "a.tif").unlink(), "a.tif is missing"),
        (lambda f: (f / "inner" / ".partial-00000000-b").touch(), "inner/.partial-"),
        (lambda f: (f / "history.csv").write_text("epoch,loss\n1,0.6\n"), "history.csv differs"),
        (lambda f: np.savez(f / "state.npz", weights=np.arange(4)), "state.npz differs"),
        (lambda f: (f / "place.json").write_text('{"path": "/elsewhere"}'), "place.json differs"),
    ],
)  # fmt: skip
def test_everything_else_is(tmp_path: Path, change: Callable[[Path], object], problem: str) -> None:
    one, other = results(tmp_path / "one"), results(tmp_path / "other")
    change(other)
    (found,) = differences(contents(one), contents(other))
    assert found.startswith(problem)


SCRIPT = """
import sys, time
from pathlib import Path
from hrpn_tf.files import atomic_path
out, careless = Path(sys.argv[1]), sys.argv[2] == "careless"
if careless and out.parent.joinpath("begun").exists():
    out.parent.joinpath("litter").touch()
out.parent.joinpath("begun").touch()
with atomic_path(out, overwrite=True) as temporary:
    temporary.write_text("result")
    time.sleep(0.6)
out.parent.joinpath("begun").unlink()
"""


@pytest.mark.parametrize("how", ["careful", "careless"])
def test_a_command_is_killed_and_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def start(command: object, base: Path, here: Path, options: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(here / "out"), how],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while process.poll() is None and not (here / "begun").exists():
            time.sleep(0.01)  # a busy machine starts it late
        return process

    monkeypatch.setattr(kills, "_start", start)
    command = kills.Tried("fake", "", "out")
    (tmp_path / "expected").mkdir()
    (tmp_path / "expected" / "out").write_text("result")
    undisturbed = kills.Undisturbed(contents(tmp_path / "expected"), 1.0)
    trial = kills.Trial(command, False, 0.45)
    made = kills._try(trial, tmp_path, tmp_path / "here", undisturbed)
    assert not made.ended
    assert made.problems == (() if how == "careful" else ("litter is left over",))
    assert os.listdir(tmp_path) == ["expected"]


def test_the_moments_are_spread_over_all_commands() -> None:
    planned = list(kills._plan(90, 0, [command.name for command in kills.COMMANDS]))
    assert planned == list(kills._plan(90, 0, [command.name for command in kills.COMMANDS]))
    for command in kills.COMMANDS:
        own = [trial for trial in planned if trial.command == command]
        assert len(own) == 10
        assert any(trial.overwrite for trial in own) == command.overwrites
        assert max(trial.moment for trial in own) > 0.7


def test_a_command_needs_the_results_of_others() -> None:
    assert kills._needed(["prepare"]) == {"prepare", "simulate"}
    assert kills._needed(["report"]) == {
        "report", "evaluate", "predict", "fit", "prepare", "simulate",
    }  # fmt: skip
