"""Settle in which runtime each slide is predicted."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hrpn_tf.memory import resident_bytes
from hrpn_tf.prediction import memory_budget
from hrpn_tf.prediction.unfinished import Unfinished
from hrpn_tf.workflows.networks.auto import Candidates, Choice
from hrpn_tf.workflows.networks.work import Work
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.options import Execution

logger = logging.getLogger(__name__)


def settled(
    jobs: Sequence[SlideJob], candidates: Candidates, execution: Execution
) -> tuple[list[SlideJob], Choice | None]:
    """The jobs, each with the candidate that began it, or else with the one that is chosen.

    Args:
        jobs: checked jobs, at least one.
        candidates: networks that predict the same.
        execution: says how many processes share the memory.

    Returns:
        The jobs, and the choice; None if every result is begun.
    """
    candidates = candidates.absolute()
    begun = [candidates.made(_begun_by(job.out)) for job in jobs]
    left = [job for job, network in zip(jobs, begun, strict=True) if network is None]
    choice = candidates.choose(_work(left, len(jobs), execution)) if left else None
    if choice is not None and choice.why:
        logger.info(choice.why)
    chosen = candidates.usual if choice is None else choice.network
    return [
        replace(job, network=network or chosen) for job, network in zip(jobs, begun, strict=True)
    ], choice


def _begun_by(out: Path) -> Mapping[str, Any] | None:
    """What an unfinished result states of its network; None if none is begun."""
    try:
        return Unfinished(out).network()
    except OSError:  # the prediction says what is wrong with it
        return None


def _work(left: Sequence[SlideJob], slides: int, execution: Execution) -> Work:
    """What is left to choose a network for, of so many slides."""
    pixels, config = [job.pixels for job in left], left[0].config.prediction
    if execution.in_this_process(slides):
        budget = memory_budget(config)
    else:
        from hrpn_tf.workflows.predict.cluster.dask_cluster import budget_of_worker

        budget = budget_of_worker(config, slides, execution)
    return Work(sum(pixels), max(pixels), config, budget, resident_bytes() or 0)
