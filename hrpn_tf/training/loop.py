"""The training loop; each epoch ends in a checkpoint.

Keras' ``fit`` overwrites the weights with their average when it returns, so it cannot be called
once per epoch; one call for all epochs cannot take a new dataset for each, stop in the middle of
one, or run over several processes (Keras 3.15). This loop calls the model's own ``train_step``
through ``strategy.run`` and drives ordinary Keras callbacks.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from hrpn_tf.config import TrainingConfig
from hrpn_tf.errors import NonFinitePredictionError, TrainingDivergedError
from hrpn_tf.progress import Progress
from hrpn_tf.training.batches import Batches
from hrpn_tf.training.checkpoints import (
    Partial,
    Row,
    TrainingState,
    read_variables,
    save_checkpoint,
)
from hrpn_tf.training.distribution import Devices
from hrpn_tf.training.networks import Networks
from hrpn_tf.training.normalisation import Estimator, Statistics, assign, normalisations
from hrpn_tf.training.plan import TrainingPlan
from hrpn_tf.training.progress import Memory
from hrpn_tf.training.runtime import may_use_xla, seed_epoch
from hrpn_tf.training.steps import Steps
from hrpn_tf.training.stopping import StopSignals
from hrpn_tf.training.sums import metrics_of
from hrpn_tf.training.teacher import Teacher


@dataclass(frozen=True)
class Loop:
    """The parts of a training loop.

    Attributes:
        networks: built, and restored to the state that the loop begins with.
        batches: of the training and validation set.
        devices: that train.
        plan: of the steps.
        checkpoints: folder for them; the chief writes.
        callbacks: ordinary Keras callbacks.
        after_epoch: called by the chief with each new checkpoint and its state.
        memory: what is used is told apart from what was held before.
        progress: report the progress of each epoch; see ``hrpn_tf.progress``.
        teacher: network whose predictions are a part of the target; None for none.
        started: whether the training starts from another network, which is then validated before
            the first step and kept as long as no epoch beats it.
    """

    networks: Networks
    batches: Batches
    devices: Devices
    plan: TrainingPlan
    checkpoints: Path
    after_epoch: Callable[[Path, TrainingState], None]
    memory: Memory
    callbacks: Sequence[keras.callbacks.Callback] = ()
    progress: bool = True
    teacher: Teacher | None = None
    started: bool = False
    signals: StopSignals = field(default_factory=StopSignals)

    @cached_property
    def estimator(self) -> Estimator:
        """Of the network's statistics of batch normalisation; its graph is built once."""
        return Estimator(self.networks.trained.network, self.devices)

    @property
    def freezing(self) -> int | None:
        """Number of the step, from 0, from which on batch normalisation is frozen."""
        if self.training.freeze == "body":
            return 0
        share = self.training.freeze_normalisation
        return None if share is None else round(share * self.plan.total)

    def is_frozen(self, step: int) -> bool:
        """Whether batch normalisation is frozen in a step, which counts from 0 over all epochs."""
        return self.freezing is not None and step >= self.freezing

    @property
    def training(self) -> TrainingConfig:
        """The section of the configuration."""
        return self.batches.config.training


# Columns of the history after the losses and metrics.
_OF_EPOCHS = (
    "learning_rate",
    "seconds",
    "patches_per_second",
    "steps_per_second",
    "waiting_share",
    "memory_mb",
    "memory_before_mb",
)


def train(loop: Loop, state: TrainingState) -> TrainingState:
    """Train from ``state`` to the last configured epoch, or until validation stops improving.

    A row of the history holds: ``epoch`` (from 1); ``loss`` and its parts, and ``val_`` of them (in
    units of the network's output); ``mse``, ``val_mse`` (grey levels squared); ``r2``, ``val_r2``
    (pooled over all pixels); ``learning_rate`` (after the last step); ``seconds`` (training and
    validation); ``patches_per_second``, ``steps_per_second``, ``waiting_share`` (of the training
    steps' time, for data); ``memory_mb`` (peak so far), ``memory_before_mb``. That of the start is
    epoch 0 and holds the validation alone.

    Raises:
        TrainingDivergedError: the loss is NaN or infinite; no checkpoint of it is kept.
        NonFinitePredictionError: so are the predictions of the start.
        DiskFullError: a checkpoint could not be written.
        KeyboardInterrupt: on Ctrl-C, once everything is saved; SIGTERM ends as the program does.
    """
    training = loop.training
    model = loop.networks.trained
    steps = Steps(model, loop.devices, compile_xla=may_use_xla(training), teacher=loop.teacher)
    driven = keras.callbacks.CallbackList(
        list(loop.callbacks), model=model, epochs=training.epochs, steps=loop.plan.steps(0)
    )
    model.stop_training = False
    driven.on_train_begin()
    with loop.signals:
        if loop.started and state.start is None:
            state = _validate_start(loop, steps, state)
        while not state.finished(training):
            state = _run_epoch(loop, steps, state, driven)
            if state.best_epoch == state.epoch:
                loop.networks.copy_weights()
            checkpoint = _save(loop, state)
            if loop.devices.chief:
                loop.after_epoch(checkpoint, state)
            if model.stop_training:
                break
        if loop.signals.asked is not None:  # after the last step; what follows must not begin
            loop.signals.leave()
    driven.on_train_end()
    return state


def _validate_start(loop: Loop, steps: Steps, state: TrainingState) -> TrainingState:
    """Validate the network before the first step, and keep it until an epoch beats it."""
    measured = _measured(loop, steps, state, keras.callbacks.CallbackList())
    if not math.isfinite(measured["loss"]):
        raise NonFinitePredictionError(
            f"{loop.training.start}: the network gives NaN or infinite values for the validation "
            "patches, before any step; check its training, or start from another one"
        )
    state = state.begun(
        {
            "epoch": 0,
            **dict.fromkeys(measured),
            **{f"val_{name}": value for name, value in measured.items()},
            **dict.fromkeys(_OF_EPOCHS),
        }
    )
    loop.networks.copy_weights()
    checkpoint = _save(loop, state)
    if loop.devices.chief:
        loop.after_epoch(checkpoint, state)
    return state


def _run_epoch(
    loop: Loop, steps: Steps, state: TrainingState, callbacks: keras.callbacks.CallbackList
) -> TrainingState:
    """Train what is left of an epoch, and validate."""
    model, number = loop.networks.trained, state.epoch
    callbacks.on_epoch_begin(number)
    if not state.partial.steps:
        seed_epoch(model.network, loop.training.seed, number)
    partial = _train_epoch(loop, steps, state, callbacks)
    logs = metrics_of(model.names, np.array(partial.sums))
    started = time.perf_counter()
    measured = _validate(loop, steps, state.within(partial), callbacks)
    logs |= {f"val_{name}": value for name, value in measured.items()}
    _check_finite(logs["val_loss"], f"the validation of epoch {number + 1}")
    logs["learning_rate"] = float(model.optimizer.learning_rate)
    callbacks.on_epoch_end(number, dict(logs))
    patches = partial.steps * loop.training.batch_size
    row: Row = {
        "epoch": number + 1,
        **logs,
        "seconds": partial.seconds + time.perf_counter() - started,
        "patches_per_second": patches / partial.seconds,
        "steps_per_second": partial.steps / partial.seconds,
        "waiting_share": partial.waited / partial.seconds,
        "memory_mb": loop.memory.peak_mb(),
        "memory_before_mb": loop.memory.before_mb,
    }
    return state.after(row)


def _train_epoch(
    loop: Loop, steps: Steps, state: TrainingState, callbacks: keras.callbacks.CallbackList
) -> Partial:
    """The training steps that are left of an epoch."""
    partial, every = state.partial, loop.training.checkpoint_steps
    sums = np.array(partial.sums) if partial.sums else np.zeros(len(steps.model.names))
    started = time.perf_counter()
    signals = loop.signals
    if not loop.batches.wait(state.epoch, lambda: signals.asked is not None, loop.progress):
        loop.signals.leave()  # the last checkpoint is of this very state
    waited = time.perf_counter() - started
    partial = replace(partial, seconds=partial.seconds + waited, waited=partial.waited + waited)
    batches = iter(loop.batches.epoch(state.epoch, loop.plan, partial.steps))
    first, count = loop.plan.first(state.epoch), loop.plan.steps(state.epoch)
    with _progress(loop, state.epoch, partial.steps) as progress:
        for step in range(partial.steps, count):
            callbacks.on_train_batch_begin(step)
            started = time.perf_counter()
            data = next(batches)
            arrived = time.perf_counter()
            if first + step == loop.freezing:
                measured = _measure_statistics(loop, state.epoch, first + step)
                assign(loop.networks.trained.network, measured)
            frozen = loop.is_frozen(first + step)
            more, stop = steps.train(data, loop.signals.asked is not None, frozen=frozen)
            ended = time.perf_counter()
            loss = metrics_of(steps.model.names, more)["loss"]
            _check_finite(loss, f"step {step + 1} of epoch {state.epoch + 1}")
            sums += more
            partial = Partial(
                step + 1,
                tuple(sums.tolist()),
                partial.seconds + ended - started,
                partial.waited + arrived - started,
            )
            callbacks.on_train_batch_end(step, {"loss": loss})
            progress.update(note=f"loss={loss:.4g}")
            if stop:
                _save_and_leave(loop, state.within(partial))
            elif every and (step + 1) % every == 0 and step + 1 < count:
                _save(loop, state.within(partial))
    return partial


def _validate(
    loop: Loop, steps: Steps, state: TrainingState, callbacks: keras.callbacks.CallbackList
) -> Row:
    """The metrics of the averaged network on the validation patches."""
    _measure_for_average(loop, state.epoch)
    return _measured(loop, steps, state, callbacks)


def _measured(
    loop: Loop, steps: Steps, state: TrainingState, callbacks: keras.callbacks.CallbackList
) -> Row:
    """As :func:`_validate`, with the statistics of batch normalisation that there are."""
    sums = np.zeros(len(steps.model.names))
    callbacks.on_test_begin()
    with loop.networks.trained.averaged():
        for step, more in enumerate(steps.test(loop.batches.validation())):
            callbacks.on_test_batch_begin(step)
            sums += more
            callbacks.on_test_batch_end(step)
            if loop.signals.asked is not None and loop.devices.workers == 1:
                break
    if loop.signals.asked is not None and loop.devices.workers == 1:
        _save_and_leave(loop, state)
    logs = metrics_of(steps.model.names, loop.devices.add_up(sums))
    callbacks.on_test_end(logs)
    return logs


def _measure_for_average(loop: Loop, epoch: int) -> None:
    """Measure the statistics of batch normalisation that belong to the averaged weights.

    Once they are frozen, weights are trained for the frozen statistics, and so is their average.
    """
    model = loop.networks.trained
    model.statistics = ()
    if not loop.is_frozen(loop.plan.first(epoch + 1) - 1):
        with model.averaged():
            measured = _measure_statistics(loop, epoch, loop.plan.first(epoch))
        model.statistics = measured


def _measure_statistics(loop: Loop, epoch: int, start: int) -> Statistics:
    """As configured, of the network as it is, on an epoch's batches from step ``start`` on."""
    count = loop.training.reestimate_normalisation
    if not count or not normalisations(loop.networks.trained.network):
        return ()
    return loop.estimator.measure(loop.batches.after(epoch, start, count))


def _save_and_leave(loop: Loop, state: TrainingState) -> None:
    _save(loop, state)
    loop.devices.wait_for_all()
    loop.signals.leave()


def _save(loop: Loop, state: TrainingState) -> Path:
    """Write a checkpoint; every process reads the weights, the chief writes them."""
    variables = read_variables(loop.networks.trained)
    if not loop.devices.chief:
        return loop.checkpoints
    preset = loop.batches.config.model.preset
    return save_checkpoint(loop.checkpoints, preset, variables, loop.networks.kept, state)


def _progress(loop: Loop, epoch: int, done: int) -> Progress:
    return Progress(
        f"epoch {epoch + 1}/{loop.training.epochs}",
        loop.plan.steps(epoch),
        "step",
        initial=done,
        shown=loop.progress,
        leave=False,
    )


def _check_finite(loss: float, where: str) -> None:
    if not math.isfinite(loss):
        raise TrainingDivergedError(
            f"the loss became {loss} at {where}; try a lower training.optimizer.learning_rate, a "
            "smaller clip_norm, or precision float32"
        )
