"""What a training is asked for, checked before its networks are built."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from hrpn_tf.config import Config
from hrpn_tf.data.growing import GrowingPatches
from hrpn_tf.data.sampling import learn_sampling
from hrpn_tf.data.splits import split_groups
from hrpn_tf.data.store import open_store
from hrpn_tf.errors import ConfigError
from hrpn_tf.files import locked, refuse_lost_inputs
from hrpn_tf.keras_backend import refuse_other_backend
from hrpn_tf.runs.source import Source
from hrpn_tf.training.batches import Batches
from hrpn_tf.training.checks import check_growing
from hrpn_tf.training.distribution import Devices, choose_devices
from hrpn_tf.training.precision import warn_if_slow
from hrpn_tf.training.progress import Memory
from hrpn_tf.training.resolving import resolve
from hrpn_tf.training.run import may_resume
from hrpn_tf.training.runtime import prepare_runtime
from hrpn_tf.training.start import find_start, refuse_unfit


@dataclass(frozen=True)
class Setup:
    """A training that was checked.

    Attributes:
        batches: with the resolved configuration and the devices.
        source: network that the training starts from; None for random weights, and where a
            checkpoint is resumed.
        resume: whether this process writes the run, and resumes it.
        memory: what the process held before.
    """

    batches: Batches
    source: Source | None
    resume: bool
    memory: Memory


def set_up(patches: Path | GrowingPatches, run: Path, config: Config, *, overwrite: bool) -> Setup:
    """Check a training, and prepare the process for it; see ``fit``."""
    growing = None if isinstance(patches, Path) else patches
    refuse_other_backend(config.training.backend)
    devices = choose_devices()
    if growing is not None:
        _refuse_not_growing(config, devices)
    if overwrite:
        _refuse_lost(run, patches, config.training.teacher)
    store = open_store(patches) if isinstance(patches, Path) else patches.first()
    config, source = find_start(config, run, overwrite=overwrite)
    config = resolve(config, store, shown=devices.chief)
    split = split_groups(store.groups, config.data.split)
    training = config.training
    devices.check_batch(training.batch_size, training.accumulate)
    if source is not None:
        refuse_unfit(source, config, store, split, shown=devices.chief)
    with exclusive(run, devices):
        resume = devices.chief and not overwrite and may_resume(run, config, store)
    prepare_runtime(training)
    warn_if_slow(training.precision)
    memory = Memory()
    sampling = learn_sampling(store, split.train) if training.sampling == "target" else None
    batches = Batches(store, split, config, devices, sampling, growing)
    return Setup(batches, source, resume, memory)


@contextmanager
def exclusive(run: Path, devices: Devices) -> Iterator[None]:
    """The run folder for this process alone, if it is there and this one writes it."""
    with locked(run) if devices.chief and run.is_dir() else nullcontext():
        yield


def _refuse_not_growing(config: Config, devices: Devices) -> None:
    """Refuse what a training on slides that are being simulated cannot do."""
    check_growing(config)
    if devices.workers > 1:
        raise ConfigError(
            "--simulate trains in one process; leave out --workers and TF_CONFIG, or simulate "
            "slides beforehand with hrpn-tf simulate and hrpn-tf prepare"
        )


def _refuse_lost(run: Path, patches: Path | GrowingPatches, teacher: str | None) -> None:
    """Refuse to replace a folder that holds what the training needs."""
    needed = (
        patches if isinstance(patches, Path) else None,
        None if teacher is None else Path(teacher),
    )
    refuse_lost_inputs(run, needed)
