"""What a worker of a cluster does: each task may be run again, by any worker."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf._version import __version__
from hrpn_tf.errors import ClusterError
from hrpn_tf.workflows.networks.network import load_network
from hrpn_tf.workflows.predict.jobs import SlideJob, opened

if TYPE_CHECKING:
    from hrpn_tf.prediction import SlidePrediction, StartedPrediction

# Dask stops giving work to a worker that holds 80 % of its memory limit, and kills it at 95 %.
_SHARE_OF_LIMIT = 0.7
# The network uses all cores of the worker, and its tiles are planned for all of its memory. So a
# worker that Dask gives several tasks at once runs them one after another.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class WorkerLimits:
    """What one worker may take, decided once so that all slides of a cohort are tiled alike.

    Attributes:
        version: of this package, which every worker must have.
        budget: bytes; None for no limit.
        threads: of one operation of the network; None for as many as Dask gives the worker.
        gpus: of which each worker takes one, by its number; none to leave them as they are.
    """

    version: str
    budget: int | None
    threads: int | None = None
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkerCheck:
    """What a worker says of itself.

    Attributes:
        version: of this package there.
        budget: bytes that it may take; None if nobody says.
        unseen: the paths that are not there.
    """

    version: str
    budget: int | None
    unseen: tuple[str, ...]


@dataclass(frozen=True)
class BlockTiming:
    """What computing some blocks took.

    Attributes:
        seconds: all in all.
        session_seconds: in the network.
        peak_bytes: most memory that the worker has held so far; None if the system does not say.
    """

    seconds: float
    session_seconds: float
    peak_bytes: int | None


def fitness(paths: Sequence[Path], max_ram: int | None, dask_worker: Any = None) -> WorkerCheck:
    """Whether a worker can do what follows; imports what every task needs.

    Args:
        paths: that it must see.
        max_ram: bytes that somebody allows it; None for as much as Dask or the system lets it.
        dask_worker: given by Dask.
    """
    import hrpn_tf.prediction
    from hrpn_tf.config import PredictionConfig

    asked = PredictionConfig.model_validate({"max_ram": max_ram})
    budgets = [hrpn_tf.prediction.memory_budget(asked)]
    if limit := dask_worker.memory_manager.memory_limit:
        share = int(_SHARE_OF_LIMIT * limit)
        # what Dask was told is more than a guess from what is free now
        budgets = [share] if max_ram is None else [*budgets, share]
    unseen = tuple(str(path) for path in paths if not path.exists())
    return WorkerCheck(
        __version__, min((b for b in budgets if b is not None), default=None), unseen
    )


def begin(job: SlideJob, means: WorkerLimits, restart: bool) -> "StartedPrediction":
    """Plan a slide, or find what is finished of it."""
    with _opened(job, means) as prediction:
        if not prediction.unfinished.folder.is_dir():
            raise ClusterError(
                f"{_here()} does not see {job.out.parent}; workers need the same file system, under"
                " the same path"
            )
        return prediction.begin(means.budget, restart)


def compute(
    job: SlideJob, means: WorkerLimits, begun: "StartedPrediction", indices: Sequence[int]
) -> BlockTiming:
    """Compute and store some blocks of a slide that was begun; those that are there stay."""
    from hrpn_tf.memory import peak_bytes

    with _opened(job, means) as prediction:
        started = time.monotonic()
        done = prediction.work(begun).journal().finished()
        left = [index for index in indices if index not in done]
        session_seconds = prediction.compute(begun, left, lambda block: None)
        return BlockTiming(time.monotonic() - started, session_seconds, peak_bytes())


def finish(job: SlideJob, means: WorkerLimits, begun: "StartedPrediction", overwrite: bool) -> None:
    """Make the result of a slide whose blocks are all there; nothing if it was made already."""
    with _opened(job, means) as prediction:
        if _is_made(prediction, begun, overwrite):
            prediction.unfinished.discard()
        else:
            prediction.finish(begun, overwrite)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _is_made(prediction: "SlidePrediction", begun: "StartedPrediction", overwrite: bool) -> bool:
    """Whether the same task has made the result, on a worker that died before it could say so."""
    from hrpn_tf.slides import read_provenance

    # what is to be replaced can look the same; only without the pixels there is nothing left to do
    if not prediction.out.exists() or (overwrite and prediction.work(begun).pixels.exists()):
        return False
    made = read_provenance(prediction.out)
    return all(made.get(key) == value for key, value in begun.record.origin.items())


@contextmanager
def _opened(job: SlideJob, means: WorkerLimits) -> Iterator["SlidePrediction"]:
    if means.version != __version__:
        raise ClusterError(
            f"{_here()} has hrpn-tf {__version__}, not {means.version}; install the same everywhere"
        )
    with _one_at_a_time:
        worker = _worker()
        if means.gpus:
            own = means.gpus[int(worker.name) % len(means.gpus)]
            os.environ["CUDA_VISIBLE_DEVICES"] = own  # takes effect until TensorFlow starts
        # one thread is what is said where nobody counts them; TensorFlow then uses all cores
        threads = means.threads or (worker.state.nthreads if worker.state.nthreads > 1 else None)
        with opened(job, load_network(job.network, threads), means.budget) as prediction:
            yield prediction


def _here() -> str:
    return f"the worker {_worker().address}"


def _worker() -> Any:
    from distributed import get_worker

    return get_worker()
