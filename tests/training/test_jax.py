"""Training with JAX gives the same kind of run, and what TensorFlow gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.command import hrpn_tf
from support.jax_fits import FAST_TO_COMPILE, TWENTY, WHOLE, settings
from support.places import ROOT, TESTS
from support.training_results import assert_same_run, final_state, history

import hrpn_tf as ht
from hrpn_tf import keras_backend
from hrpn_tf.errors import BackendError, ConfigError, RunError
from hrpn_tf.keras_backend import choose_backend
from hrpn_tf.runs import load_run

BESIDE = ROOT / ".venv" / "jax"  # where .ci/run puts it

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def start(tmp_path_factory, store) -> Path:
    """A network to start from: each framework draws other random weights."""
    out = tmp_path_factory.mktemp("start") / "run"
    ht.fit(store.path, out, settings("model.preset=normed", "training.epochs=1"))
    return out / "best.keras"


@pytest.fixture(scope="module")
def made(tmp_path_factory, store, start) -> Path:
    """Folder of the runs that ``support.jax_fits`` makes."""
    if not BESIDE.is_dir():
        pytest.skip("JAX is not installed beside the environment (.ci/run)")
    folder = tmp_path_factory.mktemp("jax")
    done = subprocess.run(
        [sys.executable, "-m", "support.jax_fits", str(store.path), str(start), str(folder)],
        env={
            **os.environ,
            "PYTHONPATH": f"{TESTS}:{BESIDE}",
            "TF_CPP_MIN_LOG_LEVEL": "2",
            # a training that is run again, or goes on, need not be compiled again
            "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "XLA_FLAGS": FAST_TO_COMPILE,
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_twenty_steps_are_those_of_tensorflow(made, store, start, tmp_path):
    """Losses of every step and validation, the rate, and what the last checkpoint holds.

    Adam divides a gradient by its size, so the smallest weights follow its rounding errors.
    """
    ht.fit(store.path, tmp_path / "run", settings(*TWENTY), start=start)
    ours, theirs = history(made / "twenty"), history(tmp_path / "run")
    assert len(ours) == len(theirs) == 21
    assert float(ours[-1]["loss"]) < 0.9 * float(ours[1]["loss"])
    for row, other in zip(ours, theirs, strict=True):
        for name in row:
            if row[name] or other[name]:
                assert float(row[name]) == pytest.approx(float(other[name]), rel=1e-4), name
    state, expected = final_state(made / "twenty"), final_state(tmp_path / "run")
    assert state.keys() == expected.keys()
    for name, values in expected.items():
        assert state[name].shape == values.shape
        if name.startswith("network/"):
            np.testing.assert_allclose(state[name], values, atol=2e-3, err_msg=name)


def test_the_network_predicts_the_same_on_tensorflow(made):
    with np.load(made / "predicted.npz") as file:
        patches, predicted = file["patches"], file["predicted"]
    network, _, config = load_run(made / "twenty")
    assert config.training.backend == "jax"
    np.testing.assert_allclose(np.asarray(network(patches)), predicted, rtol=1e-5, atol=1e-3)


def test_an_interrupted_run_ends_as_an_uninterrupted_one(made):
    """Bit for bit; called without a backend, it goes on with its own."""
    assert_same_run(made / "resumed", made / "whole")
    starts = json.loads((made / "resumed" / "environment.json").read_text())["starts"]
    assert [each["backend"] for each in starts] == ["jax", "jax"]
    assert "jax" in starts[0]["versions"]


def test_a_discriminator_trains_in_float16_with_parts_and_context(made):
    (row,) = history(made / "gan")
    assert all(np.isfinite(float(value)) for value in row.values())
    assert float(row["discriminator"]) > 0
    scalars = [float(v) for v in final_state(made / "gan").values() if v.shape == ()]
    assert set(scalars) & {2.0**power for power in range(8, 16)}  # the loss scale


@pytest.mark.parametrize("name", ["gan", "whole"])
def test_the_kept_network_is_float32_and_the_validated_one(made, store, name):
    model, _, _ = load_run(made / name)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    patches = np.stack([store.read(i) for i in store.indices(["b"])]).astype(np.float32)
    mse = ((np.asarray(model(patches[..., :2]), float) - patches[..., 2:]) ** 2).mean()
    assert float(history(made / name)[-1]["val_mse"]) == pytest.approx(mse, rel=0.02)


def test_a_gpu_out_of_memory_says_what_to_do(made):
    kind, message = json.loads((made / "seen.json").read_text())["short"]
    assert kind == "ConfigError"
    assert message.startswith("training.batch_size=4 at 32 x 32 px did not fit in the memory of ")
    assert "at most 2 at once would: set that, or training.accumulate=2" in message
    assert message.endswith("training.precision=mixed_bfloat16 needs less memory")


def test_memory_of_a_gpu_is_that_which_jax_counts(made):
    assert json.loads((made / "seen.json").read_text())["gpu"] == [["H"], 700, 500]


def test_a_process_has_one_backend(made, store, monkeypatch):
    kind, message = json.loads((made / "seen.json").read_text())["other"]
    assert kind == "BackendError"
    assert "training.backend is tensorflow, and Keras computes with jax" in message
    monkeypatch.setattr(keras_backend, "find_spec", lambda name: json.__spec__)
    with pytest.raises(BackendError, match="Keras computes with tensorflow in this process"):
        ht.fit(store.path, made / "resumed", settings(*WHOLE))


def test_a_run_stays_with_its_backend(made, store):
    with pytest.raises(
        RunError, match=r"training\.backend was jax, now tensorflow; give --overwrite"
    ):
        ht.fit(store.path, made / "whole", settings(*WHOLE), backend="tensorflow")


def test_a_machine_without_jax_says_what_to_install(monkeypatch):
    monkeypatch.setattr(keras_backend, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"JAX is not installed: pip install 'hrpn-tf\[jax\]'"):
        choose_backend("jax")


def test_the_environment_does_not_choose(monkeypatch):
    """A user may have set the backend for other programs."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    monkeypatch.delitem(sys.modules, "keras")
    choose_backend("tensorflow")
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    monkeypatch.setattr(keras_backend, "find_spec", lambda name: json.__spec__)
    choose_backend("jax")
    assert os.environ["KERAS_BACKEND"] == "jax"
    assert os.environ["XLA_FLAGS"] == "--xla_dump_to=x --xla_gpu_deterministic_ops=true"


@pytest.mark.parametrize("how", [["--backend", "jax"], ["--set", "training.backend=jax"]])
def test_the_command_line_names_the_backend(monkeypatch, store, tmp_path, how):
    given = []

    def fit(*arguments, **options):
        given.append(arguments[2])
        raise ConfigError("seen")

    monkeypatch.setattr("hrpn_tf.api.training.fit", fit)
    command = ("fit", store.path, "--out", tmp_path / "run", *how)
    hrpn_tf(*command)
    assert given[0].training.backend == "jax"
    done = hrpn_tf(*command, "--workers", 2)
    assert done.exit_code == 2
    assert "--workers: JAX trains in one process" in done.err


def test_several_workers_are_refused(monkeypatch):
    import keras

    from hrpn_tf.training.distribution import choose_devices

    cluster = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ConfigError, match="backend=jax trains in one process on one device"):
        choose_devices()
