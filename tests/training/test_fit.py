import csv
import io
import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from hrpn_tf.config import load_config
from hrpn_tf.errors import ConfigError, RunError, TrainingDivergedError
from hrpn_tf.models.graph import stride_multiple
from hrpn_tf.training import loop, networks
from hrpn_tf.training.checkpoints import list_checkpoints
from hrpn_tf.training.fit import fit
from hrpn_tf.training.losses import build_loss
from hrpn_tf.training.run import load_run

TIMES = ("seconds", "patches_per_second")


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open() as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def final_state(run: Path) -> dict[str, np.ndarray]:
    """All numbers of the last checkpoint: weights and optimizer."""
    latest = list_checkpoints(run / "checkpoints")[-1]
    found: dict[str, np.ndarray] = {}

    def add(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with zipfile.ZipFile(latest / "training.keras") as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights) as file:
        file.visititems(add)
    assert any(name.startswith("optimizer") for name in found)
    return found


def assert_same_run(run: Path, other: Path) -> None:
    assert history(run) == history(other)
    ours, theirs = final_state(run), final_state(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    best, reference = load_run(run)[0], load_run(other)[0]
    for a, b in zip(best.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, store) -> Path:
    """An uninterrupted run of the tiny configuration."""
    run = tmp_path_factory.mktemp("finished") / "run"
    from conftest import TINY_RUN

    fit(store.path, run, load_config(overrides=TINY_RUN), progress=False)
    return run


def test_the_run_folder_is_complete(finished):
    assert sorted(p.name for p in finished.iterdir()) == [
        "best.keras",
        "checkpoints",
        "contract.json",
        "environment.json",
        "history.csv",
        "hrpn.yaml",
        "logs",
        "scaling.json",
        "split.json",
        "store.json",
    ]
    rows = history(finished)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert float(rows[-1]["val_loss"]) < float(rows[0]["val_loss"])
    environment = json.loads((finished / "environment.json").read_text())
    assert environment["starts"][0]["versions"]["tensorflow"] == tf.__version__


def test_the_contract_states_what_the_network_needs(finished, store):
    model, contract, config = load_run(finished)
    assert contract.inputs == config.data.inputs == ("vessels", "nuclei")
    assert (contract.pixel_size_um, contract.grey_max) == (0.5, 255.0)
    assert contract.stride_multiple == stride_multiple(model) == 2
    assert config.data.patch == store.patch


def test_the_history_agrees_with_the_best_network(finished, store):
    """Validation MSE and R2 recomputed with numpy from the kept network."""
    model, _, _ = load_run(finished)
    patches = np.stack([store.read(i) for i in store.indices(["b"])]).astype(np.float32)
    error = np.asarray(model(patches[..., :2]), float) - patches[..., 2:]
    mse = (error**2).mean()
    best = min(history(finished), key=lambda row: float(row["val_loss"]))
    assert float(best["val_mse"]) == pytest.approx(mse, rel=1e-5)
    assert float(best["val_r2"]) == pytest.approx(1 - mse / patches[..., 2:].var(), rel=1e-5)
    scale = json.loads((finished / "scaling.json").read_text())["target_scale"]
    assert float(best["val_loss"]) == pytest.approx(mse / scale**2, rel=1e-5)


def test_tensorboard_logs_every_epoch(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(finished / "logs" / "validation")).Reload()
    values = [tf.make_ndarray(e.tensor_proto).item() for e in events.Tensors("epoch_mse")]
    expected = [float(row["val_mse"]) for row in history(finished)]
    assert values == pytest.approx(expected, rel=1e-6)


def test_a_finished_run_is_refused_and_left_as_it_is(finished, store, config):
    before = (finished / "history.csv").read_bytes()
    with pytest.raises(RunError, match="this run is finished; give --overwrite"):
        fit(store.path, finished, config, progress=False)
    assert (finished / "history.csv").read_bytes() == before


def test_an_interrupted_run_ends_as_an_uninterrupted_one(finished, store, config, run, monkeypatch):
    """Stopped between a checkpoint and what is shown of it, and again within an epoch."""

    def interrupt(*arguments):
        raise KeyboardInterrupt

    def seed_epoch(network, seed, epoch):
        return interrupt() if epoch == 2 else seed_dropout(network, seed, epoch)

    seed_dropout = loop.seed_epoch
    for place, replacement in [
        ("hrpn_tf.training.fit.publish", interrupt),
        ("hrpn_tf.training.loop.seed_epoch", seed_epoch),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(place, replacement)
            with pytest.raises(KeyboardInterrupt):
                fit(store.path, run, config, progress=False)
    fit(store.path, run, config, progress=False)
    assert_same_run(run, finished)
    assert len(json.loads((run / "environment.json").read_text())["starts"]) == 3


def test_the_training_step_is_traced_once(store, run, config, monkeypatch):
    calls = []

    def counting(name, scale):
        def counted(target, prediction):
            calls.append(1)
            return loss(target, prediction)

        loss = build_loss(name, scale)
        return counted

    monkeypatch.setattr(networks, "build_loss", counting)
    after = []
    monkeypatch.setattr(
        "hrpn_tf.training.fit.summary_line", lambda *_: after.append(len(calls)) or ""
    )
    fit(store.path, run, config, progress=False)
    assert len(set(after)) == 1
    assert after[0] > 0


def test_a_diverged_training_says_where_and_keeps_what_it_had(store, run, config, monkeypatch):
    def poison(network, seed, epoch):
        if epoch == 1:
            network.trainable_variables[0].assign(network.trainable_variables[0] * np.nan)

    monkeypatch.setattr(loop, "seed_epoch", poison)
    where = "nan at step 1 of epoch 2; try a lower .*learning_rate"
    with pytest.raises(TrainingDivergedError, match=where):
        fit(store.path, run, config, progress=False)
    assert all(np.isfinite(w).all() for w in load_run(run)[0].get_weights())
    assert len(history(run)) == 1


@pytest.mark.parametrize(
    "options",
    [
        ["training.precision=mixed_bfloat16", "training.ema=0.9"],
        ["training.crop=16", "training.steps_per_epoch=5", "training.loss=mae"],
    ],
)
def test_options_give_a_float32_network_with_the_validated_weights(options, store, run):
    from conftest import TINY_RUN

    fit(store.path, run, load_config(overrides=[*TINY_RUN, *options]), progress=False)
    model, _, _ = load_run(run)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    patches = np.stack([store.read(i) for i in store.indices(["b"])]).astype(np.float32)
    mse = ((np.asarray(model(patches[..., :2]), float) - patches[..., 2:]) ** 2).mean()
    best = min(history(run), key=lambda row: float(row["val_loss"]))
    assert float(best["val_mse"]) == pytest.approx(mse, rel=0.02)  # bfloat16 has 8 bits


def test_float16_on_a_cpu_is_warned_of(store, run):
    from conftest import TINY_RUN

    options = ["training.precision=mixed_float16", "training.epochs=1"]
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("a GPU is here")
    with pytest.warns(UserWarning, match="mixed_float16 is about ten times slower"):
        fit(store.path, run, load_config(overrides=[*TINY_RUN, *options]), progress=False)
    assert load_run(run)[0].dtype_policy.name == "float32"


def test_nothing_is_made_when_the_configuration_does_not_fit(store, run, config):
    options = load_config(overrides=["model.preset=tiny", "training.batch_size=99"])
    with pytest.raises(ConfigError):
        fit(store.path, run, options, progress=False)
    assert not run.exists()


def test_the_dtype_policy_is_left_as_it_was(finished):
    assert keras.config.dtype_policy().name == "float32"
