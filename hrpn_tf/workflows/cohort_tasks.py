"""What a worker of a cluster does: each task may be run again, by any worker."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hrpn_tf._version import __version__
from hrpn_tf.workflows.networks import load_network
from hrpn_tf.workflows.prediction_jobs import Job, opened

if TYPE_CHECKING:
    from hrpn_tf.prediction import Begun


@dataclass(frozen=True)
class Means:
    """What one worker may take.

    Attributes:
        threads: of one operation of the network; None leaves it to the runtime.
        processes: workers on one machine, which share its memory.
    """

    threads: int | None
    processes: int


@dataclass(frozen=True)
class Part:
    """What computing some blocks took.

    Attributes:
        session_seconds: in the network.
        peak_bytes: most memory that the worker has held so far; None if the system does not say.
    """

    session_seconds: float
    peak_bytes: int | None


def version() -> str:
    """Of this package on a worker; imports what every task needs."""
    import hrpn_tf.prediction  # noqa: F401

    return __version__


def begin(job: Job, means: Means, restart: bool) -> "Begun":
    """Plan a slide, or find what is finished of it."""
    budget = _budget(job, means)
    with opened(job, load_network(job.run, means.threads), budget) as prediction:
        return prediction.begin(budget, restart)


def compute(job: Job, means: Means, begun: "Begun", indices: Sequence[int]) -> Part:
    """Compute and store some blocks of a slide that was begun; those that are there stay."""
    from hrpn_tf.memory import peak_bytes

    with opened(job, load_network(job.run, means.threads), _budget(job, means)) as prediction:
        done = prediction.unfinished.journal().finished()
        left = [index for index in indices if index not in done]
        seconds = prediction.compute(begun, left, lambda block: None)
    return Part(seconds, peak_bytes())


def finish(job: Job, means: Means, begun: "Begun", overwrite: bool) -> None:
    """Make the result of a slide whose blocks are all there; nothing if it was made already."""
    with opened(job, load_network(job.run, means.threads), None) as prediction:
        if not prediction.unfinished.pixels.exists() and job.out.exists():
            return  # by the same task on a worker that died before it could say so
        prediction.finish(begun, overwrite)


def _budget(job: Job, means: Means) -> int | None:
    from hrpn_tf.prediction import memory_budget

    return memory_budget(job.config.prediction, means.processes)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0))
