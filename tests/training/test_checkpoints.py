import json
import resource
import signal
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from hrpn_tf.config import OptimizerConfig, TrainingConfig
from hrpn_tf.errors import CheckpointError, DiskFullError, ForeignCheckpointError
from hrpn_tf.training.checkpoints import (
    Partial,
    TrainingState,
    list_checkpoints,
    load_checkpoint,
    read_variables,
    save_checkpoint,
)
from hrpn_tf.training.losses import build_loss
from hrpn_tf.training.optimizers import build_optimizer
from hrpn_tf.training.trained_model import RegressionModel


def build(seed: int, units: int = 3) -> RegressionModel:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((2,))
    network = keras.Model(inputs, keras.layers.Dense(units, name="dense")(inputs), name="tiny")
    optimizer = build_optimizer(
        OptimizerConfig(), network.trainable_variables, steps=9, ema=0.9, scale_loss=False
    )
    return RegressionModel(network, optimizer, build_loss({"mse": 1.0}, 1.0))


def step(model: RegressionModel) -> None:
    model.optimizer.apply([tf.ones(v.shape) for v in model.network.trainable_variables])


def save(folder: Path, model: RegressionModel, state: TrainingState) -> Path:
    return save_checkpoint(folder, "tiny", read_variables(model), model.network, state)


def states(*losses: float) -> list[TrainingState]:
    """The state after each epoch with these validation losses."""
    state, all_states = TrainingState(), []
    for epoch, loss in enumerate(losses):
        state = state.after({"epoch": epoch + 1, "val_loss": loss})
        all_states.append(state)
    return all_states


def assert_same(model: RegressionModel, other: RegressionModel) -> None:
    ours, theirs = read_variables(model), read_variables(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_weights_optimizer_averages_and_state_come_back(tmp_path):
    model, other = build(0), build(1)
    step(model)
    state = states(0.5)[0]
    assert load_checkpoint(save(tmp_path, model, state), other, "tiny") == state
    assert_same(model, other)
    average = model.optimizer._model_variables_moving_average[0]
    assert any(variable is average for _, variable in model.state_variables())


def test_an_unfinished_epoch_comes_back(tmp_path):
    model = build(0)
    save(tmp_path, model, states(0.5)[0])
    state = states(0.5)[0].within(Partial(7, (1.0, 1 / 3), 2.5, 0.5))
    checkpoint = save(tmp_path, model, state)
    assert checkpoint.name == "epoch-00001-step-0000007"
    assert load_checkpoint(checkpoint, build(1), "tiny") == state
    assert (checkpoint / "best.keras").is_file()


def test_before_the_first_epoch_ends_there_is_no_best_network(tmp_path):
    checkpoint = save(tmp_path, build(0), TrainingState().within(Partial(3, (1.0,), 1.0, 0.0)))
    assert not (checkpoint / "best.keras").exists()
    assert load_checkpoint(checkpoint, build(1), "tiny").partial.steps == 3


def test_the_last_two_are_kept_each_with_the_best_network_so_far(tmp_path):
    model = build(0)
    for state in states(0.5, 0.3, 0.4, 0.35):
        step(model)
        save(tmp_path, model, state)
        if state.epoch == 2:
            best = model.network.get_weights()
    folders = list_checkpoints(tmp_path)
    assert [folder.name for folder in folders] == ["epoch-00003", "epoch-00004"]
    for folder in folders:
        found = keras.saving.load_model(folder / "best.keras").get_weights()
        for a, b in zip(found, best, strict=True):
            np.testing.assert_array_equal(a, b)


def test_within_an_epoch_they_are_in_the_order_of_training(tmp_path):
    model, state = build(0), states(0.5)[0]
    save(tmp_path, model, state)
    for steps in (5, 10):
        save(tmp_path, model, state.within(Partial(steps, (1.0,))))
    assert [c.name[-7:] for c in list_checkpoints(tmp_path)] == ["0000005", "0000010"]
    save(tmp_path, model, states(0.5, 0.6)[1])
    assert list_checkpoints(tmp_path)[-1].name == "epoch-00002"


def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss():
    assert [s.best_epoch for s in states(0.5, 0.3, 0.3, 0.4, 0.2)] == [1, 2, 2, 2, 5]


def test_a_training_ends_with_its_epochs_or_its_patience():
    losses = states(0.5, 0.3, 0.4, 0.4)
    four = TrainingConfig(epochs=4)
    patient = TrainingConfig(epochs=9, early_stopping=2, smoothing=1)
    assert [s.finished(four) for s in losses] == [False, False, False, True]
    assert [s.finished(patient) for s in losses] == [False, False, False, True]
    assert not losses[-1].finished(TrainingConfig(epochs=9, early_stopping=3, smoothing=1))


def test_a_state_of_a_version_that_planned_no_steps_is_read(tmp_path):
    checkpoint = save(tmp_path, build(0), states(0.5)[0])
    values = json.loads((checkpoint / "state.json").read_text())
    del values["planned_steps"]
    (checkpoint / "state.json").write_text(json.dumps(values))
    assert load_checkpoint(checkpoint, build(1), "tiny") == states(0.5)[0]


def test_nothing_is_left_of_a_checkpoint_that_failed(tmp_path, monkeypatch):
    model = build(0)
    first, second = states(0.5, 0.3)
    save(tmp_path, model, first)
    monkeypatch.setattr(np, "savez", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, model, second)
    assert [p.name for p in tmp_path.iterdir()] == ["epoch-00001"]


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path):
    model = build(0, units=500)
    first, second = states(0.5, 0.3)
    before = save(tmp_path, model, first)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # as good as a full disk
    try:
        with pytest.raises(DiskFullError, match="epoch-00002"):
            save(tmp_path, model, second)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == [before]
    assert load_checkpoint(before, build(1, units=500), "tiny") == first


@pytest.mark.parametrize("damaged", ["variables.npz", "state.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"PK\x03\x04 garbage"])
def test_a_damaged_checkpoint_is_named(tmp_path, damaged, content):
    checkpoint = save(tmp_path, build(0), states(0.5)[0])
    if content is None:
        (checkpoint / damaged).unlink()
    else:
        (checkpoint / damaged).write_bytes(content)
    with pytest.raises(CheckpointError, match="epoch-00001: the checkpoint is damaged"):
        load_checkpoint(checkpoint, build(0), "tiny")


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_flipped_byte_is_noticed_and_changes_nothing(tmp_path, place):
    checkpoint = save(tmp_path, build(0, units=500), states(0.5)[0])
    file = checkpoint / "variables.npz"
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 0xFF
    file.write_bytes(content)
    model, same = build(1, units=500), build(1, units=500)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(checkpoint, model, "tiny")
    assert_same(model, same)


def test_a_checkpoint_of_another_preset_is_told_from_a_damaged_one(tmp_path):
    checkpoint = save(tmp_path, build(0), states(0.5)[0])
    with pytest.raises(
        ForeignCheckpointError, match="of the preset tiny, but the run trains hrpn-m"
    ):
        load_checkpoint(checkpoint, build(0, units=4), "hrpn-m")
    with pytest.raises(ForeignCheckpointError, match="with other settings"):
        load_checkpoint(checkpoint, build(0, units=4), "tiny")


def test_a_state_that_never_improved_keeps_its_best():
    state = replace(states(0.5)[0], best_loss=0.1)
    assert state.after({"val_loss": float("nan")}).best_loss == 0.1


def test_the_state_is_plain_json(tmp_path):
    checkpoint = save(tmp_path, build(0), states(0.5)[0])
    values = json.loads((checkpoint / "state.json").read_text())
    assert (values["preset"], values["best_epoch"]) == ("tiny", 1)
