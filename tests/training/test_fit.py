import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.tiny_training import TINY_RUN
from support.training_results import assert_same_run, final_state, history

from hrpn_tf.config import load_config
from hrpn_tf.errors import (
    CheckpointError,
    ConfigError,
    RunBusyError,
    RunError,
    TrainingDivergedError,
    UsageError,
)
from hrpn_tf.files import locked
from hrpn_tf.models.graph import stride_multiple
from hrpn_tf.runs import load_run
from hrpn_tf.training import loop, networks
from hrpn_tf.training.building import build
from hrpn_tf.training.checkpoints import list_checkpoints
from hrpn_tf.training.fit import fit
from hrpn_tf.training.losses import build_loss


@pytest.fixture(scope="module")
def finished(tmp_path_factory, store) -> Path:
    """An uninterrupted run of the tiny configuration."""
    run = tmp_path_factory.mktemp("finished") / "run"
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
        "resources.json",
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


@pytest.mark.parametrize("lost", ["history.csv", "resources.json", "best.keras"])
def test_what_a_training_killed_at_its_end_did_not_show(finished, store, config, run, lost):
    """Its last checkpoint was saved; the same command shows it and trains nothing."""
    shutil.copytree(finished, run)
    before = history(run)
    (run / lost).unlink()
    (run / ".partial-0a1b2c3d-best.keras").write_text("half")
    (run / "checkpoints" / "epoch-00001").mkdir()  # was about to be removed
    state = fit(store.path, run, config, progress=False)
    assert state.epoch == 4
    assert history(run) == before
    assert (run / "best.keras").read_bytes() == (finished / "best.keras").read_bytes()
    assert (run / "resources.json").is_file()
    assert not [path for path in run.iterdir() if path.name.startswith(".")]
    kept = [sorted(path.name for path in (r / "checkpoints").iterdir()) for r in (run, finished)]
    assert kept[0] == kept[1]


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

    def counting(parts, unit):
        def counted(target, prediction):
            calls.append(1)
            return loss(target, prediction)

        loss = build_loss(parts, unit)
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
        ["training.crop=16", "training.steps_per_epoch=5", "training.loss=mae+ssim"],
        ["model.preset=tiny-gan", "training.precision=mixed_bfloat16", "training.accumulate=2"],
        [
            *("model.preset=tiny-gan", "training.crop=24", "training.context=4"),
            *("training.sampling=target", "training.accumulate=2"),
        ],
        ["model.preset=tiny-gan", "training.adversarial.loss=cross_entropy", "training.ema=0.9"],
    ],
)
def test_options_give_a_float32_network_with_the_validated_weights(options, store, run):
    fit(store.path, run, load_config(overrides=[*TINY_RUN, *options]), progress=False)
    model, _, _ = load_run(run)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    patches = np.stack([store.read(i) for i in store.indices(["b"])]).astype(np.float32)
    mse = ((np.asarray(model(patches[..., :2]), float) - patches[..., 2:]) ** 2).mean()
    best = min(history(run), key=lambda row: float(row["val_loss"]))
    assert float(best["val_mse"]) == pytest.approx(mse, rel=0.02)  # bfloat16 has 8 bits


@pytest.mark.slow
@pytest.mark.usefixtures("known_cost")
@pytest.mark.parametrize("preset", ["tiny", "tiny-gan"])
def test_float16_on_a_cpu_is_warned_of_and_scales_the_loss(store, run, preset):
    options = [f"model.preset={preset}", "training.precision=mixed_float16", "training.epochs=1"]
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("a GPU is here")
    with pytest.warns(UserWarning, match=r"mixed_float16 takes 9\.6 times as long as float32"):
        fit(store.path, run, load_config(overrides=[*TINY_RUN, *options]), progress=False)
    assert load_run(run)[0].dtype_policy.name == "float32"
    scalars = [float(value) for value in final_state(run).values() if value.shape == ()]
    assert set(scalars) & {2.0**power for power in range(8, 16)}  # the loss scale


@pytest.mark.usefixtures("terminal")
def test_a_damaged_checkpoint_costs_one_epoch_and_nothing_else(
    finished, store, config, run, monkeypatch, capfd
):
    def stop(network, seed, epoch):
        return None if epoch < 3 else (_ for _ in ()).throw(KeyboardInterrupt)

    seed_dropout = loop.seed_epoch
    with monkeypatch.context() as patch:
        patch.setattr(loop, "seed_epoch", lambda *a: (seed_dropout(*a), stop(*a)))
        with pytest.raises(KeyboardInterrupt):
            fit(store.path, run, config, progress=False)
    latest = list_checkpoints(run / "checkpoints")[-1]
    (latest / "variables.npz").write_bytes(b"PK")
    fit(store.path, run, config)
    assert "epoch-00003: the checkpoint is damaged; going back to the one before" in (
        capfd.readouterr().err
    )
    assert (run / "checkpoints" / "damaged-epoch-00003").is_dir()
    assert_same_run(run, finished)


def test_without_any_good_checkpoint_the_run_is_left_alone(finished, store, run):
    shutil.copytree(finished, run)
    for checkpoint in list_checkpoints(run / "checkpoints"):
        (checkpoint / "variables.npz").write_bytes(b"PK")
        (checkpoint / "state.json").write_bytes(b"")
    best = (run / "best.keras").read_bytes()
    with pytest.raises(CheckpointError, match="there is none before it; fit with --overwrite"):
        fit(store.path, run, load_config(run / "hrpn.yaml"), progress=False)
    assert (run / "best.keras").read_bytes() == best


def test_two_processes_do_not_train_in_one_folder(finished, store, config):
    with locked(finished), pytest.raises(RunBusyError, match="another process is working there"):
        fit(store.path, finished, config, overwrite=True, progress=False)
    assert (finished / "best.keras").is_file()


def test_a_run_that_another_training_takes_meanwhile_is_not_replaced(
    finished, store, config, monkeypatch
):
    other = ExitStack()

    def build_slowly(*given, **named):
        other.enter_context(locked(finished))
        return build(*given, **named)

    monkeypatch.setattr("hrpn_tf.training.fit.build", build_slowly)
    with other, pytest.raises(RunBusyError, match="another process is working there"):
        fit(store.path, finished, config, overwrite=True, progress=False)
    assert (finished / "best.keras").is_file()


@pytest.mark.parametrize("within", ["patches", "teacher.keras"])
def test_overwriting_never_takes_what_the_training_reads(within, store, config, run):
    (run / within).mkdir(parents=True)
    patches = run / within if within == "patches" else store.path
    training = {"teacher": str(run / within)} if within != "patches" else {}
    config = config.model_copy(update={"training": config.training.model_copy(update=training)})
    with pytest.raises(UsageError, match=rf"would replace .*{within}, which is read"):
        fit(patches, run, config, overwrite=True, progress=False)
    assert (run / within).is_dir()


def test_stopping_early_is_the_end(store, run):
    options = ["training.early_stopping=2", "training.smoothing=1", "training.epochs=30"]
    options += ["training.optimizer.learning_rate=1e-9", "training.optimizer.schedule=constant"]
    config = load_config(overrides=[*TINY_RUN, *options])
    state = fit(store.path, run, config, progress=False)
    assert state.epoch == state.best_epoch + 2 < 30
    with pytest.raises(RunError, match="this run is finished"):
        fit(store.path, run, config, progress=False)


def test_a_batch_in_parts_gives_what_the_whole_batch_gives(store, tmp_path):
    """Of a network without batch normalisation and dropout, whose parts do not differ."""
    options = ["model.preset=plain", "training.epochs=1", "training.optimizer.clip_norm=0.1"]
    runs = []
    for parts in (1, 2):
        runs.append(tmp_path / str(parts))
        accumulate = f"training.accumulate={parts}"
        config = load_config(overrides=[*TINY_RUN, *options, accumulate])
        fit(store.path, runs[-1], config, progress=False)
    for name, values in final_state(runs[0]).items():
        np.testing.assert_allclose(final_state(runs[1])[name], values, rtol=1e-4, atol=1e-7)


def test_pictures_of_held_out_patches_are_logged(store, run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = load_config(overrides=[*TINY_RUN, "training.pictures_every=2"])
    fit(store.path, run, config, progress=False)
    events = EventAccumulator(str(run / "logs" / "pictures")).Reload()
    (tag,) = events.Tags()["tensors"]
    assert tag == "held-out patches: vessels, nuclei, qd, predicted"
    found = events.Tensors(tag)
    assert [event.step for event in found] == [1, 3]
    width, height, image = tf.make_ndarray(found[0].tensor_proto)[:3]
    assert (int(width), int(height)) == (4 * 36, 4 * 36)
    assert tf.io.decode_png(image).numpy().std() > 10


def test_what_a_training_used_is_written(finished):
    used = json.loads((finished / "resources.json").read_text())
    assert used["batch_size"] == 4
    assert used["pixels_per_second"] == pytest.approx(used["patches_per_second"] * 32**2)
    assert 0 <= used["waiting_share"] <= 1
    assert used["peak_memory_mb"] > used["training_memory_mb"] >= 0


def test_nothing_is_made_when_the_configuration_does_not_fit(store, run, config):
    options = load_config(overrides=["model.preset=tiny", "training.batch_size=99"])
    with pytest.raises(ConfigError):
        fit(store.path, run, options, progress=False)
    assert not run.exists()


def test_the_dtype_policy_is_left_as_it_was(finished):
    assert keras.config.dtype_policy().name == "float32"
