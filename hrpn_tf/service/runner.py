"""Runs the jobs of a service, in processes of their own."""

import asyncio
import logging
import time
from typing import Any

from hrpn_tf.errors import HrpnError, JobTimeoutError, MemoryBudgetError, WorkerLostError
from hrpn_tf.files import remove
from hrpn_tf.memory import resident_bytes
from hrpn_tf.service.record import Job, Problem
from hrpn_tf.service.settings import ServiceSettings
from hrpn_tf.service.store import JobStore
from hrpn_tf.service.worker_process import Outcome, Ready, WorkerProcess

logger = logging.getLogger(__name__)

# Of the server beside what it holds when it starts: buffers of uploads and answers.
SERVER_BYTES = 64 * 2**20
_ATTEMPTS = 2  # of a job whose process died: the second may find more memory
_CLEANING_SECONDS = 600.0
_DAY = 86400.0


class Runner:
    """Processes that predict, and the job that each of them has.

    Args:
        settings: of the service.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self._store: JobStore | None = None
        self._workers: list[WorkerProcess] = []
        self._running: dict[str, WorkerProcess] = {}  # by job
        self._tasks: list[asyncio.Task[None]] = []
        self._cleaner: asyncio.Task[None] | None = None

    @property
    def store(self) -> JobStore:
        """The jobs; there once the network is loaded."""
        assert self._store is not None
        return self._store

    async def start(self) -> Ready:
        """Load the network in the first process, which settles its runtime, and take up old jobs.

        Raises:
            ServiceError: the network cannot be loaded.
            MemoryBudgetError: the server alone needs the memory.
        """
        self._workers = [self._new_worker() for _ in range(self.settings.workers)]
        ready = await self._workers[0].start()
        for worker in self._workers:  # the others, and those that are started again, run the same
            worker.order["network"] |= ready.network
        self._store = JobStore(self.settings, ready.origin)
        self.store.take_up()
        self._tasks = [asyncio.create_task(self._work(worker)) for worker in self._workers]
        self._cleaner = asyncio.create_task(self._clean())
        return ready

    @property
    def ready(self) -> bool:
        """Whether jobs are taken on and computed."""
        there = self._store is not None and not self._store.stopping
        return there and not any(task.done() for task in self._tasks)

    def begin_stop(self) -> None:
        """Take on no more; may be called by the handler of a signal."""
        if self._store is not None:
            self._store.stopping = True
            self._store.more.set()

    async def stop(self) -> None:
        """Finish the running tiles, keep every job, and end the processes."""
        self.begin_stop()
        if self._cleaner is not None:
            self._cleaner.cancel()
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        await asyncio.gather(*self._tasks)

    async def remove(self, job: Job) -> None:
        """Remove a job with its upload and its result; a running one is stopped first."""
        with self.store.leaving(job):
            if (worker := self._running.get(job.id)) is not None:
                await worker.stop()
                while job.id in self._running:
                    await asyncio.sleep(0.02)
            await asyncio.to_thread(remove, job.folder)

    def _new_worker(self) -> WorkerProcess:
        settings = self.settings
        overrides = list(settings.overrides)
        if settings.max_ram is not None:
            own = (resident_bytes() or 0) + SERVER_BYTES
            left = (settings.max_ram - own) // settings.workers
            if left <= 0:
                raise MemoryBudgetError(
                    f"the server alone needs {own / 1e6:.0f} MB, where "
                    f"{settings.max_ram / 1e6:.0f} MB may be used; raise --max-ram"
                )
            overrides.append(f"prediction.max_ram={left}")
        network = {**settings.network, "folder": str(settings.network["folder"])}
        order = {
            "network": network,
            "overrides": overrides,
            "workers": settings.workers,
            "jobs": str(settings.jobs),
        }
        return WorkerProcess(order, settings.limits.grace_seconds)

    async def _work(self, worker: WorkerProcess) -> None:
        """Run one job after another until the service stops."""
        while not self.store.stopping:
            job = self.store.next()
            if job is None:
                self.store.more.clear()
                await self.store.more.wait()
                continue
            self._running[job.id] = worker
            try:
                await self._run(job, worker)
            finally:
                del self._running[job.id]

    async def _run(self, job: Job, worker: WorkerProcess) -> None:
        """Predict a job, and note how it ended; whatever happens, it has a state afterwards."""
        job.record.state = "running"
        job.record.attempts += 1
        self.store.save(job)
        try:
            limit = self.settings.limits.seconds
            outcome = await outcome_of(job, worker, self._order(job), limit)
        except WorkerLostError as error:
            outcome = Outcome(Problem.of(error), again=job.record.attempts < _ATTEMPTS)
        # OSError: no process could be started; ValueError: what it said is too long to be read
        except (HrpnError, OSError, ValueError) as error:
            # if the service stops, the worker was stopped while it loaded
            if not isinstance(error, HrpnError):
                await worker.stop()  # what it says next would be taken for the next job's
            outcome = Outcome(Problem.of(error), stopped=self.store.stopping)
        if outcome.stopped or outcome.again:
            job.record.attempts -= outcome.stopped
            job.record.state = "queued"
            self.store.save(job)
            if outcome.problem is not None and outcome.again:
                logger.warning(f"{job.id}: {outcome.problem.message}; it is tried again")
            return
        self.store.end(job, outcome.problem, outcome.summary)

    def _order(self, job: Job) -> dict[str, Any]:
        upload = job.record.input is not None
        within = [job.folder.resolve()] if upload else list(self.settings.allow)
        return {
            "slide": str(job.slide),
            "out": str(job.result),
            "wish": job.record.wish.model_dump(mode="json"),
            "within": [str(folder) for folder in within],
        }

    async def _clean(self) -> None:
        """Remove finished jobs that are older than the service keeps them."""
        days = self.settings.limits.keep_days
        while days is not None:
            oldest = time.time() - days * _DAY
            for job in self.store.all():
                if not job.is_open and (job.record.finished or 0) < oldest:
                    logger.info(f"{job.id}: {job.record.name}: removed after {days:g} days")
                    await self.remove(job)
            await asyncio.sleep(_CLEANING_SECONDS)


async def outcome_of(
    job: Job, worker: WorkerProcess, order: dict[str, Any], seconds: float
) -> Outcome:
    """Predict a job in a process, which is started if it is not there.

    Libraries keep memory that they once had. A job that does not fit into what is left beside it
    is tried again in a new process.

    Args:
        job: takes the reports of progress, and the warnings.
        worker: the process.
        order: the request that is sent to the process.
        seconds: longest time for the prediction, s.

    Raises:
        WorkerLostError: the process died.
        ServiceError: the network cannot be loaded any more.
    """
    while True:
        if not worker.runs:
            await worker.start()
        fresh = not worker.used
        try:
            predicting = worker.predict(order, lambda event: _note(job, event))
            outcome = await asyncio.wait_for(predicting, seconds)
        except TimeoutError:
            await worker.stop()
            late = JobTimeoutError(
                f"took longer than the {seconds:g} s that this service allows (--timeout); what "
                "is computed is kept: send it again to go on"
            )
            return Outcome(Problem.of(late))
        problem = outcome.problem
        if fresh or problem is None or problem.error != MemoryBudgetError.__name__:
            return outcome
        await worker.end()
        if worker.stopped:  # asked for meanwhile, by the service or by who removes the job
            return Outcome(stopped=True)


def _note(job: Job, event: dict[str, Any]) -> None:
    """A report of the process that predicts a job."""
    if event["event"] == "warning":
        job.warn(event["text"])
    elif event["event"] == "progress":
        job.progress.title, job.progress.unit = event["title"], event["unit"]
        job.progress.done, job.progress.total = event["done"], event["total"]
    job.version += 1
