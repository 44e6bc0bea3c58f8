"""What a training left: its history, its last state, and whether two trainings are the same."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hrpn_tf.runs import load_run
from hrpn_tf.training import loop
from hrpn_tf.training.checkpoints import list_checkpoints

TIMES = {
    "seconds",
    "patches_per_second",
    "steps_per_second",
    "waiting_share",
    "memory_mb",
    "memory_before_mb",
}


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open() as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def final_state(run: Path) -> dict[str, np.ndarray]:
    """All numbers of the last checkpoint: weights, optimizers, averages, random states."""
    latest = list_checkpoints(run / "checkpoints")[-1]
    with np.load(latest / "variables.npz") as archive:
        return {name: archive[name] for name in archive.files}


def assert_same_run(run: Path, other: Path) -> None:
    assert history(run) == history(other)
    ours, theirs = final_state(run), final_state(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    best, reference = load_run(run)[0], load_run(other)[0]
    for a, b in zip(best.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@contextmanager
def interrupted(monkeypatch: pytest.MonkeyPatch, before_epoch: int) -> Iterator[None]:
    """A context whose training is stopped by Ctrl-C before an epoch, which counts from 0."""
    seed_dropout = loop.seed_epoch

    def interrupt(network: object, seed: int, epoch: int) -> None:
        if epoch == before_epoch:
            raise KeyboardInterrupt
        seed_dropout(network, seed, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "seed_epoch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            yield
