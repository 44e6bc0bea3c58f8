"""Fits interval heads on the training patches; the network itself is frozen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from hrpn_tf.config import Config
from hrpn_tf.data.order import Order
from hrpn_tf.data.pipeline import make_dataset
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.data.window import window_of
from hrpn_tf.errors import (
    CheckpointError,
    ConstantTargetError,
    NonFinitePredictionError,
    TrainingDivergedError,
)
from hrpn_tf.files import atomic_path
from hrpn_tf.models.intervals import add_interval_heads, bounds_of
from hrpn_tf.progress import Progress
from hrpn_tf.training.core import WHOLE, Places, core_of
from hrpn_tf.untrusted import read_arrays

EPOCHS, STEPS = 4, 150
LEARNING_RATE = 0.02
_UNIT_BATCHES = 8


@dataclass(frozen=True)
class HeadTraining:
    """How heads are fitted.

    Attributes:
        store: of patches.
        split: the training groups are used.
        config: of the run; batch size, crop, augmentation and seed are those of its training.
        coverage: nominal, between 0 and 1; the heads are fitted to the quantiles
            (1 - coverage) / 2 and (1 + coverage) / 2.
        epochs, steps: number of epochs, and of steps of each.
    """

    store: PatchStore
    split: Split
    config: Config
    coverage: float
    epochs: int = EPOCHS
    steps: int = STEPS

    def batches(self, epoch: int) -> Iterator[tuple[Any, Any, Places]]:
        """Inputs, target (float32 grey levels) and places of the batches of an epoch.

        As of :func:`~hrpn_tf.data.pipeline.make_dataset`; the places are empty without context.
        """
        training = self.config.training
        dataset = make_dataset(
            self.store,
            self.split.train,
            Order(training.batch_size, training.seed, epoch, steps=self.steps),
            self.config.data.augmentation,
            window=window_of(training, self.store.patch),
        )
        for inputs, target, *places in dataset:
            yield inputs, target, places[0] if places else WHOLE


def pinball(target: Any, quantile: Any, level: float) -> Any:
    """Mean pinball loss of an estimated quantile; it is least at the true quantile of this level.

    Source: Koenker and Bassett (1978), "Regression Quantiles", Econometrica 46:33.
    """
    error = target - quantile
    return ops.mean(ops.maximum(level * error, (level - 1.0) * error))


def fit_interval_heads(
    network: keras.Model, training: HeadTraining, folder: Path, *, progress: bool = True
) -> keras.Model:
    """Add heads for the bounds to a network, and fit them by the pinball loss.

    After an interruption, the same call resumes after the last finished epoch.

    Args:
        network: trained; (N, H, W, inputs) to (N, H, W, 1) grey levels. It is frozen.
        training: data and length.
        folder: holds the state after each epoch, ``heads.npz``.
        progress: report the progress; see ``hrpn_tf.progress``.

    Returns:
        (N, H, W, inputs) to (N, H, W, 3): mean, lower, upper, not calibrated yet.

    Raises:
        ConstantTargetError: the prediction is without any error on the training patches.
        NonFinitePredictionError: the network gives NaN or infinite values.
        TrainingDivergedError: the loss is NaN or infinite.
        CheckpointError: the state is damaged.
        DiskFullError: the state could not be written.
    """
    path = folder / "heads.npz"
    state = _read(path)
    unit = float(state["unit"]) if state else _unit(network, training)
    model = add_interval_heads(network, unit)
    steps = training.epochs * training.steps
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(model.trainable_variables)
    done = _restore(state, model, optimizer, path) if state else 0
    step = _step(model, optimizer, training.coverage, unit)
    bar = Progress("interval heads", steps, "step", initial=done * training.steps, shown=progress)
    with bar:
        for epoch in range(done, training.epochs):
            for batch in training.batches(epoch):
                loss = float(step(*batch))
                if not np.isfinite(loss):
                    raise TrainingDivergedError(
                        f"the loss of the interval heads became {loss} in epoch {epoch + 1}: the "
                        "network or its patches hold values that are not finite"
                    )
                bar.update(note=f"loss={loss:.4g}")
            _write(path, model, optimizer, unit, epoch + 1)
    return model


def _unit(network: keras.Model, training: HeadTraining) -> float:
    """Root mean squared error of the network on some training patches, grey levels."""
    run = tf.function(lambda inputs: network(inputs, training=False))
    squares, pixels = 0.0, 0
    for _, batch in zip(range(_UNIT_BATCHES), training.batches(0), strict=False):
        inputs, target, places = batch
        predicted = core_of(run(inputs), places, target.shape[1])
        squares += float(tf.reduce_sum(tf.square(predicted - target)))
        pixels += int(tf.size(target))
    unit = float(np.sqrt(squares / max(pixels, 1)))
    if not np.isfinite(unit):
        raise NonFinitePredictionError(
            f"{training.store.path}: the network gives NaN or infinite values for its training "
            "patches; check the run's training history, or fit again in float32"
        )
    if unit == 0:
        raise ConstantTargetError(
            f"{training.store.path}: the network predicts its training patches without any error: "
            "a constant target? check the channels' names"
        )
    return unit


def _step(
    model: keras.Model, optimizer: Any, coverage: float, unit: float
) -> Callable[[Any, Any, Places], Any]:
    """One step on (inputs, target, places); gives the loss."""
    # spreads, not bounds: a bound that is cut off at 0 says nothing about its spread
    mean, spreads = bounds_of(model).input
    inner = keras.Model(model.input, [mean, spreads])
    variables = [variable.value for variable in model.trainable_variables]
    low = (1 - coverage) / 2

    @tf.function(reduce_retracing=True)
    def step(inputs: Any, target: Any, places: Places) -> Any:
        with tf.GradientTape() as tape:
            whole = inner(inputs, training=False)
            mean, spreads = (core_of(each, places, target.shape[1]) for each in whole)
            error = (target - mean) / unit
            loss = pinball(error, -1.0 - spreads[..., :1], low)
            loss += pinball(error, 1.0 + spreads[..., 1:], 1 - low)
        optimizer.apply(tape.gradient(loss, variables), model.trainable_variables)
        return loss

    return step


def _write(path: Path, model: keras.Model, optimizer: Any, unit: float, epoch: int) -> None:
    arrays = {f"head{i}": np.asarray(v) for i, v in enumerate(model.trainable_variables)}
    arrays |= {f"optimizer{i}": np.asarray(v) for i, v in enumerate(optimizer.variables)}
    with atomic_path(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.savez(file, unit=unit, epoch=epoch, **arrays)  # type: ignore[arg-type]


def _read(path: Path) -> dict[str, np.ndarray]:
    """What :func:`_write` wrote; empty if it did not yet."""
    if not path.exists():
        return {}
    return read_arrays(path, CheckpointError, "; calibrate with --overwrite")


def _restore(state: dict[str, np.ndarray], model: keras.Model, optimizer: Any, path: Path) -> int:
    """Set weights and optimizer; gives the number of finished epochs."""
    try:
        for name, variables in (
            ("head", model.trainable_variables),
            ("optimizer", optimizer.variables),
        ):
            for number, variable in enumerate(variables):
                variable.assign(state[f"{name}{number}"])
        return int(state["epoch"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path}: of another network ({error}); calibrate with --overwrite"
        ) from None


def predicted_quantiles(
    network: keras.Model, training: HeadTraining, shares: Sequence[float]
) -> tuple[float, ...]:
    """Grey levels below which these shares of the predicted training pixels lie.

    Each once, ascending, and exact in float32, in which a network compares with them; fewer than
    ``shares`` where many pixels are predicted alike.
    """
    run = tf.function(lambda inputs: network(inputs, training=False))
    batches = zip(range(_UNIT_BATCHES), training.batches(0), strict=False)
    predicted = (core_of(run(x), places, y.shape[1]) for _, (x, y, places) in batches)
    levels = np.concatenate([each.numpy().ravel() for each in predicted])
    found = np.unique(np.quantile(levels, shares).astype(np.float32))
    return tuple(float(level) for level in found if level > levels.min())
