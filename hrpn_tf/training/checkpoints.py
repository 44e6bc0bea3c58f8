"""Checkpoints: everything that a resumed training needs, in one folder that appears at once."""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras

from hrpn_tf.errors import CheckpointError
from hrpn_tf.files import atomic_path, remove

BEST = "best.keras"
# Not .weights.h5: HDF5 crashes the process when it closes a file on a full disk. A .keras file is
# made in memory and then written.
_TRAINING = "training.keras"
_STATE = "state.json"
_KEPT = 2

Row = dict[str, float]


@dataclass(frozen=True)
class TrainingState:
    """How far a training is.

    Attributes:
        history: one row per finished epoch; see :mod:`hrpn_tf.training.loop`.
        best_epoch: number, from 1, of the epoch with the lowest validation loss; 0 before any.
        best_loss: that loss; None before any.
    """

    history: tuple[Row, ...] = ()
    best_epoch: int = 0
    best_loss: float | None = None

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return len(self.history)

    def after(self, row: Row) -> "TrainingState":
        """The state after one more epoch."""
        history = (*self.history, row)
        if self.best_loss is None or row["val_loss"] < self.best_loss:
            return TrainingState(history, len(history), row["val_loss"])
        return TrainingState(history, self.best_epoch, self.best_loss)


def save_checkpoint(
    folder: Path, network: keras.Model, best: keras.Model, state: TrainingState
) -> Path:
    """Write the checkpoint of a finished epoch, and remove those before the one before it.

    Args:
        folder: of all checkpoints of the run.
        network: the compiled network; its weights and its optimizer's are saved.
        best: the network to keep, saved if this epoch is the best one; else the previous
            checkpoint's is taken over.
        state: after this epoch.

    Raises:
        DiskFullError: the disk filled up; the checkpoints before are untouched.
    """
    final = _folder(folder, state.epoch)
    with atomic_path(final, overwrite=True) as temporary:
        temporary.mkdir()
        network.save(temporary / _TRAINING)
        if state.best_epoch == state.epoch:
            best.save(temporary / BEST)
        else:
            link_or_copy(_folder(folder, state.epoch - 1) / BEST, temporary / BEST)
        (temporary / _STATE).write_text(json.dumps(asdict(state)), encoding="utf-8")
    for old in list_checkpoints(folder)[:-_KEPT]:
        remove(old)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """The finished checkpoints, oldest first."""
    return sorted(folder.glob("epoch-[0-9]*"))


def read_state(checkpoint: Path) -> TrainingState:
    """The state that a checkpoint holds.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    try:
        values: dict[str, Any] = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
        return TrainingState(tuple(values.pop("history")), **values)
    except (OSError, ValueError, TypeError, KeyError):
        raise CheckpointError(_damaged(checkpoint)) from None


def load_checkpoint(checkpoint: Path, network: keras.Model) -> TrainingState:
    """Restore the weights of ``network`` and of its optimizer.

    Raises:
        CheckpointError: damaged, or of another network.
    """
    state = read_state(checkpoint)
    try:
        network.load_weights(checkpoint / _TRAINING)
    except (OSError, ValueError, KeyError, BadZipFile):
        raise CheckpointError(_damaged(checkpoint)) from None
    return state


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _folder(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:05d}"


def _damaged(checkpoint: Path) -> str:
    return (
        f"{checkpoint}: cannot be loaded; delete this folder to go on from the checkpoint before "
        "it, or fit again with --overwrite"
    )
