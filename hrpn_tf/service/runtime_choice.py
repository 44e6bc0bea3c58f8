"""In which runtime the process of a service predicts; settled once, when it starts."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hrpn_tf.errors import UnfinishedError
from hrpn_tf.memory import resident_bytes
from hrpn_tf.prediction import memory_budget
from hrpn_tf.prediction.unfinished import Unfinished
from hrpn_tf.service.record import Job, read_job
from hrpn_tf.workflows.networks.auto import Candidates, Choice
from hrpn_tf.workflows.networks.choosing import bundle_candidates
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.networks.work import Work

# Of slides that are yet to come. A service runs for days: the time to start hardly counts.
_PIXELS, _LARGEST = 10**9, 10**8


def settled(order: Mapping[str, Any]) -> Choice:
    """The network that predicts all jobs.

    Jobs of an earlier server go on in the format that they were asked of, and in the runtime that
    began one of them, so that nothing of them is lost.

    Args:
        order: the first order to the process: ``network``, arguments of ``bundle_candidates`` by
            name; ``overrides`` of the configuration; ``workers`` that share the memory; ``jobs``,
            their folder.

    Raises:
        HrpnError, BundleError: there is no such bundle, format or runtime.
    """
    network = order["network"]
    candidates = bundle_candidates(**{**network, "folder": Path(network["folder"])})
    if len(candidates.networks) > 1:
        open_jobs = list(_open_jobs(Path(order["jobs"])))
        for job in open_jobs:
            if (found := _begun(job, candidates)) is not None:
                why = f"{found.folder}: runs in what began a job of an earlier server"
                return Choice(found, why)
        asked = {job.record.network for job in open_jobs}
        left = tuple(each for each in candidates.networks if each.origin()["sha256"] in asked)
        candidates = Candidates(left) if left else candidates
    config = candidates.usual.config(tuple(order["overrides"])).prediction
    budget = memory_budget(config, 1 if config.max_ram is not None else order["workers"])
    return candidates.choose(Work(_PIXELS, _LARGEST, config, budget, resident_bytes() or 0))


def _open_jobs(folder: Path) -> Iterator[Job]:
    """Jobs of an earlier server that wait or were running."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_dir() or path.is_symlink():
            continue
        with suppress(UnfinishedError):  # the server says what is damaged
            if (job := read_job(path)).is_open:
                yield job


def _begun(job: Job, candidates: Candidates) -> Network | None:
    """What began the result of a job; None if nothing did."""
    with suppress(OSError):
        return candidates.made(Unfinished(job.result).network())
    return None
