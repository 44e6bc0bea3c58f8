"""``fit``: train a network on a patch dataset and write a run folder."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import keras

from hrpn_tf.config import Config
from hrpn_tf.data.growing import GrowingPatches
from hrpn_tf.runs.folder import BEST, CHECKPOINTS, LOGS, PICTURES
from hrpn_tf.runs.source import Source
from hrpn_tf.runs.writing import create_run, publish, write_resources
from hrpn_tf.training.backend import backend
from hrpn_tf.training.batches import Batches
from hrpn_tf.training.budget import measure_plan
from hrpn_tf.training.building import Built, build
from hrpn_tf.training.checkpoints import TrainingState, list_checkpoints
from hrpn_tf.training.distribution import losses_named
from hrpn_tf.training.loop import Loop, train
from hrpn_tf.training.memory import check_memory, explain_exhausted, no_memory
from hrpn_tf.training.pictures import Pictures
from hrpn_tf.training.plan import TrainingPlan
from hrpn_tf.training.progress import Memory, resources, start_line, summary_line
from hrpn_tf.training.restoring import restore
from hrpn_tf.training.setup import exclusive, set_up
from hrpn_tf.training.transplant import Transplant, plan_transplant

logger = logging.getLogger(__name__)


def fit(
    patches: Path | GrowingPatches,
    run: Path,
    config: Config,
    *,
    overwrite: bool = False,
    progress: bool = True,
) -> TrainingState:
    """Train a network, or resume an unfinished training.

    After an interruption, the same call resumes at the last checkpoint. On a CPU the result is then
    the same, bit for bit, as without the interruption.

    If ``TF_CONFIG`` names several workers, each calls this function with the same arguments and a
    run folder that all of them can read; worker 0 writes it.

    Args:
        patches: a dataset that ``hrpn-tf prepare`` made, or patches of slides that are being
            simulated.
        run: run folder to create or to resume.
        config: keys of ``data`` that the patch dataset fixes, and keys of ``training`` that the
            preset was published with, may be left out.
        overwrite: replace an existing run folder.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        BackendError: Keras computes with another framework than the configuration names.
        ConfigError: the configuration does not fit the patches, the network or the memory; or the
            teacher is missing, or knows groups that are held back here.
        UsageError: the teacher does not take and predict the same; or ``overwrite`` would replace
            the patch dataset or the teacher.
        SplitError: the groups do not allow the split.
        RunError: a finished run, or one of another configuration or patch dataset, is there.
        RunBusyError: another process trains in this folder.
        StoreError: the patch dataset is missing or damaged.
        TrainingDivergedError: the loss became NaN or infinite.
        CheckpointError: no checkpoint can be loaded, or the last one is of another preset.
        WorkerLostError: another worker is gone.
        DiskFullError: the disk filled up; the run can be resumed.
    """
    started = time.perf_counter()
    with ExitStack() as held:
        built, memory, state = _begin(patches, run, config, overwrite, held)
        plan, state = _planned(built, state, started)
        shown = progress and built.batches.devices.chief
        return _train(_loop(run, built, plan, memory, progress=shown), run, state)


def _begin(
    patches: Path | GrowingPatches, run: Path, config: Config, overwrite: bool, held: ExitStack
) -> tuple[Built, Memory, TrainingState]:
    """Build all that trains, in the state that the run is in; of a new one, make the folder.

    What the training starts from holds its weights, and is gone when this returns.

    Args:
        patches, run, config, overwrite: see :func:`fit`.
        held: until the training ends: the lock of the run, and what names failures of devices.
    """
    need = held.enter_context(_exhaustion_named())
    setup = set_up(patches, run, config, overwrite=overwrite)
    batches, devices = setup.batches, setup.batches.devices
    held.enter_context(losses_named(devices))
    built = build(batches, resumed=run if setup.resume else None)
    transplant = _transplant(setup.source, built)
    need.update(_step_size(built))
    check_memory(**need)
    if devices.chief and not setup.resume:
        with exclusive(run, devices):  # a run to be replaced; another training may hold it by now
            _create(run, built, transplant, overwrite)
    devices.wait_for_all()
    held.enter_context(exclusive(run, devices))
    state = restore(run, built)
    if transplant is not None:
        transplant.apply(built.networks.trained, shown=devices.chief)
    return built, setup.memory, state


def _transplant(source: Source | None, built: Built) -> Transplant | None:
    """What is taken of the network that the training starts from, if there is one."""
    if source is None:
        return None
    batches = built.batches
    trained, core = built.networks.trained, batches.window.core
    return plan_transplant(source, trained, batches.config, built.contract, core)


def _create(run: Path, built: Built, transplant: Transplant | None, overwrite: bool) -> None:
    """Make the run folder."""
    batches, teacher = built.batches, built.teacher
    create_run(
        run,
        config=batches.config,
        contract=built.contract,
        scaling=built.scaling,
        split=batches.split,
        store=batches.store,
        overwrite=overwrite,
        teacher=None if teacher is None else teacher.record(),
        start=None if transplant is None else transplant.record(),
    )


def _planned(
    built: Built, state: TrainingState, started: float
) -> tuple[TrainingPlan, TrainingState]:
    """The plan, for ``training.minutes`` that of the checkpoint, or a new one from the speed."""
    if built.plan is not None:
        return built.plan, state
    trained, batches = built.networks.trained, built.batches
    if state.planned_steps is None:
        plan = measure_plan(trained, batches, started, built.teacher)
    else:
        plan = TrainingPlan(state.planned_steps, batches.config.training.epochs)
    trained.lay_out(plan.total)
    return plan, replace(state, planned_steps=plan.total)


def _loop(run: Path, built: Built, plan: TrainingPlan, memory: Memory, *, progress: bool) -> Loop:
    batches = built.batches
    return Loop(
        built.networks,
        batches,
        batches.devices,
        plan,
        run / CHECKPOINTS,
        _EpochEnd(run, batches, _parameters(built.networks.kept)),
        memory,
        _callbacks(run, batches) if batches.devices.chief else (),
        progress,
        built.teacher,
        started=batches.config.training.start is not None,
    )


@dataclass(frozen=True)
class _EpochEnd:
    """What the chief does after each epoch: show the run as its last checkpoint is.

    Attributes:
        run: the folder.
        batches: of the training.
        parameters: of the network.
    """

    run: Path
    batches: Batches
    parameters: int

    def __call__(self, checkpoint: Path, state: TrainingState) -> None:
        """Publish the network, and report the epoch."""
        training = self.batches.config.training
        publish(self.run, checkpoint / BEST, state.rows)
        if not state.epoch:
            logger.info(start_line(state))
            return
        size = {"batch_size": training.batch_size, "side": self.batches.side}
        write_resources(self.run, resources(state, parameters=self.parameters, **size))
        logger.info(summary_line(state, training.epochs))


def _train(loop: Loop, run: Path, state: TrainingState) -> TrainingState:
    """Train from a state."""
    if not loop.devices.chief:
        return train(loop, state)
    logger.info(_first_line(loop, state))
    if state.finished(loop.training):  # killed before it was done
        loop.after_epoch(list_checkpoints(loop.checkpoints)[-1], state)
    state = train(loop, state)
    if state.start is not None and state.best_epoch == 0:
        logger.info(f"{run}: no epoch has a lower validation loss than the start, which is kept")
    return state


def _first_line(loop: Loop, state: TrainingState) -> str:
    """What is trained, from where on, and on what."""
    parameters = _parameters(loop.networks.kept)
    free = _parameters(loop.networks.trained.network)
    return (
        f"{_where(state)}: {loop.batches.config.model.preset}, {parameters:,} parameters"
        f"{f' ({free:,} are trained)' if free < parameters else ''}, "
        f"{loop.plan.steps(0)} steps of {loop.training.batch_size} patches per epoch"
        f"{f' on {loop.devices.replicas} devices' if loop.devices.replicas > 1 else ''}"
        f"{_with_jax() if loop.training.backend == 'jax' else ''}"
    )


def _parameters(network: keras.Model) -> int:
    """Number of the weights that are trained."""
    return sum(prod(variable.shape) for variable in network.trainable_variables)


def _step_size(built: Built) -> dict[str, Any]:
    """A device's share of a step, as the functions of ``memory`` ask for it."""
    batches, trained = built.batches, built.networks.trained
    training = batches.config.training
    return {
        "network": trained.network,
        "side": batches.side,
        "batch": training.batch_size // batches.devices.replicas,
        "accumulate": training.accumulate,
        "discriminator": getattr(trained, "discriminator", None),
    }


@contextmanager
def _exhaustion_named() -> Iterator[dict[str, Any]]:
    """Say which batch would fit where a device runs out of memory in the middle of a step.

    Gives a mapping that takes the size of a step as soon as it is known.
    """
    need: dict[str, Any] = {}
    try:
        yield need
    except Exception as error:
        if not backend.is_exhausted(error):
            raise
        raise (explain_exhausted(error, **need) if need else no_memory()) from error


def _callbacks(run: Path, batches: Batches) -> list[keras.callbacks.Callback]:
    logs = run / LOGS
    callbacks: list[keras.callbacks.Callback] = [
        keras.callbacks.TensorBoard(str(logs), write_graph=False)
    ]
    if every := batches.config.training.pictures_every:
        callbacks.append(Pictures(logs / PICTURES, batches, every))
    return callbacks


def _with_jax() -> str:
    """What JAX found to train on: with a driver that is too old it takes the processor."""
    device = ", ".join(backend.gpu_names()) or "the CPU"
    return f", with JAX {backend.versions()['jax']} on {device}"


def _where(state: TrainingState) -> str:
    if state.partial.steps:
        return f"resuming in epoch {state.epoch + 1} after step {state.partial.steps}"
    return f"resuming after epoch {state.epoch}" if state.epoch else "training"
