"""Dask clusters: worker processes on this machine, or a cluster that is already running."""

import logging
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from hrpn_tf._version import __version__
from hrpn_tf.config import PredictionConfig
from hrpn_tf.errors import ClusterError, MemoryBudgetError, WorkerLostError
from hrpn_tf.gpus import own_gpus
from hrpn_tf.memory import resident_bytes
from hrpn_tf.workflows.predict.cluster import tasks
from hrpn_tf.workflows.predict.cluster.tasks import WorkerCheck, WorkerLimits
from hrpn_tf.workflows.predict.options import Execution

_CONNECT_SECONDS = 10
# More cores speed up one network little; more processes make use of all cores.
_CORES_PER_WORKER = 4
# Memory of a worker for tiles of a useful size; TensorFlow alone takes a third of it.
_BYTES_PER_WORKER = 2 * 10**9
# Memory of this process with Dask, and of Python's resource tracker.
_OWN_BYTES, _HELPER_BYTES = 200 * 2**20, 16 * 2**20
_LOST = (
    "the Dask scheduler is gone, or dropped its tasks; what is finished is kept: run the same "
    "command again to go on"
)


@dataclass(frozen=True)
class Cluster:
    """A cluster whose workers have been checked.

    Attributes:
        client: Dask client.
        limits: limits of each worker.
        sharing: number of workers that share the memory limit; 1 if each has its own.
    """

    client: Any
    limits: WorkerLimits
    sharing: int = 1

    def submit(self, task: Callable[..., Any], *arguments: Any, priority: int) -> Any:
        """Let a worker run a task; the future must be kept until it is done."""
        self.check()
        return self.client.submit(task, *arguments, pure=False, priority=priority)

    def result(self, future: Any) -> Any:
        """Result of a finished task.

        Raises:
            ClusterError: the cluster is gone.
            WorkerLostError: the workers that ran it died, one after another.
            MemoryBudgetError: the memory limit of a worker is too small.
            HrpnError: as raised by the task.
        """
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except CancelledError:
            raise ClusterError(_LOST) from None
        except MemoryBudgetError as error:
            if self.sharing == 1:
                raise
            raise MemoryBudgetError(
                f"{error}, which {self.sharing} workers share, or lower --workers"
            ) from None
        except KilledWorker:
            raise WorkerLostError(
                "several workers died one after another while computing it (out of memory? lower "
                "--max-ram, or start fewer workers)"
            ) from None

    def workers(self) -> int:
        """Current number of workers."""
        return len(self.client.scheduler_info(n_workers=-1).get("workers", ()))

    def check(self) -> None:
        """Check that the cluster is still there.

        Raises:
            ClusterError: the cluster is gone.
        """
        if self.client.status != "running":
            raise ClusterError(_LOST)


@contextmanager
def local(config: PredictionConfig, slides: int, workers: int | None) -> Iterator[Cluster]:
    """A cluster of worker processes on this machine, for the duration of the context.

    Only this process and its workers can connect, with certificates that are made for the cluster
    and kept in memory.

    Args:
        config: holds the memory limit of all processes together.
        slides: number of slides to predict.
        workers: number of processes; None for as many as fit.

    Raises:
        MemoryBudgetError: see ``local_limits``.
    """
    import dask
    from distributed import Client, LocalCluster
    from distributed.security import Security

    from hrpn_tf.prediction import memory_budget

    total, gpus = memory_budget(config), own_gpus()
    count = workers or _fitting_workers(slides, total, gpus)
    settings = {
        "distributed.worker.daemon": True,  # workers end with this process, however it ends
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "distributed.worker.profile.enabled": False,
    }
    _silence()
    with (
        _deaf_to_interrupts() as hear,
        tempfile.TemporaryDirectory(prefix="hrpn-tf-") as scratch,
        dask.config.set({**settings, "temporary-directory": scratch}),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            protocol="tls://",
            security=Security.temporary(),
            dashboard_address="127.0.0.1:0",  # a free port instead of 8787
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
            local_directory=scratch,
            memory_limit=0,  # each process observes its own share
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        hear()
        yield Cluster(client, local_limits(total, count, gpus), count)


def local_limits(total: int | None, workers: int, gpus: tuple[str, ...]) -> WorkerLimits:
    """Limits of each worker on this machine.

    Args:
        total: memory limit of this process and its workers together, bytes; None for no limit.
        workers: number of workers.
        gpus: see ``WorkerLimits``.
    """
    share = None
    if total is not None:
        own = (resident_bytes() or _OWN_BYTES) + _HELPER_BYTES
        share = max(1, total - own) // workers
    return WorkerLimits(__version__, share, max(1, tasks.cores() // workers), gpus)


def budget_of_worker(config: PredictionConfig, slides: int, execution: Execution) -> int | None:
    """Memory limit of each worker of a cluster that is yet to be started, bytes.

    Args:
        config: holds the memory limit.
        slides: number of slides to predict.
        execution: names the cluster. What workers elsewhere have is not known: None without a
            stated limit.
    """
    from hrpn_tf.prediction import memory_budget

    if execution.scheduler is not None:
        return None if config.max_ram is None else int(config.max_ram)
    total, gpus = memory_budget(config), own_gpus()
    count = execution.workers or _fitting_workers(slides, total, gpus)
    return local_limits(total, count, gpus).budget


@contextmanager
def connected(address: str, config: PredictionConfig, paths: Sequence[Path]) -> Iterator[Cluster]:
    """Connect to a running cluster, whose workers must have this version of the package.

    Args:
        address: ``tcp://HOST:PORT``, or ``tls://HOST:PORT`` with the certificates that Dask's
            configuration names (``distributed.comm.tls``).
        config: holds the memory limit of each worker; by default 70 % of Dask's limit.
        paths: paths that every worker must see.

    Raises:
        ClusterError: there is no cluster, or its workers cannot run this package.
    """
    from distributed import Client

    _silence()
    where = f"--scheduler {address}"
    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ClusterError(f"{where}: no Dask scheduler answers ({reason})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError:
            raise ClusterError(f"{where}: it has no workers yet; start some first") from None
        found = client.run(tasks.check_worker, paths, config.max_ram, on_error="return")
        for worker, check in found.items():
            _refuse_unfit(f"{where}: worker {worker}", check)
        budgets = [check.budget for check in found.values() if check.budget is not None]
        yield Cluster(client, WorkerLimits(__version__, min(budgets, default=None)))


def _refuse_unfit(worker: str, check: WorkerCheck | BaseException) -> None:
    if isinstance(check, BaseException):
        reason = " ".join(str(check).split())[:160]
        raise ClusterError(
            f"{worker} cannot run hrpn-tf {__version__} ({type(check).__name__}: {reason}); "
            "install it in the environment of all workers"
        )
    if check.version != __version__:
        raise ClusterError(
            f"{worker} has hrpn-tf {check.version}, here it is {__version__}; install the same "
            "everywhere"
        )
    if check.unseen:
        raise ClusterError(
            f"{worker} does not see {check.unseen[0]}; workers need the same file system, under "
            "the same path"
        )


def _fitting_workers(slides: int, total: int | None, gpus: tuple[str, ...]) -> int:
    most = len(gpus) or tasks.cores() // _CORES_PER_WORKER
    if total is not None:
        most = min(most, (total - _OWN_BYTES) // _BYTES_PER_WORKER)
    return max(1, min(most, slides))


@contextmanager
def _deaf_to_interrupts() -> Iterator[Callable[[], None]]:
    """Start threads and processes with Ctrl-C blocked, which the terminal sends to all of them.

    This process stops the workers; otherwise each would end with a traceback.

    Yields:
        Function that unblocks Ctrl-C in this thread; a pending one is then delivered.
    """
    resource_tracker.ensure_running()  # it unblocks Ctrl-C in the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def hear() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield hear
    finally:
        hear()


def _silence() -> None:
    """Turn off Dask's own log, since errors are reported in one line."""
    import distributed  # noqa: F401  (sets the levels)

    for name in ("distributed", "distributed.client", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
