"""Training a network."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hrpn_tf.api.arguments import (
    ConfigArgument,
    PathArgument,
    ProgressArgument,
    path_of,
    work,
)
from hrpn_tf.api.result import Result
from hrpn_tf.api.show import table_html

if TYPE_CHECKING:
    from hrpn_tf.config import Config
    from hrpn_tf.data.growing import GrowingPatches
    from hrpn_tf.runs import Run
    from hrpn_tf.workflows.streaming import SimulatedSlides


@dataclass(frozen=True, repr=False)
class FitResult(Result):
    """A trained network.

    Attributes:
        run: the run, open.
        epochs: finished epochs.
        best_epoch: number, from 1, of the epoch that the network was kept from; 0 for the network
            that the training started from, if no epoch was better.
        metrics: of that epoch, as in ``history``, e.g. ``val_mse`` (grey levels^2) and ``val_r2``.
        history: one row per finished epoch, after epoch 0 if there is a start.
        seconds: wall time of the call; a resumed training took more.
    """

    run: "Run"
    epochs: int
    best_epoch: int
    metrics: Mapping[str, float]
    history: tuple[Mapping[str, float | None], ...]
    seconds: float

    @property
    def _location(self) -> Path:
        return self.run.folder

    def _facts(self) -> Mapping[str, object]:
        return {
            "epochs": self.epochs,
            "best epoch": self.best_epoch,
            "validation MSE": self.metrics.get("val_mse"),
            "validation R2": self.metrics.get("val_r2"),
            "seconds": self.seconds,
        }

    def _details(self) -> str:
        shown = ("epoch", "loss", "val_loss", "val_mse", "val_r2")
        return table_html([{key: row.get(key) for key in shown} for row in self.history])


def fit(
    patches: PathArgument | None,
    out: PathArgument,
    config: ConfigArgument = None,
    *,
    preset: str | None = None,
    start: PathArgument | None = None,
    freeze: Literal["body"] | None = None,
    teacher: PathArgument | None = None,
    backend: Literal["tensorflow", "jax"] | None = None,
    simulate: "int | SimulatedSlides | None" = None,
    twin: bool = True,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> FitResult:
    """Train a network on a patch dataset.

    Called again with the same arguments after an interruption, it resumes after the last
    checkpoint. All GPUs of the machine are used.

    Args:
        patches: folder of a patch dataset, or the result of :func:`prepare`. With ``simulate``,
            the folder that keeps the simulated patches; None for ``OUT.simulated``.
        out: run folder to create or to resume.
        config: configuration, path of a YAML file, name of a recipe, or values; the sections
            ``data.split``, ``model`` and ``training`` are used. Keys that the patch dataset fixes
            may be left out.
        preset: name of the network, in place of that of the configuration.
        start: run, bundle or Keras file whose network the training starts from (fine-tuning), or
            the name of weights, e.g. ``"hrpn-m-sim"``; its preset is taken unless another one is
            given. A resumed training does not need it.
        freeze: "body" to train the first and last layers and the scales and offsets of
            normalisation alone.
        teacher: run or bundle whose predictions are a part of the target; the part is
            ``training.distillation``.
        backend: framework that trains; None for that of the configuration, or of the run that is
            resumed. Keras can take JAX in a new process only, before anything imported it.
        simulate: number of training slides to simulate while the network trains, in place of a
            patch dataset; the section ``simulation`` of the configuration is used. For other
            options, ``hrpn_tf.workflows.streaming.SimulatedSlides``.
        twin: also make the ONNX twin of the network (``RUN/twin``), which :func:`predict` runs
            without TensorFlow, if the extra ``onnx`` is installed.
        overwrite: replace a run that is there, and simulated patches of another configuration.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        BackendError: JAX is not installed, or Keras computes with another framework already.
        ConfigError: the configuration does not fit the patch dataset, the network or the memory.
        SplitError: the groups do not allow the split.
        RunError: a finished run, or one of another configuration, is there.
        StoreError: the patch dataset is missing or damaged.
        TrainingDivergedError: the loss became NaN or infinite.
        DiskFullError: the disk filled up; the training can be resumed.
        SimulationFailedError: a slide cannot be simulated.
        StartError: the network of ``start`` does not fit.
        PixelSizeError: it was trained at another pixel size.
        UsageError: neither ``patches`` nor ``simulate`` is given.

    Example:
        >>> import hrpn_tf as ht
        >>> settings = {
        ...     "data.split": {"validation": ["animal-001"], "test": ["animal-002"]},
        ...     "training": {"epochs": 1, "steps_per_epoch": 2, "batch_size": 2, "crop": 32},
        ... }
        >>> fitted = ht.fit("patches", "run", settings, preset="hrpn-s")
        >>> fitted.epochs, fitted.best_epoch, "val_r2" in fitted.metrics
        (1, 1, True)
    """
    from hrpn_tf.config import load_config
    from hrpn_tf.console import load_tensorflow
    from hrpn_tf.errors import FinishedRunError, UsageError
    from hrpn_tf.runs import open_run
    from hrpn_tf.runs.configuration import with_backend_of
    from hrpn_tf.workflows.export.twin import twin_after_training
    from hrpn_tf.workflows.training_profile import is_chief, write_profile

    chosen = {} if preset is None else {"model.preset": preset}
    if start is not None:
        chosen["training.start"] = str(path_of(start))
    if freeze is not None:
        chosen["training.freeze"] = freeze
    if teacher is not None:
        chosen["training.teacher"] = str(path_of(teacher))
    if backend is not None:
        chosen["training.backend"] = backend
    run = path_of(out)
    loaded = with_backend_of(load_config(config, chosen), run, overwrite)
    if patches is None and simulate is None:
        raise UsageError("no patches to train with: give a patch dataset, or simulate slides")
    store = run.with_name(f"{run.name}.simulated") if patches is None else path_of(patches)
    load_tensorflow(loaded.training.backend, deterministic=loaded.training.deterministic)
    from hrpn_tf.training.fit import fit as train
    from hrpn_tf.training.run import last_state

    with work(progress) as now:
        try:
            with _source(store, loaded, simulate, overwrite) as (source, resolved):
                state = train(source, run, resolved, overwrite=overwrite)
        except FinishedRunError:
            if open_run(run).training_profile.exists():
                raise
            state = last_state(run)  # killed before the profile was written, which comes last
        if is_chief():
            if twin:
                twin_after_training(open_run(run), store)
            write_profile(run, store)
    return FitResult(
        open_run(run),
        state.epoch,
        state.best_epoch,
        state.best_row,
        tuple(dict(row) for row in state.rows),
        now.seconds,
    )


def _source(
    store: Path, config: "Config", simulate: "int | SimulatedSlides | None", overwrite: bool
) -> "AbstractContextManager[tuple[Path | GrowingPatches, Config]]":
    """What is trained on, with the configuration: a patch dataset, or one that is simulated."""
    if simulate is None:
        return nullcontext((store, config))
    from hrpn_tf.workflows.streaming import SimulatedSlides, simulated_patches

    options = simulate if isinstance(simulate, SimulatedSlides) else SimulatedSlides(simulate)
    return simulated_patches(store, config, options, overwrite)
