"""``fit``: train a network on a patch dataset and write a run folder."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import keras

from hrpn_tf.config import Config
from hrpn_tf.data.growing import GrowingPatches
from hrpn_tf.data.sampling import learn_sampling
from hrpn_tf.data.splits import split_groups
from hrpn_tf.data.store import open_store
from hrpn_tf.errors import CheckpointError, ConfigError, ForeignCheckpointError
from hrpn_tf.files import locked, refuse_lost_inputs
from hrpn_tf.keras_backend import refuse_other_backend
from hrpn_tf.models.contract import contract_of
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.runs.folder import BEST, CHECKPOINTS, LOGS, PICTURES
from hrpn_tf.runs.writing import (
    add_environment,
    clear_leftovers,
    create_run,
    publish,
    write_resources,
)
from hrpn_tf.training.backend import backend
from hrpn_tf.training.batches import Batches
from hrpn_tf.training.budget import measure_plan
from hrpn_tf.training.checkpoints import (
    TrainingState,
    list_checkpoints,
    load_checkpoint,
    remove_old,
    set_aside,
)
from hrpn_tf.training.checks import check_growing, check_sizes, grey_range
from hrpn_tf.training.distribution import Devices, choose_devices, losses_named
from hrpn_tf.training.environment import describe_environment
from hrpn_tf.training.loop import Loop, train
from hrpn_tf.training.memory import check_memory, explain_exhausted, no_memory
from hrpn_tf.training.networks import Networks, build_kept, build_trained
from hrpn_tf.training.pictures import Pictures
from hrpn_tf.training.plan import Plan, plan_of
from hrpn_tf.training.precision import warn_if_slow
from hrpn_tf.training.progress import Memory, resources, start_line, summary_line
from hrpn_tf.training.resolving import resolve
from hrpn_tf.training.run import may_resume, refuse_other_teacher
from hrpn_tf.training.runtime import prepare_runtime
from hrpn_tf.training.start import find_start, refuse_unfit
from hrpn_tf.training.teacher import Teacher, open_teacher
from hrpn_tf.training.transplant import plan_transplant

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
    need: dict[str, Any] = {}
    with _exhaustion_named(need):
        return _fit(patches, run, config, overwrite, progress, need)


def _fit(
    patches: Path | GrowingPatches,
    run: Path,
    config: Config,
    overwrite: bool,
    progress: bool,
    need: dict[str, Any],
) -> TrainingState:
    """As :func:`fit`; ``need`` takes the size of a step as soon as it is known."""
    started = time.perf_counter()
    growing = None if isinstance(patches, Path) else patches
    refuse_other_backend(config.training.backend)
    devices = choose_devices()
    if growing is not None:
        check_growing(config)
        if devices.workers > 1:
            raise ConfigError(
                "--simulate trains in one process; leave out --workers and TF_CONFIG, or simulate "
                "slides beforehand with hrpn-tf simulate and hrpn-tf prepare"
            )
    if overwrite:
        teacher_path = config.training.teacher
        refuse_lost_inputs(
            run,
            (
                patches if isinstance(patches, Path) else None,
                None if teacher_path is None else Path(teacher_path),
            ),
        )
    store = open_store(patches) if isinstance(patches, Path) else patches.first()
    config, source = find_start(config, run, overwrite=overwrite)
    config = resolve(config, store, shown=devices.chief)
    split = split_groups(store.groups, config.data.split)
    training = config.training
    devices.check_batch(training.batch_size, training.accumulate)
    if source is not None:
        refuse_unfit(source, config, store, split, shown=devices.chief)
    with _exclusive(run, devices):
        resume = devices.chief and not overwrite and may_resume(run, config, store)
    prepare_runtime(training)
    warn_if_slow(training.precision)
    memory = Memory()
    sampling = learn_sampling(store, split.train) if training.sampling == "target" else None
    batches = Batches(store, split, config, devices, sampling, growing)
    scaling = Scaling(**store.statistics(split.train))
    kept = build_kept(config, scaling)
    contract = contract_of(
        kept,
        inputs=config.data.inputs,
        target=config.data.target,
        pixel_size_um=store.pixel_size_um,
        grey_max=grey_range(config, store, split.train),
        reference_levels=config.data.reference_levels,
    )
    check_sizes(config, batches.patches, contract.stride_multiple)
    plan = plan_of(training, batches.patches)
    with losses_named(devices):
        steps = training.epochs if plan is None else plan.total  # not measured yet
        trained = build_trained(config, scaling, devices, core=batches.window.core, steps=steps)
        networks = Networks(trained, kept)
        # loaded after the networks are built: it draws random numbers, and they start as without it
        teacher = open_teacher(config, contract, split, batches.side)
        record = None if teacher is None else teacher.record()
        if resume:
            refuse_other_teacher(run, record)
        transplant = None
        if source is not None:
            core = batches.window.core
            transplant = plan_transplant(source, trained, config, contract, core)
        need |= _step_size(networks, batches)
        check_memory(**need)
        if devices.chief and not resume:
            create_run(
                run,
                config=config,
                contract=contract,
                scaling=scaling,
                split=split,
                store=store,
                overwrite=overwrite,
                teacher=record,
                start=None if transplant is None else transplant.record(),
            )
        devices.wait_for_all()
        with _exclusive(run, devices):
            state = _restored(run, networks, batches)
            if transplant is not None:
                transplant.apply(trained, shown=devices.chief)
                del transplant, source  # they hold the weights
            if plan is None:
                plan, state = _measured(state, networks, batches, started, teacher)
            shown = progress and devices.chief
            return _train(run, networks, batches, plan, state, memory, shown, teacher)


def _restored(run: Path, networks: Networks, batches: Batches) -> TrainingState:
    """Tidy up the run, and load its last checkpoint, if there is one."""
    devices = batches.devices
    if devices.chief:
        clear_leftovers(run)
        remove_old(run / CHECKPOINTS)
        add_environment(run, describe_environment())
    return _restore(run, networks, batches.config.model.preset, devices)


def _measured(
    state: TrainingState,
    networks: Networks,
    batches: Batches,
    started: float,
    teacher: Teacher | None,
) -> tuple[Plan, TrainingState]:
    """The plan for ``training.minutes``: that of the checkpoint, or a new one from the speed."""
    if state.planned_steps is None:
        plan = measure_plan(networks.trained, batches, started, teacher)
    else:
        plan = Plan(state.planned_steps, batches.config.training.epochs)
    networks.trained.lay_out(plan.total)
    return plan, replace(state, planned_steps=plan.total)


def _train(
    run: Path,
    networks: Networks,
    batches: Batches,
    plan: Plan,
    state: TrainingState,
    memory: Memory,
    progress: bool,
    teacher: Teacher | None,
) -> TrainingState:
    """Train from a state."""
    config, devices = batches.config, batches.devices
    parameters, free = (
        sum(prod(v.shape) for v in network.trainable_variables)
        for network in (networks.kept, networks.trained.network)
    )
    if devices.chief:
        logger.info(
            f"{_where(state)}: {config.model.preset}, {parameters:,} parameters"
            f"{f' ({free:,} are trained)' if free < parameters else ''}, "
            f"{plan.steps(0)} steps of {config.training.batch_size} patches per epoch"
            f"{f' on {devices.replicas} devices' if devices.replicas > 1 else ''}"
            f"{_with_jax() if config.training.backend == 'jax' else ''}"
        )

    def after_epoch(checkpoint: Path, state: TrainingState) -> None:
        publish(run, checkpoint / BEST, state.rows)
        if not state.epoch:
            logger.info(start_line(state))
            return
        size = {"batch_size": config.training.batch_size, "side": batches.side}
        write_resources(run, resources(state, parameters=parameters, **size))
        logger.info(summary_line(state, config.training.epochs))

    if devices.chief and state.finished(config.training):
        after_epoch(list_checkpoints(run / CHECKPOINTS)[-1], state)  # killed before it was done
    loop = Loop(
        networks,
        batches,
        devices,
        plan,
        run / CHECKPOINTS,
        after_epoch,
        memory,
        _callbacks(run, batches) if devices.chief else (),
        progress,
        teacher,
        started=config.training.start is not None,
    )
    state = train(loop, state)
    if devices.chief and state.start is not None and state.best_epoch == 0:
        logger.info(f"{run}: no epoch has a lower validation loss than the start, which is kept")
    return state


def _step_size(networks: Networks, batches: Batches) -> dict[str, Any]:
    """A device's share of a step, as the functions of ``memory`` ask for it."""
    training, trained = batches.config.training, networks.trained
    return {
        "network": trained.network,
        "side": batches.side,
        "batch": training.batch_size // batches.devices.replicas,
        "accumulate": training.accumulate,
        "discriminator": getattr(trained, "discriminator", None),
    }


@contextmanager
def _exhaustion_named(need: Mapping[str, Any]) -> Iterator[None]:
    """Say which batch would fit where a device runs out of memory in the middle of a step."""
    try:
        yield
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


def _restore(run: Path, networks: Networks, preset: str, devices: Devices) -> TrainingState:
    """Load the last checkpoint that can be loaded, and show it: the run may not have.

    Raises:
        CheckpointError: there are checkpoints, but none can be loaded.
        ForeignCheckpointError: the last one is of another network.
    """
    damaged = None
    for checkpoint in reversed(list_checkpoints(run / CHECKPOINTS)):
        try:
            state = load_checkpoint(checkpoint, networks.trained, preset)
        except ForeignCheckpointError:
            raise
        except CheckpointError as error:
            damaged = error
            if devices.chief:
                logger.warning(f"{error}; going back to the one before it")
                set_aside(checkpoint)
            continue
        if devices.chief and state.rows:
            publish(run, checkpoint / BEST, state.rows)
        return state
    if damaged is not None:
        raise CheckpointError(f"{damaged}, and there is none before it; fit with --overwrite")
    return TrainingState()


def _with_jax() -> str:
    """What JAX found to train on: with a driver that is too old it takes the processor."""
    device = ", ".join(backend.gpu_names()) or "the CPU"
    return f", with JAX {backend.versions()['jax']} on {device}"


def _where(state: TrainingState) -> str:
    if state.partial.steps:
        return f"resuming in epoch {state.epoch + 1} after step {state.partial.steps}"
    return f"resuming after epoch {state.epoch}" if state.epoch else "training"


@contextmanager
def _exclusive(run: Path, devices: Devices) -> Iterator[None]:
    """The run folder for this process alone, if it is there and this one writes it."""
    with locked(run) if devices.chief and run.is_dir() else nullcontext():
        yield
