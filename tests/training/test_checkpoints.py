import resource
import signal
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from hrpn_tf.errors import CheckpointError, DiskFullError
from hrpn_tf.training.checkpoints import (
    TrainingState,
    list_checkpoints,
    load_checkpoint,
    save_checkpoint,
)


def network(seed: int, units: int = 3) -> keras.Model:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(units, name="dense")(inputs))
    model.compile(keras.optimizers.AdamW(1e-2))
    model.optimizer.build(model.trainable_variables)
    return model


def step(model: keras.Model) -> None:
    model.optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables])


def variables(model: keras.Model) -> list[np.ndarray]:
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


def states(*losses: float) -> list[TrainingState]:
    """The state after each epoch with these validation losses."""
    state, all_states = TrainingState(), []
    for epoch, loss in enumerate(losses):
        state = state.after({"epoch": epoch + 1, "val_loss": loss})
        all_states.append(state)
    return all_states


def test_weights_optimizer_and_state_come_back(tmp_path):
    model, other = network(0), network(1)
    step(model)
    state = states(0.5)[0]
    checkpoint = save_checkpoint(tmp_path, model, model, state)
    assert load_checkpoint(checkpoint, other) == state
    for a, b in zip(variables(model), variables(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_last_two_are_kept_each_with_the_best_network_so_far(tmp_path):
    model, kept = network(0), network(0)
    for state in states(0.5, 0.3, 0.4, 0.35):
        step(model)
        kept.set_weights(model.get_weights())
        save_checkpoint(tmp_path, model, kept, state)
        if state.epoch == 2:
            best = model.get_weights()
    folders = list_checkpoints(tmp_path)
    assert [folder.name for folder in folders] == ["epoch-00003", "epoch-00004"]
    for folder in folders:
        found = keras.saving.load_model(folder / "best.keras").get_weights()
        for a, b in zip(found, best, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss():
    assert [s.best_epoch for s in states(0.5, 0.3, 0.3, 0.4, 0.2)] == [1, 2, 2, 2, 5]


def test_nothing_is_left_of_a_checkpoint_that_failed(tmp_path, monkeypatch):
    model = network(0)
    first, second = states(0.5, 0.3)
    save_checkpoint(tmp_path, model, model, first)
    monkeypatch.setattr(model, "save", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, model, model, second)
    assert [p.name for p in tmp_path.iterdir()] == ["epoch-00001"]


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path):
    model = network(0)
    first, second = states(0.5, 0.3)
    before = save_checkpoint(tmp_path, model, model, first)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # as good as a full disk
    try:
        with pytest.raises(DiskFullError, match="epoch-00002"):
            save_checkpoint(tmp_path, model, model, second)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == [before]
    assert load_checkpoint(before, network(1)) == first


@pytest.mark.parametrize("damaged", ["training.keras", "state.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"PK\x03\x04 garbage"])
def test_a_damaged_checkpoint_is_named(tmp_path, damaged, content):
    checkpoint = save_checkpoint(tmp_path, network(0), network(0), states(0.5)[0])
    if content is None:
        (checkpoint / damaged).unlink()
    else:
        (checkpoint / damaged).write_bytes(content)
    with pytest.raises(CheckpointError, match="epoch-00001: cannot be loaded; delete this folder"):
        load_checkpoint(checkpoint, network(0))


def test_a_flipped_byte_is_noticed(tmp_path):
    checkpoint = save_checkpoint(tmp_path, network(0), network(0), states(0.5)[0])
    file = checkpoint / "training.keras"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load_checkpoint(checkpoint, network(0))


def test_a_checkpoint_of_another_network_is_named(tmp_path):
    checkpoint = save_checkpoint(tmp_path, network(0), network(0), states(0.5)[0])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load_checkpoint(checkpoint, network(0, units=4))


def test_a_state_that_never_improved_keeps_its_best():
    state = replace(states(0.5)[0], best_loss=0.1)
    assert state.after({"val_loss": float("nan")}).best_loss == 0.1
