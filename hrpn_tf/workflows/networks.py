"""Networks of runs, loaded once per process."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.workflows.quiet import load_tensorflow

if TYPE_CHECKING:
    from hrpn_export import Session


def load_network(run: Path, threads: int | None = None) -> "Session":
    """The best network of a run, ready to run; the last one is kept.

    Args:
        run: folder of a training.
        threads: most threads that one operation uses; None leaves it to TensorFlow.

    Raises:
        RunError, CheckpointError: no network there, or a damaged one.
    """
    best = run / "best.keras"
    changed = best.stat().st_mtime_ns if best.is_file() else 0
    return _load(run.absolute(), threads, changed)


@lru_cache(maxsize=1)
def _load(run: Path, threads: int | None, changed: int) -> "Session":
    load_tensorflow()
    from hrpn_export.keras_session import KerasSession, limit_threads

    from hrpn_tf.training.run import load_run

    if threads is not None:
        limit_threads(threads)  # before the network is loaded, which starts TensorFlow
    model, contract, _ = load_run(run)
    return KerasSession(model, contract, threads)
