"""Several processes train one network, really."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.command import hrpn_tf
from support.places import TESTS
from support.processes import environment, free_port, wait_for_file
from support.tiny_training import TINY_RUN
from support.training_results import final_state, history

from hrpn_tf.errors import ConfigError
from hrpn_tf.training.checkpoints import list_checkpoints
from hrpn_tf.training.distribution import choose_devices
from hrpn_tf.training.workers import launch, worker_environment

PROGRAM = TESTS / "support" / "tiny_fit.py"
OPTIONS = (
    *TINY_RUN,
    "training.ema=0.9",
    "training.optimizer.clip_norm=0.05",  # small, so that clipping is at work
    "training.optimizer.learning_rate=0.01",
)


def command(store: Path, run: Path, *options: str) -> list[str]:
    pairs = [part for option in (*OPTIONS, *options) for part in ("--set", option)]
    return [sys.executable, str(PROGRAM), "fit", str(store), "--out", str(run), "--no-twin", *pairs]


def train(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(arguments, env=environment(), capture_output=True, text=True, check=False)


def assert_close(run: Path, other: Path) -> None:
    """The same loss curve, and weights, but for rounding."""
    for ours, theirs in zip(history(run), history(other), strict=True):
        for name, value in theirs.items():
            assert float(ours[name]) == pytest.approx(float(value), rel=2e-3, abs=1e-6), name
    weights = final_state(other)
    for name, values in final_state(run).items():
        np.testing.assert_allclose(values, weights[name], rtol=0.02, atol=2e-3, err_msg=name)


@pytest.fixture(scope="module", params=["normed", "tiny-gan-normed"])
def alone(request, store, tmp_path_factory) -> tuple[str, Path]:
    """A preset and a run that one process trained on one device."""
    run = tmp_path_factory.mktemp("alone") / "run"
    finished = hrpn_tf(*command(store.path, run, f"model.preset={request.param}")[2:])
    assert finished.exit_code == 0, finished.err
    return request.param, run


@pytest.mark.slow
def test_two_workers_train_as_one_process_with_the_same_batch(store, tmp_path, alone):
    """The same loss curve and weights, batch normalisation and clipping included."""
    preset, one = alone
    two = tmp_path / "two"
    finished = train(*command(store.path, two, f"model.preset={preset}"), "--workers", "2")
    assert finished.returncode == 0, finished.stderr
    assert_close(two, one)


@pytest.mark.slow
def test_two_workers_fine_tune_as_one_process(store, tmp_path, alone):
    """Both start from the same network, and the start is validated by both together."""
    preset, source = alone
    one, two = tmp_path / "one", tmp_path / "two"
    arguments = [
        [*command(store.path, run, f"model.preset={preset}"), "--from", str(source)]
        for run in (one, two)
    ]
    undistributed = hrpn_tf(*arguments[0][2:], "--workers", "1")
    assert undistributed.exit_code == 0, undistributed.err
    finished = train(*arguments[1], "--workers", "2")
    assert finished.returncode == 0, finished.stderr
    assert history(two)[0]["epoch"] == "0"
    for ours, theirs in zip(history(two), history(one), strict=True):
        assert float(ours["val_loss"]) == pytest.approx(float(theirs["val_loss"]), rel=2e-3)
    weights = final_state(one)
    for name, values in final_state(two).items():
        np.testing.assert_allclose(values, weights[name], rtol=0.02, atol=2e-3, err_msg=name)


@pytest.mark.slow
def test_two_devices_of_one_machine_train_as_one(store, tmp_path, alone):
    """``MirroredStrategy``, on a processor that plays two."""
    preset, one = alone
    code = (
        "import sys, tensorflow as tf\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        "two = [tf.config.LogicalDeviceConfiguration()] * 2\n"
        "tf.config.set_logical_device_configuration(cpu, two)\n"
        "from hrpn_tf.training import distribution, setup\n"
        "def mirrored():\n"
        "    strategy = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])\n"
        "    return distribution.Devices(strategy)\n"
        "setup.choose_devices = mirrored\n"
        "from support import tiny_fit\n"
    )
    script = tmp_path / "mirrored.py"
    script.write_text(code)
    two = tmp_path / "two"
    arguments = command(store.path, two, f"model.preset={preset}")[2:]
    finished = train(sys.executable, str(script), *arguments)
    assert finished.returncode == 0, finished.stderr
    assert "on 2 devices" in finished.stderr
    assert_close(two, one)


@pytest.mark.slow
def test_weights_are_equal_on_all_workers(store, tmp_path):
    """Each worker writes what it holds at the end, of a network with dropout."""
    code = (
        "import sys, numpy as np\n"
        "from hrpn_tf.training import loop\n"
        "save = loop._save\n"
        "def both(job, state):\n"
        "    values = loop.read_variables(job.networks.trained)\n"
        f"    np.savez(r'{tmp_path}/worker-%d.npz' % job.devices.worker, **values)\n"
        "    return save(job, state)\n"
        "loop._save = both\n"
        "from support import tiny_fit\n"
    )
    script = tmp_path / "both.py"
    script.write_text(code)
    arguments = command(store.path, tmp_path / "run")[2:]
    finished = train(sys.executable, str(script), *arguments, "--workers", "2")
    assert finished.returncode == 0, finished.stderr
    with np.load(tmp_path / "worker-0.npz") as a, np.load(tmp_path / "worker-1.npz") as b:
        weights = [name for name in a.files if name.startswith("network/")]
        differing = [n for n in weights if not np.array_equal(a[n], b[n])]
        random = [n for n in differing if a[n].dtype.kind in "ui"]  # each draws its own dropout
        assert set(differing) <= set(random)
        assert len(weights) > 8


@pytest.mark.slow
def test_when_a_worker_dies_the_other_says_so_and_the_run_goes_on(store, tmp_path):
    run = tmp_path / "run"
    options = ["training.epochs=300", "model.preset=normed", "training.pictures_every=0"]
    arguments = command(store.path, run, *options)
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    workers = [
        subprocess.Popen(
            arguments,
            env=environment(**worker_environment(addresses, number)),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    wait_for_file(run / "checkpoints" / "epoch-00003", workers[0])
    workers[1].kill()
    started = time.monotonic()
    _, errors = workers[0].communicate(timeout=60)
    assert time.monotonic() - started < 60
    assert workers[0].returncode == 1
    assert "another worker of this training is gone" in errors
    assert "start all workers again to go on from the last checkpoint" in errors
    assert "Traceback" not in errors
    epoch = int(list_checkpoints(run / "checkpoints")[-1].name[6:11])
    assert epoch >= 3

    process = subprocess.Popen(
        [*arguments, "--workers", "2"],
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_for_file(run / "checkpoints" / f"epoch-{epoch + 2:05d}", process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert f"resuming after epoch {epoch}" in errors or "resuming in epoch" in errors


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("code", "said"),
    [(7, "worker 1 of 3 ended with exit code 7; run the same command again"), (2, "")],
    ids=["failed", "used wrongly"],
)
def test_the_launcher_gives_the_code_of_the_worker_that_failed(capfd, code, said):
    """Advice to go on follows a failure; what was used wrongly, the worker said itself."""
    script = (
        "import json, os, sys, time\n"
        "number = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"
        f"sys.exit({code}) if number == 1 else time.sleep(0.5)\n"
    )
    assert launch([sys.executable, "-c", script], 3) == code
    err = " ".join(capfd.readouterr().err.split())
    assert said in err
    assert bool(err) == bool(said)


@pytest.mark.usefixtures("terminal")
def test_the_launcher_says_which_signal_ended_a_worker(capfd):
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert launch([sys.executable, "-c", script], 2) == 128 + signal.SIGKILL
    assert "ended with signal SIGKILL" in capfd.readouterr().err


def test_workers_share_processors_and_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    variables = worker_environment(["a:1", "b:2"], 1)
    assert variables["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert json.loads(variables["TF_CONFIG"])["task"] == {"type": "worker", "index": 1}
    monkeypatch.setattr("hrpn_tf.training.workers.own_gpus", lambda: ("0", "1"))
    assert worker_environment(["a:1", "b:2"], 1)["CUDA_VISIBLE_DEVICES"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in worker_environment(["a:1", "b:2", "c:3"], 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "TF_CONFIG is no JSON"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 2}}', "task 2 of 2 workers"),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}}', "only workers are supported"),
    ],
)
def test_a_cluster_that_cannot_train_is_refused(monkeypatch, text, message):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match=message):
        choose_devices()


def test_a_batch_that_does_not_divide_is_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    devices = choose_devices()
    devices.check_batch(8, 4)
    with pytest.raises(ConfigError, match="does not divide among 1 devices x 3 parts"):
        devices.check_batch(8, 3)
