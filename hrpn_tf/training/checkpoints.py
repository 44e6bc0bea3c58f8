"""Checkpoints: one folder, written atomically, with all that a resumed training needs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hrpn_tf.config import TrainingConfig
from hrpn_tf.errors import CheckpointError, ForeignCheckpointError
from hrpn_tf.files import atomic_path, link_or_copy, remove
from hrpn_tf.runs.folder import BEST
from hrpn_tf.training.patience import gave_up
from hrpn_tf.training.trained_model import TrainedModel
from hrpn_tf.untrusted import LARGEST, read_arrays, read_json

# NumPy's archive, not HDF5: that crashes the process when it closes a file on a full disk. Each
# array in it carries a checksum.
_VARIABLES = "variables.npz"
_STATE = "state.json"
_DAMAGED = "damaged-"
_KEPT = 2

Row = dict[str, float]
StartRow = dict[str, float | None]


@dataclass(frozen=True)
class Partial:
    """The progress of an unfinished epoch.

    Attributes:
        steps: finished ones.
        sums: of them, see :mod:`hrpn_tf.training.sums`.
        seconds: spent on them.
        waited: of these, seconds of waiting for data.
    """

    steps: int = 0
    sums: tuple[float, ...] = ()
    seconds: float = 0.0
    waited: float = 0.0


@dataclass(frozen=True)
class TrainingState:
    """The progress of a training.

    Attributes:
        history: one row per finished epoch; see :mod:`hrpn_tf.training.loop`.
        best_epoch: number, from 1, of the epoch with the lowest validation loss; 0 for the start.
        best_loss: that loss; None where nothing was validated yet.
        partial: of the epoch that follows.
        planned_steps: optimizer steps of the whole training where their number was measured, for
            ``training.minutes``; else None.
        start: the row of epoch 0, of the network that the training started from; it has the columns
            of the others, empty but for the validation. None for random weights.
    """

    history: tuple[Row, ...] = ()
    best_epoch: int = 0
    best_loss: float | None = None
    partial: Partial = Partial()
    planned_steps: int | None = None
    start: StartRow | None = None

    @property
    def rows(self) -> tuple[Mapping[str, float | None], ...]:
        """The start, if it was validated, and the history."""
        return self.history if self.start is None else (self.start, *self.history)

    @property
    def best_row(self) -> Row:
        """The row of the best epoch, without what is empty in it."""
        row = next(r for r in self.rows if r["epoch"] == self.best_epoch)
        return {name: value for name, value in row.items() if value is not None}

    def begun(self, row: StartRow) -> "TrainingState":
        """The state with a validated start, which is the best until an epoch beats it."""
        return replace(self, start=row, best_epoch=0, best_loss=row["val_loss"])

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return len(self.history)

    @property
    def has_best(self) -> bool:
        """Whether there is a network to keep."""
        return self.best_loss is not None

    def after(self, row: Row) -> "TrainingState":
        """The state after one more epoch."""
        history = (*self.history, row)
        state = replace(self, history=history, partial=Partial())
        if self.best_loss is None or row["val_loss"] < self.best_loss:
            return replace(state, best_epoch=len(history), best_loss=row["val_loss"])
        return state

    def within(self, partial: Partial) -> "TrainingState":
        """The state in the middle of the epoch that follows."""
        return replace(self, partial=partial)

    def finished(self, training: TrainingConfig) -> bool:
        """Whether the last epoch is done, or the validation loss has not improved for long."""
        return self.epoch >= training.epochs or gave_up(
            [r["val_loss"] for r in self.history], training
        )


def save_checkpoint(
    folder: Path,
    preset: str,
    variables: Mapping[str, np.ndarray],
    best: keras.Model,
    state: TrainingState,
) -> Path:
    """Write a checkpoint, and remove all but the one before it.

    Args:
        folder: of all checkpoints of the run.
        preset: of the network.
        variables: everything that the next step depends on; see :func:`read_variables`.
        best: the network to keep, saved if the state's last epoch, or the start, is the best one
            and has just ended; else the previous checkpoint's is taken over.
        state: after an epoch, or within one.

    Raises:
        DiskFullError: the disk filled up; the checkpoints before are untouched.
    """
    previous = list_checkpoints(folder)[-1:]
    final = folder / _name(state)
    with atomic_path(final, overwrite=True) as temporary:
        temporary.mkdir()
        # a file that is closed before the folder is renamed
        with (temporary / _VARIABLES).open("wb") as file:
            np.savez(file, **variables)  # type: ignore[arg-type]
        if state.has_best and state.best_epoch == state.epoch and not state.partial.steps:
            best.save(temporary / BEST)
        elif state.has_best:
            link_or_copy(previous[0] / BEST, temporary / BEST)
        values = {"preset": preset, **asdict(state)}
        (temporary / _STATE).write_text(json.dumps(values), encoding="utf-8")
    remove_old(folder)
    return final


def remove_old(folder: Path) -> None:
    """Remove all checkpoints but the last ones; a killed training may have left more."""
    for old in list_checkpoints(folder)[:-_KEPT]:
        remove(old)


def list_checkpoints(folder: Path) -> list[Path]:
    """The finished checkpoints, oldest first."""
    return sorted(folder.glob("epoch-[0-9]*"))


def set_aside(checkpoint: Path) -> None:
    """Rename a damaged checkpoint, so that it is kept but no longer found."""
    checkpoint.rename(checkpoint.with_name(_DAMAGED + checkpoint.name))


def read_state(checkpoint: Path) -> TrainingState:
    """The state that a checkpoint holds.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    return _read_state(checkpoint)[0]


def load_checkpoint(checkpoint: Path, model: TrainedModel, preset: str) -> TrainingState:
    """Restore everything that the next step depends on.

    Raises:
        CheckpointError: damaged.
        ForeignCheckpointError: of another preset.
    """
    state, of_preset = _read_state(checkpoint)
    saved = _read_variables(checkpoint)
    variables = dict(model.state_variables())
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if of_preset != preset or shapes != {name: value.shape for name, value in saved.items()}:
        how = " with other settings, or another version of it" if of_preset == preset else ""
        raise ForeignCheckpointError(
            f"{checkpoint}: a checkpoint of the preset {of_preset}, but the run trains {preset}"
            f"{how}; delete it, or fit again with --overwrite"
        )
    if state.has_best and not (checkpoint / BEST).is_file():
        raise CheckpointError(_damaged(checkpoint))
    for name, variable in variables.items():
        variable.assign(saved[name])
    return state


def read_variables(model: TrainedModel) -> dict[str, np.ndarray]:
    """The values of everything that the next step depends on, by name."""
    return {name: np.asarray(variable.numpy()) for name, variable in model.state_variables()}


def read_part(checkpoint: Path, part: str) -> list[np.ndarray]:
    """The variables of one part of a model, such as its discriminator, in their order.

    Returns:
        The arrays; none if the checkpoint holds no such part.

    Raises:
        CheckpointError: damaged.
    """
    saved = _read_variables(checkpoint, f"{part}/")
    return [saved[name] for name in sorted(saved)]


def _read_variables(checkpoint: Path, prefix: str = "") -> dict[str, np.ndarray]:
    try:
        return read_arrays(checkpoint / _VARIABLES, CheckpointError, prefix=prefix)
    except CheckpointError:
        raise CheckpointError(_damaged(checkpoint)) from None


def _name(state: TrainingState) -> str:
    name = f"epoch-{state.epoch:05d}"
    return f"{name}-step-{state.partial.steps:07d}" if state.partial.steps else name


def _read_state(checkpoint: Path) -> tuple[TrainingState, str]:
    try:
        values: dict[str, Any] = read_json(checkpoint / _STATE, CheckpointError, LARGEST)
        preset, partial = values.pop("preset"), values.pop("partial")
        partial = Partial(**{**partial, "sums": tuple(partial["sums"])})
        return TrainingState(tuple(values.pop("history")), partial=partial, **values), preset
    except (CheckpointError, ValueError, TypeError, KeyError, AttributeError):
        raise CheckpointError(_damaged(checkpoint)) from None


def _damaged(checkpoint: Path) -> str:
    return f"{checkpoint}: the checkpoint is damaged"
