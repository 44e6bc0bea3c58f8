"""What a training reports while it runs: speed, memory, share of waiting, time left."""

from collections.abc import Callable

import numpy as np

from hrpn_tf.memory import forget_peak, peak_bytes, resident_bytes
from hrpn_tf.progress import format_seconds
from hrpn_tf.training.backend import backend
from hrpn_tf.training.checkpoints import Row, TrainingState

MIB = 2**20


def summary_line(state: TrainingState, epochs: int) -> str:
    """The last epoch in one line: losses, errors, speed, memory, time left."""
    row = state.history[-1]
    left = (epochs - state.epoch) * float(np.median([r["seconds"] for r in state.history]))
    mark = " (best)" if state.best_epoch == state.epoch else ""
    return (
        f"epoch {state.epoch}/{epochs}: loss {row['loss']:.4g}, val MSE {row['val_mse']:.4g}, "
        f"val R2 {row['val_r2']:.3f}{mark}, {row['patches_per_second']:.1f} patches/s, "
        f"{row['steps_per_second']:.2f} steps/s, {row['waiting_share']:.0%} waiting for data, "
        f"{row['memory_mb']:,.0f} MB, {format_seconds(left)} left"
    )


def start_line(state: TrainingState) -> str:
    """The validation of the network that a training starts from, in one line."""
    row = state.start or {}
    return (
        f"epoch 0, before any step: val MSE {row.get('val_mse'):.4g}, "
        f"val R2 {row.get('val_r2'):.3f} (best)"
    )


def resources(state: TrainingState, *, parameters: int, batch_size: int, side: int) -> Row:
    """What the training used, over all epochs so far, as plain values for JSON.

    Speeds are medians over epochs, memory the largest; ``training_memory_mb`` is that without
    what the process held before the network was built.
    """
    rows = state.history

    def median(name: str) -> float:
        return float(np.median([row[name] for row in rows]))

    return {
        "parameters": parameters,
        "batch_size": batch_size,
        "side": side,
        "steps_per_second": median("steps_per_second"),
        "patches_per_second": median("patches_per_second"),
        "pixels_per_second": median("patches_per_second") * side**2,
        "waiting_share": median("waiting_share"),
        "peak_memory_mb": max(row["memory_mb"] for row in rows),
        "training_memory_mb": max(row["memory_mb"] - row["memory_before_mb"] for row in rows),
        "seconds": sum(row["seconds"] for row in rows),
    }


class Memory:
    """Peak memory of this process since now: of its GPU where it has one, else resident, MB.

    Attributes:
        before_mb: held now.
    """

    def __init__(self) -> None:
        """Forget earlier peaks, as far as the system allows."""
        self._gpu = bool(backend.gpu_names())
        if self._gpu:
            backend.forget_peak()
        else:
            forget_peak()
        self.before_mb = self._read(resident_bytes, "current")

    def peak_mb(self) -> float:
        """The largest amount so far; of the first GPU where there are several."""
        return max(self._read(peak_bytes, "peak"), self.before_mb)  # the system rounds its counters

    def _read(self, resident: Callable[[], int | None], gpu: str) -> float:
        if self._gpu:
            return backend.gpu_bytes(gpu) / MIB
        held = resident()
        return float("nan") if held is None else held / MIB
