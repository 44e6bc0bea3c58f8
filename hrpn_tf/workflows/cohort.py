"""Predict many slides on a Dask cluster: slides and parts of slides are its tasks."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from hrpn_tf.errors import ClusterError, HrpnError
from hrpn_tf.workflows import cohort_tasks
from hrpn_tf.workflows.cluster import connected, local
from hrpn_tf.workflows.cohort_tasks import Means, Part
from hrpn_tf.workflows.prediction_jobs import Job
from hrpn_tf.workflows.prediction_report import describe

if TYPE_CHECKING:
    from hrpn_tf.prediction import Begun

Failure = tuple[Path, Exception]
# A network profits little from more cores than this; more processes profit from all of them.
_CORES_PER_WORKER = 4
# Tasks that a slide is divided into at most, per worker: small enough to share the work evenly and
# to lose little with a worker, large enough that opening the slide again costs nothing.
_PARTS_PER_WORKER = 4
_MOST_BLOCKS = 16


def predict_cohort(
    jobs: Sequence[Job],
    workers: int | None,
    scheduler: str | None,
    overwrite: bool,
    progress: bool,
    say: Callable[[str], object],
) -> list[Failure]:
    """Predict slides on a cluster; a worker that is lost loses nothing, its tasks run again.

    Args:
        jobs: checked. Their paths must mean the same files on every worker.
        workers: processes of a cluster on this machine; None for as many as fit.
        scheduler: address of a running cluster instead.
        overwrite, progress, say: see ``predict_run``.

    Returns:
        The slides that failed, and why.

    Raises:
        ClusterError: no cluster there, or one whose workers cannot run this package.
    """
    if scheduler is not None:
        opening, means = connected(scheduler), Means(None, 1)
    else:
        count = workers or max(1, min(len(jobs), cohort_tasks.cores() // _CORES_PER_WORKER))
        opening = local(count)
        means = Means(max(1, cohort_tasks.cores() // count), count)
    with opening as client:
        return _Cohort(client, means, overwrite, progress, say).run(jobs)


@dataclass
class _Slide:
    """A slide under way.

    Attributes:
        job: the slide.
        order: among the jobs; earlier slides come first.
        held: its unfinished result, for this process alone.
        started: time, s.
        begun: once it is.
        futures: of its tasks that are not done.
        seconds: in the network, so far.
        peak: most memory of a worker, so far, bytes.
    """

    job: Job
    order: int
    held: ExitStack
    started: float
    begun: "Begun | None" = None
    futures: set[Any] = field(default_factory=set)
    seconds: float = 0.0
    peak: int = 0


class _Cohort:
    """Submits the tasks of slides, a few slides at a time, and collects what comes of them."""

    def __init__(
        self,
        client: Any,
        means: Means,
        overwrite: bool,
        progress: bool,
        say: Callable[[str], object],
    ) -> None:
        from distributed import as_completed

        self._client, self._means, self._overwrite = client, means, overwrite
        self._say, self._failures = say, list[Failure]()
        # what each future is for: its slide, what to do with its result, and its pixels
        self._purpose: dict[Any, tuple[_Slide, Callable[[_Slide, Any], None], int]] = {}
        self._bar = tqdm(unit="px", unit_scale=True, disable=not progress)
        self._completed = as_completed(loop=client.loop)

    def run(self, jobs: Sequence[Job]) -> list[Failure]:
        """Predict all slides."""
        queue = iter(enumerate(jobs))
        self._bar.reset(sum(job.pixels for job in jobs))
        with self._bar:
            for _ in range(2 * self._workers() + 1):
                self._start_next(queue)
            for future in self._completed:
                slide, go_on, pixels = self._purpose.pop(future)
                if future not in slide.futures:
                    continue  # of a slide that failed
                slide.futures.remove(future)
                try:
                    go_on(slide, future.result())
                except Exception as error:  # noqa: BLE001 (of a worker; reported at the end)
                    self._fail(slide, error)
                else:
                    self._bar.update(pixels)
                if not slide.futures:
                    slide.held.close()
                    self._start_next(queue)
        return self._failures

    def _start_next(self, queue: Iterator[tuple[int, Job]]) -> None:
        """Begin the next slide that can be."""
        from hrpn_tf.prediction.unfinished import Unfinished

        for order, job in queue:
            held = ExitStack()
            try:
                held.enter_context(Unfinished(job.out).held())
            except (HrpnError, OSError) as error:
                self._failures.append((job.slide, error))
                continue
            slide = _Slide(job, order, held, time.monotonic())
            self._submit(slide, self._after_begin, 0, cohort_tasks.begin, self._overwrite)
            return

    def _after_begin(self, slide: _Slide, begun: "Begun") -> None:
        slide.begun = begun
        tiling, left = begun.plan.tiling, begun.left
        done = sum(block.pixels for block in tiling) - sum(tiling.block(i).pixels for i in left)
        self._bar.update(done)
        size = min(_MOST_BLOCKS, max(1, len(left) // (_PARTS_PER_WORKER * self._workers())))
        for start in range(0, len(left), size):
            part = left[start : start + size]
            pixels = sum(tiling.block(index).pixels for index in part)
            self._submit(slide, self._after_part, pixels, cohort_tasks.compute, begun, part)
        if not left:
            self._submit_finish(slide)

    def _after_part(self, slide: _Slide, part: Part) -> None:
        slide.seconds += part.session_seconds
        slide.peak = max(slide.peak, part.peak_bytes or 0)
        if not slide.futures:
            self._submit_finish(slide)

    def _submit_finish(self, slide: _Slide) -> None:
        task = cohort_tasks.finish
        self._submit(slide, self._after_finish, 0, task, slide.begun, self._overwrite)

    def _after_finish(self, slide: _Slide, result: None) -> None:
        from hrpn_tf.prediction import PredictionSummary

        assert slide.begun is not None
        tiling = slide.begun.plan.tiling
        summary = PredictionSummary(
            path=slide.job.out,
            pixels=slide.job.pixels,
            seconds=time.monotonic() - slide.started,
            session_seconds=slide.seconds,
            tiling=tiling,
            seams=slide.begun.found["seams"],
            computed=len(slide.begun.left),
            blocks=len(tiling),
            peak_bytes=slide.peak or None,
        )
        self._say(describe(summary))

    def _fail(self, slide: _Slide, error: Exception) -> None:
        self._client.cancel(list(slide.futures))
        slide.futures.clear()
        self._failures.append((slide.job.slide, _in_words(error)))

    def _submit(
        self,
        slide: _Slide,
        go_on: Callable[[_Slide, Any], None],
        pixels: int,
        task: Callable[..., Any],
        *arguments: Any,
    ) -> None:
        future = self._client.submit(
            task, slide.job, self._means, *arguments, pure=False, priority=-slide.order
        )
        slide.futures.add(future)
        self._purpose[future] = (slide, go_on, pixels)
        self._completed.add(future)

    def _workers(self) -> int:
        return max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))


def _in_words(error: Exception) -> Exception:
    """An error of the cluster itself in the words of this package; others as they are."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    if isinstance(error, KilledWorker):
        return ClusterError(
            "several workers died one after another while computing it (out of memory? lower "
            "--max-ram)"
        )
    if isinstance(error, FutureCancelledError):
        return ClusterError("the cluster is gone, or dropped the task")
    return error
