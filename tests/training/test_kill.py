"""A training that is really killed, in a process of its own."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.command import hrpn_tf
from support.processes import environment, wait_for_file
from support.tiny_training import TINY_RUN
from support.training_results import assert_same_run, history

from hrpn_tf.training.checkpoints import list_checkpoints

EPOCHS = 10


def command(store: Path, run: Path, preset: str) -> list[str]:
    overrides = [*TINY_RUN, f"training.epochs={EPOCHS}", "training.steps_per_epoch=10"]
    overrides += [f"model.preset={preset}", "training.checkpoint_steps=4", "training.ema=0.9"]
    options = [part for override in overrides for part in ("--set", override)]
    return ["fit", str(store), "--out", str(run), "--no-twin", *options]


def start(store: Path, run: Path, preset: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "support.tiny_fit", *command(store, run, preset)],
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "stops"),
    [
        ("tiny", [(2, signal.SIGKILL, -9), (5, signal.SIGTERM, 143)]),
        pytest.param("tiny-gan", [(3, signal.SIGINT, 130)], marks=pytest.mark.nightly),
    ],
)
def test_a_stopped_training_ends_as_an_uninterrupted_one(store, tmp_path, preset, stops):
    """Killed within an epoch, and told to stop, in processes of their own; ended in this one."""
    run, reference = tmp_path / "run", tmp_path / "reference"
    for epoch, stop, code in stops:
        process = start(store.path, run, preset)
        wait_for_file(run / "checkpoints" / f"epoch-{epoch:05d}", process)
        time.sleep(0.05)
        process.send_signal(stop)
        _, errors = process.communicate()
        assert process.returncode == code
        assert "Traceback" not in errors
        if stop != signal.SIGKILL:
            last = errors.rstrip().splitlines()[-1]
            assert last.endswith("hrpn-tf: stopped; run the same command again to go on")
            assert "-step-" in list_checkpoints(run / "checkpoints")[-1].name
        assert epoch - 1 <= len(history(run)) < EPOCHS
    last = hrpn_tf(*command(store.path, run, preset))
    assert last.exit_code == 0, last.err
    assert "best.keras" in last.out
    assert "resuming in epoch" in last.err
    undisturbed = hrpn_tf(*command(store.path, reference, preset))
    assert undisturbed.exit_code == 0, undisturbed.err
    assert "resuming" not in undisturbed.err
    assert_same_run(run, reference)
    assert not list(run.rglob(".partial-*"))
