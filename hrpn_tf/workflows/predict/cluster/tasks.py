"""Tasks for the workers of a cluster; each task may be repeated, by any worker."""

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf._version import __version__
from hrpn_tf.errors import ClusterError
from hrpn_tf.workflows.networks.network import load_network
from hrpn_tf.workflows.predict.calibrated_range import watch_of
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.jobs import opened

if TYPE_CHECKING:
    from hrpn_tf.prediction import SlidePrediction, StartedPrediction
    from hrpn_tf.workflows.predict.calibrated_range import RangeWatch

# Dask stops giving work to a worker that holds 80 % of its memory limit, and kills it at 95 %.
_SHARE_OF_LIMIT = 0.7
# The network uses all cores of the worker, and its tiles are planned for all of its memory.
# Therefore a worker runs its tasks one after another.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class WorkerLimits:
    """Limits of one worker, set once so that all slides have the same tiles.

    Attributes:
        version: version of this package, which every worker must have.
        budget: memory limit, bytes; None for no limit.
        threads: threads of one operation of the network; None for the threads of the Dask worker.
        gpus: GPUs, of which each worker takes one by its number; empty to leave them unchanged.
    """

    version: str
    budget: int | None
    threads: int | None = None
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkerCheck:
    """Report of a worker.

    Attributes:
        version: version of this package on the worker.
        budget: memory limit, bytes; None if unknown.
        unseen: paths that the worker does not see.
    """

    version: str
    budget: int | None
    unseen: tuple[str, ...]


@dataclass(frozen=True)
class BlockTiming:
    """Cost of computing blocks.

    Attributes:
        seconds: total time.
        session_seconds: time spent in the network.
        peak_bytes: peak memory of the worker so far; None if unknown.
        seen: grey levels of the tiles, for a network with a calibrated range; else None.
    """

    seconds: float
    session_seconds: float
    peak_bytes: int | None
    seen: "RangeWatch | None" = None


def check_worker(
    paths: Sequence[Path], max_ram: int | None, dask_worker: Any = None
) -> WorkerCheck:
    """Check a worker; also imports the modules that every task needs.

    Args:
        paths: paths that the worker must see.
        max_ram: memory limit, bytes; None for that of Dask or of the system.
        dask_worker: passed by Dask.
    """
    import hrpn_tf.prediction
    from hrpn_tf.config import PredictionConfig

    asked = PredictionConfig.model_validate({"max_ram": max_ram})
    budgets = [hrpn_tf.prediction.memory_budget(asked)]
    if limit := dask_worker.memory_manager.memory_limit:
        share = int(_SHARE_OF_LIMIT * limit)
        # Dask's limit is more reliable than a guess from the free memory
        budgets = [share] if max_ram is None else [*budgets, share]
    unseen = tuple(str(path) for path in paths if not path.exists())
    return WorkerCheck(
        __version__, min((b for b in budgets if b is not None), default=None), unseen
    )


def begin(job: SlideJob, limits: WorkerLimits, restart: bool) -> "StartedPrediction":
    """Plan a slide, or find its finished blocks."""
    with _opened(job, limits) as prediction:
        if not prediction.unfinished.folder.is_dir():
            raise ClusterError(
                f"{_here()} does not see {job.out.parent}; workers need the same file system, under"
                " the same path"
            )
        return prediction.begin(limits.budget, restart)


def compute(
    job: SlideJob, limits: WorkerLimits, begun: "StartedPrediction", indices: Sequence[int]
) -> BlockTiming:
    """Compute and store blocks of a started slide; existing blocks are kept."""
    from hrpn_tf.memory import peak_bytes

    watch = watch_of(job.network, list(job.channel_names))
    with _opened(job, limits, watch, begun) as prediction:
        started = time.monotonic()
        done = prediction.work(begun).journal().finished()
        left = [index for index in indices if index not in done]
        session_seconds = prediction.compute(begun, left, lambda block: None)
        return BlockTiming(time.monotonic() - started, session_seconds, peak_bytes(), watch)


def finish(
    job: SlideJob, limits: WorkerLimits, begun: "StartedPrediction", overwrite: bool
) -> Mapping[str, Any] | None:
    """Write the result of a slide whose blocks are finished, unless it is written already.

    A slide that waits for others of its animal is only measured.

    Returns:
        How the result was scaled; None without an anchor, or while it waits.
    """
    from hrpn_tf.prediction.anchor import FOUND
    from hrpn_tf.slides import read_provenance

    with _opened(job, limits, begun=begun) as prediction:
        if job.hold:
            prediction.measure(begun)
            return None
        if _is_made(prediction, begun, overwrite):
            prediction.unfinished.discard()
            return read_provenance(prediction.out).get(FOUND)
        return prediction.finish(begun, overwrite)


def cores() -> int:
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _is_made(prediction: "SlidePrediction", begun: "StartedPrediction", overwrite: bool) -> bool:
    """Whether the same task wrote the result, on a worker that died before reporting it."""
    from hrpn_tf.slides import read_provenance

    # a result to be replaced can look the same; the task is done only if its pixels are gone
    if not prediction.out.exists() or (overwrite and prediction.work(begun).pixels.exists()):
        return False
    made = read_provenance(prediction.out)
    return all(made.get(key) == value for key, value in begun.record.origin.items())


@contextmanager
def _opened(
    job: SlideJob,
    limits: WorkerLimits,
    watch: "RangeWatch | None" = None,
    begun: "StartedPrediction | None" = None,
) -> Iterator["SlidePrediction"]:
    if limits.version != __version__:
        raise ClusterError(
            f"{_here()} has hrpn-tf {__version__}, not {limits.version}; install the same "
            "everywhere"
        )
    with _one_at_a_time:
        worker = _worker()
        if limits.gpus:
            own = limits.gpus[int(worker.name) % len(limits.gpus)]
            os.environ["CUDA_VISIBLE_DEVICES"] = own  # effective until TensorFlow starts
        # Dask's default of one thread means unlimited; the runtimes then use all cores
        threads = limits.threads or (worker.state.nthreads if worker.state.nthreads > 1 else None)
        session = load_network(job.network, threads)
        with opened(job, session, limits.budget, watch, begun) as prediction:
            yield prediction


def _here() -> str:
    return f"the worker {_worker().address}"


def _worker() -> Any:
    from distributed import get_worker

    return get_worker()
