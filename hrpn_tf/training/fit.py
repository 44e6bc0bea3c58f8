"""``fit``: from a store of patches to a run folder."""

import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from hrpn_export import Contract
from tqdm import tqdm

from hrpn_tf.config import Config
from hrpn_tf.data.splits import split_groups
from hrpn_tf.data.store import PatchStore, open_store
from hrpn_tf.models.graph import receptive_field, stride_multiple
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.training.batches import Batches
from hrpn_tf.training.checkpoints import TrainingState, list_checkpoints, load_checkpoint
from hrpn_tf.training.checks import adopt_store, check_sizes
from hrpn_tf.training.environment import describe_environment
from hrpn_tf.training.loop import train
from hrpn_tf.training.networks import build_networks, compile_network
from hrpn_tf.training.run import (
    add_environment,
    clear_leftovers,
    create_run,
    may_resume,
    publish,
    read_scaling,
)
from hrpn_tf.training.runtime import prepare_runtime


def fit(
    store_path: Path, run: Path, config: Config, *, overwrite: bool = False, progress: bool = True
) -> TrainingState:
    """Train a network, or go on with an unfinished training.

    Called again with the same arguments after an interruption, it goes on after the last finished
    epoch; on a CPU the result is then the same, bit for bit, as without the interruption.

    Args:
        store_path: a store that ``hrpn-tf prepare`` made.
        run: folder to create or to go on in.
        config: keys of ``data`` that the store fixes may be left out.
        overwrite: replace an existing run folder.
        progress: show progress on standard error.

    Raises:
        ConfigError: the configuration does not fit the store or the network.
        SplitError: the groups do not allow the split.
        RunError: a finished run, or one of another configuration or store, is there.
        StoreError: the store is missing or damaged.
        TrainingDivergedError: the loss became NaN or infinite.
        CheckpointError: the last checkpoint is damaged.
        DiskFullError: the disk filled up; the run can be resumed.
    """
    store = open_store(store_path)
    config = adopt_store(config, store)
    split = split_groups(store.groups, config.data.split)
    resume = not overwrite and may_resume(run, config, store)
    batches = Batches(store, split, config)

    prepare_runtime(config.training)
    scaling = read_scaling(run) if resume else Scaling(**store.statistics(split.train))
    networks = build_networks(config, scaling)
    contract = _contract(networks.kept, config, store)
    check_sizes(config, len(store.indices(split.train)), contract.stride_multiple)
    compile_network(networks.trained, config, scaling, batches.steps)

    if resume:
        clear_leftovers(run)
        state = _restore(run, networks.trained)
    else:
        create_run(
            run,
            config=config,
            contract=contract,
            scaling=scaling,
            split=split,
            store=store,
            overwrite=overwrite,
        )
        state = TrainingState()
    add_environment(run, describe_environment())
    say = _speaker(progress)
    say(
        f"{'resuming after epoch ' + str(state.epoch) if resume else 'training'}: "
        f"{config.model.preset}, {networks.kept.count_params():,} parameters, "
        f"{batches.steps} steps of {config.training.batch_size} patches per epoch"
    )

    def after_epoch(checkpoint: Path, state: TrainingState) -> None:
        publish(run, checkpoint, state)
        say(summary_line(state, config.training.epochs))

    return train(
        networks,
        batches,
        state,
        run / "checkpoints",
        callbacks=[keras.callbacks.TensorBoard(str(run / "logs"), write_graph=False)],
        after_epoch=after_epoch,
        progress=progress,
    )


def summary_line(state: TrainingState, epochs: int) -> str:
    """The last epoch in one line: losses, errors, speed, time left."""
    row = state.history[-1]
    left = (epochs - state.epoch) * float(np.median([r["seconds"] for r in state.history]))
    mark = " (best)" if state.best_epoch == state.epoch else ""
    return (
        f"epoch {state.epoch}/{epochs}: loss {row['loss']:.4g}, val MSE {row['val_mse']:.4g}, "
        f"val R2 {row['val_r2']:.3f}{mark}, {row['patches_per_second']:.1f} patches/s, "
        f"{tqdm.format_interval(left)} left"
    )


def _restore(run: Path, network: keras.Model) -> TrainingState:
    """Load the last checkpoint, and show it: the run may have been killed before it was."""
    latest = list_checkpoints(run / "checkpoints")[-1:]
    if not latest:
        return TrainingState()
    state = load_checkpoint(latest[0], network)
    publish(run, latest[0], state)
    return state


def _contract(network: keras.Model, config: Config, store: PatchStore) -> Contract:
    field = receptive_field(network)
    return Contract(
        inputs=config.data.inputs,
        outputs=(config.data.target,),
        pixel_size_um=store.pixel_size_um,
        stride_multiple=stride_multiple(network),
        receptive_field=field,
        tile_exact=field is not None,
        grey_max=float(np.iinfo(store.dtype).max) if store.dtype.kind == "u" else 1.0,
    )


def _speaker(progress: bool) -> Callable[[str], None]:
    def say(line: str) -> None:
        if progress:
            tqdm.write(line, file=sys.stderr)

    return say
