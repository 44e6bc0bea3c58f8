"""The training loop: one epoch after another, each ending in a checkpoint.

Keras' ``fit`` overwrites the weights with their average when it returns, so it cannot be called
once per epoch; and one call for all epochs cannot take a new dataset for each. This loop calls the
same compiled step (``make_train_function``) and drives ordinary Keras callbacks.
"""

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from hrpn_tf.errors import TrainingDivergedError
from hrpn_tf.training.batches import Batches
from hrpn_tf.training.checkpoints import Row, TrainingState, save_checkpoint
from hrpn_tf.training.networks import Networks
from hrpn_tf.training.optimizers import averaged_weights
from hrpn_tf.training.runtime import seed_epoch


def train(
    networks: Networks,
    batches: Batches,
    state: TrainingState,
    checkpoints: Path,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    after_epoch: Callable[[Path, TrainingState], None],
    progress: bool = True,
) -> TrainingState:
    """Train from ``state`` to the last configured epoch.

    A row of the history holds: ``epoch`` (from 1), ``loss`` and ``val_loss`` (in units of the
    target's standard deviation, squared for ``mse``), ``mse``, ``val_mse`` (grey levels squared),
    ``r2``, ``val_r2`` (pooled over all pixels), ``learning_rate`` (after the last step),
    ``seconds`` (training and validation), ``patches_per_second`` (training alone).

    Args:
        networks: compiled, and restored to ``state``.
        batches: of the training and validation set.
        state: what is done already.
        checkpoints: folder for them.
        callbacks: ordinary Keras callbacks.
        after_epoch: called with each new checkpoint and its state.
        progress: show a bar per epoch on standard error.

    Raises:
        TrainingDivergedError: the loss is NaN or infinite; no checkpoint of that epoch is kept.
        DiskFullError: a checkpoint could not be written.
    """
    epochs = batches.config.training.epochs
    network = networks.trained
    network.make_train_function()
    validation = batches.validation()
    driven = keras.callbacks.CallbackList(
        list(callbacks), model=network, epochs=epochs, steps=batches.steps
    )
    network.stop_training = False
    driven.on_train_begin()
    for epoch in range(state.epoch, epochs):
        state = state.after(_run_epoch(network, batches, validation, epoch, driven, progress))
        if state.best_epoch == state.epoch:
            networks.copy_weights()
        after_epoch(save_checkpoint(checkpoints, network, networks.kept, state), state)
        if network.stop_training:
            break
    driven.on_train_end()
    return state


def _run_epoch(
    network: keras.Model,
    batches: Batches,
    validation: tf.data.Dataset,
    epoch: int,
    callbacks: keras.callbacks.CallbackList,
    progress: bool,
) -> Row:
    """Train and validate; gives the row of the history."""
    training = batches.config.training
    started = time.perf_counter()
    callbacks.on_epoch_begin(epoch)
    seed_epoch(network, training.seed, epoch)
    logs = _train_epoch(network, batches, epoch, callbacks, progress)
    trained = time.perf_counter()
    with averaged_weights(network):
        measured = network.evaluate(validation, callbacks=callbacks, return_dict=True, verbose=0)
    logs |= {f"val_{name}": float(value) for name, value in measured.items()}
    _check_finite(logs, f"the validation of epoch {epoch + 1}")
    logs["learning_rate"] = float(network.optimizer.learning_rate)
    callbacks.on_epoch_end(epoch, dict(logs))
    return {
        "epoch": epoch + 1,
        **logs,
        "seconds": time.perf_counter() - started,
        "patches_per_second": batches.steps * training.batch_size / (trained - started),
    }


def _train_epoch(
    network: keras.Model,
    batches: Batches,
    epoch: int,
    callbacks: keras.callbacks.CallbackList,
    progress: bool,
) -> Row:
    """All training steps of one epoch; gives the means over it."""
    network.reset_metrics()
    iterator = iter(batches.epoch(epoch))
    logs: Mapping[str, Any] = {}
    bar = tqdm(
        range(batches.steps),
        desc=f"epoch {epoch + 1}/{batches.config.training.epochs}",
        unit="step",
        leave=False,
        disable=not progress,
        file=sys.stderr,
    )
    with bar:
        for step in bar:
            callbacks.on_train_batch_begin(step)
            logs = network.train_function(iterator)
            _check_finite(logs, f"step {step + 1} of epoch {epoch + 1}")
            callbacks.on_train_batch_end(step, logs)
            bar.set_postfix(loss=f"{float(logs['loss']):.4g}", refresh=False)
    return {name: float(value) for name, value in logs.items()}


def _check_finite(logs: Mapping[str, Any], where: str) -> None:
    """The loss is the mean since the epoch began, so one bad step shows at once."""
    for name in ("loss", "val_loss"):
        if name in logs and not math.isfinite(float(logs[name])):
            raise TrainingDivergedError(
                f"the loss became {float(logs[name])} at {where}; try a lower "
                "training.optimizer.learning_rate, a smaller clip_norm, or precision float32"
            )
