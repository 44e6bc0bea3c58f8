"""A training that is really killed, in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import TINY_RUN
from test_fit import assert_same_run, history

EPOCHS = 12
DRIVER = Path(__file__).with_name("tiny_fit.py")


def start(store: Path, run: Path) -> subprocess.Popen:
    overrides = [*TINY_RUN, f"training.epochs={EPOCHS}", "training.steps_per_epoch=20"]
    options = [part for override in overrides for part in ("--set", override)]
    return subprocess.Popen(
        [sys.executable, str(DRIVER), "fit", str(store), "--out", str(run), *options],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def uninterrupted(store, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    process = start(store.path, run)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "code"),
    [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_stopped_training_ends_as_an_uninterrupted_one(stop, code, store, run, uninterrupted):
    for epoch in (2, 7):
        process = start(store.path, run)
        wait_for(run / "checkpoints" / f"epoch-{epoch:05d}", process)
        time.sleep(0.05)
        process.send_signal(stop)
        _, errors = process.communicate()
        assert process.returncode == code
        assert "Traceback" not in errors
        if stop != signal.SIGKILL:
            last = errors.rstrip().splitlines()[-1]
            assert last.endswith("hrpn-tf: stopped; run the same command again to go on")
        assert epoch <= len(history(run)) < EPOCHS
    process = start(store.path, run)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "resuming after epoch" in errors
    assert "best.keras" in output
    assert_same_run(run, uninterrupted)
    assert not list(run.rglob(".partial-*"))
