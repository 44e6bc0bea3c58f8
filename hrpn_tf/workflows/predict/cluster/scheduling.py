"""Predict many slides on a Dask cluster, with slides and parts of slides as tasks."""

import logging
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from hrpn_tf.errors import ClusterError, HrpnError
from hrpn_tf.extras import require
from hrpn_tf.progress import Progress
from hrpn_tf.waiting import PREDICTION, waiting
from hrpn_tf.workflows.predict import calibrated_range
from hrpn_tf.workflows.predict.animals import Failure, PredictsSlides
from hrpn_tf.workflows.predict.cluster import tasks
from hrpn_tf.workflows.predict.cluster.slide_progress import SlideProgress
from hrpn_tf.workflows.predict.cluster.tasks import BlockTiming, WorkerLimits
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.options import CLUSTER, Execution
from hrpn_tf.workflows.predict.out_of_distribution import warn
from hrpn_tf.workflows.predict.summary import describe, describe_batch, warn_of_lost_values

if TYPE_CHECKING:
    from hrpn_tf.prediction import StartedPrediction

logger = logging.getLogger(__name__)

# Tasks per worker at a time: a running one and the next.
_TASKS_PER_WORKER = 2
# Each started slide needs an open file in this process, its lock.
_MOST_SLIDES = 256
_PATIENCE_SECONDS = 5.0


class Workers(Protocol):
    """Runs tasks; see ``hrpn_tf.workflows.predict.cluster.dask_cluster.Cluster``."""

    @property
    def limits(self) -> WorkerLimits:
        """Limits of each worker."""

    def submit(self, task: Callable[..., Any], *arguments: Any, priority: int) -> Any:
        """Submit a task and return its future."""

    def result(self, future: Any) -> Any:
        """Result of a finished task; raises ``ClusterError`` if the cluster is gone."""

    def workers(self) -> int:
        """Current number of workers."""

    def check(self) -> None:
        """Raise ``ClusterError`` if the cluster is gone."""


@contextmanager
def on_cluster(jobs: Sequence[SlideJob], execution: Execution) -> Iterator[PredictsSlides]:
    """A cluster, for the duration of the context; the tasks of a lost worker are repeated.

    Its workers have imported everything and opened the network once, however often slides are
    given to it.

    Args:
        jobs: checked jobs, at least one: all that will be predicted. Their paths must be valid on
            every worker.
        execution: cluster, handling of existing results, and reports.

    Yields:
        A function that predicts some of the slides and returns the failed ones with their errors.

    Raises:
        ClusterError: there is no cluster, its workers cannot run this package, or it is gone.
    """
    from hrpn_tf.workflows.predict.cluster.dask_cluster import connected, local

    require("--scheduler" if execution.scheduler else "--workers", *CLUSTER)

    config = jobs[0].config.prediction
    if execution.scheduler is None:
        opening = local(config, len(jobs), execution.workers)
    else:
        opening = connected(execution.scheduler, config, [jobs[0].network.folder, jobs[0].slide])
    with opening as cluster, waiting.part(PREDICTION):
        yield lambda some: ClusterScheduler(cluster, execution).run(some)


_Next = Callable[[SlideProgress, Any], None]


class ClusterScheduler:
    """Predicts slides, a few at a time, so that neither process nor cluster holds all of them.

    The number of submitted tasks follows the number of workers. A slide is started when all parts
    of the started slides are submitted.

    Args:
        cluster: runs the tasks.
        execution: handling of existing results, and reports.
    """

    def __init__(self, cluster: Workers, execution: Execution) -> None:
        self._cluster, self._execution = cluster, execution
        self._waiting: Iterator[tuple[int, SlideJob]] = iter(())
        self._slides: dict[int, SlideProgress] = {}  # started slides, by their order
        self._tasks: dict[Any, tuple[SlideProgress, _Next]] = {}  # future: slide, continuation
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._failures: list[Failure] = []
        self._progress: Progress  # of all slides; made when they start

    def run(self, jobs: Sequence[SlideJob]) -> list[Failure]:
        """Predict all slides.

        Returns:
            The failed slides with their errors.

        Raises:
            ClusterError: the cluster is gone, or a worker is incompatible.
        """
        started, computed = time.monotonic(), 0
        self._waiting = iter(enumerate(jobs))
        pixels = sum(job.pixels for job in jobs)
        self._progress = Progress("predict", pixels, "px", shown=self._execution.progress)
        try:
            with self._progress:
                while self._give_out():
                    computed += self._take_in(self._next_done())
        finally:
            for slide in self._slides.values():
                slide.held.close()
        held = all(job.hold for job in jobs)  # their results come later
        if len(jobs) > 1 and len(jobs) > len(self._failures) and not held:
            seconds = time.monotonic() - started
            self._execution.on_done(
                describe_batch(len(jobs) - len(self._failures), computed, seconds)
            )
        return self._failures

    def _give_out(self) -> bool:
        """Submit tasks to idle workers; returns whether any task is running."""
        room = _TASKS_PER_WORKER * self._cluster.workers() + 1 - len(self._tasks)
        while room > 0 and (self._submit_part() or self._begin_next()):
            room -= 1
        return bool(self._tasks)

    def _next_done(self) -> Any:
        """Wait for the next finished task."""
        alone = False
        while True:
            try:
                return self._done.get(timeout=_PATIENCE_SECONDS)
            except queue.Empty:
                self._cluster.check()
                if self._cluster.workers():
                    alone = False
                elif not alone:
                    alone = True
                    logger.warning("the cluster has no workers now; waiting for some")

    def _take_in(self, future: Any) -> int:
        """Process the result of a task, and return the number of computed pixels."""
        slide, go_on = self._tasks.pop(future)
        before = slide.done
        slide.running -= 1
        try:
            result = self._cluster.result(future)
        except ClusterError:
            raise
        except Exception as error:  # noqa: BLE001 (a task can raise anything; reported at the end)
            slide.failure = slide.failure or error
        else:
            if slide.failure is None:
                go_on(slide, result)
        if slide.failure is not None and not slide.running:
            self._give_up(slide)
        return slide.done - before

    def _begin_next(self) -> bool:
        """Start the next slide; returns whether there was one."""
        from hrpn_tf.prediction.unfinished import Unfinished

        if len(self._slides) >= _MOST_SLIDES:
            return False
        for order, job in self._waiting:
            held = ExitStack()
            try:
                held.enter_context(Unfinished(job.out).held())
            except (HrpnError, OSError) as error:
                self._fail(job, error, job.pixels)
                continue
            self._slides[order] = slide = SlideProgress(job, order, held)
            self._submit(slide, self._after_begin, tasks.begin, self._execution.overwrite)
            return True
        return False

    def _after_begin(self, slide: SlideProgress, begun: "StartedPrediction") -> None:
        slide.begin(begun)
        if not slide.job.others:  # one that was held before has been warned of
            warn(slide.job.slide.name, begun)
        self._progress.update(slide.job.pixels - slide.pixels_of(begun.left))
        if not begun.left:
            self._submit_finish(slide)

    def _submit_part(self) -> bool:
        """Submit a part of the earliest slide; returns whether there was one."""
        slides = self._slides.values()
        slide = next((one for one in slides if one.left and one.failure is None), None)
        if slide is None:
            return False
        part = slide.next_part()
        pixels = slide.pixels_of(part)

        def after(slide: SlideProgress, done: BlockTiming) -> None:
            self._after_part(slide, done, pixels)

        self._submit(slide, after, tasks.compute, slide.begun, part)
        return True

    def _after_part(self, slide: SlideProgress, part: BlockTiming, pixels: int) -> None:
        slide.add(part, pixels)
        self._progress.update(pixels)
        if not slide.left and not slide.running:
            self._submit_finish(slide)

    def _submit_finish(self, slide: SlideProgress) -> None:
        task = tasks.finish
        self._submit(slide, self._after_finish, task, slide.begun, self._execution.overwrite)

    def _after_finish(self, slide: SlideProgress, anchored: Mapping[str, Any] | None) -> None:
        self._close(slide)
        calibrated_range.warn(slide.job.slide.name, slide.seen)
        if not slide.job.hold:
            summary = replace(slide.summary(), anchored=anchored)
            self._execution.on_done(describe(summary))
            warn_of_lost_values(summary, slide.job.config.prediction.dtype)

    def _give_up(self, slide: SlideProgress) -> None:
        """Close a failed slide, once none of its tasks is running."""
        from hrpn_tf.prediction.unfinished import Unfinished

        assert slide.failure is not None
        unfinished = Unfinished(slide.job.out)
        if not unfinished.is_begun():
            unfinished.discard()  # written by other workers after one of them failed
        self._close(slide)
        self._fail(slide.job, slide.failure, slide.job.pixels - slide.done)

    def _fail(self, job: SlideJob, error: Exception, pixels: int) -> None:
        self._failures.append((job.slide, error))
        self._progress.drop(pixels)

    def _close(self, slide: SlideProgress) -> None:
        slide.held.close()
        del self._slides[slide.order]

    def _submit(
        self, slide: SlideProgress, go_on: _Next, task: Callable[..., Any], *arguments: Any
    ) -> None:
        limits, priority = self._cluster.limits, -slide.order
        future = self._cluster.submit(task, slide.job, limits, *arguments, priority=priority)
        slide.running += 1
        self._tasks[future] = (slide, go_on)
        future.add_done_callback(self._done.put)
