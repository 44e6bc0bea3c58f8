"""The jobs that a service knows, each in a folder of its own."""

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.errors import (
    HrpnError,
    JobNotFoundError,
    RunBusyError,
    ServiceStoppingError,
    StalledError,
    TooManyJobsError,
    UnfinishedError,
)
from hrpn_tf.files import remove
from hrpn_tf.service.places import allowed_path, files_of
from hrpn_tf.service.record import (
    INPUT,
    LONGEST,
    PENDING,
    Job,
    Problem,
    Record,
    read_job,
    write_record,
)
from hrpn_tf.service.settings import ServiceSettings
from hrpn_tf.service.wishes import PathWish, Wish
from hrpn_tf.slides.file_states import State, state_of
from hrpn_tf.text import counted, printable

logger = logging.getLogger(__name__)

_ID_DIGITS = 24
_LONGEST_NAME = 200
_LOOKS, _LOOK_SECONDS = 2, 60.0  # paths that are looked at at once, and for how long


@dataclass(frozen=True)
class Upload:
    """A complete upload.

    Attributes:
        folder: see :meth:`JobStore.new_folder`.
        name: of the file in it.
        shown: name that the client gave.
        digest: SHA-256 of the file.
    """

    folder: Path
    name: str
    shown: str
    digest: str


class JobStore:
    """All jobs of a service.

    Every state is on the disk before a client sees it. Two requests for the same result are one
    job: its name is the checksum of the slide, the wish, the network and the settings.

    Args:
        settings: of the service.
        network: identity of the network, see ``Network.origin``.
    """

    def __init__(self, settings: ServiceSettings, network: dict[str, str]) -> None:
        self.settings = settings
        self.stopping = False
        self.more = asyncio.Event()
        self._network = network
        # all but slide and wish that a result depends on
        self._decisive: list[object] = [network, list(settings.overrides)]
        self._jobs: dict[str, Job] = {}
        self._uploads = 0
        self._leaving: set[str] = set()
        # apart from the threads that write uploads: a drive that hangs must not stop these
        self._looks = ThreadPoolExecutor(_LOOKS, "look")

    def take_up(self) -> None:
        """Read the jobs of an earlier server; remove uploads that it did not finish."""
        for folder in sorted(self.settings.jobs.iterdir()):
            if folder.name.startswith(PENDING):
                remove(folder)
                continue
            if folder.name.startswith(".") or not folder.is_dir() or folder.is_symlink():
                continue
            try:
                job = read_job(folder)
            except UnfinishedError as error:
                logger.warning(f"left out: {error}")
                continue
            self._jobs[job.id] = job
            if job.record.state == "done" and not job.result.exists():
                job.record.state = "queued"
            if not job.is_open:
                continue
            job.record.state = "queued"
            if what := self._other(job.record):
                other = f"was requested with {what} than the service has now; send it again"
                self.end(job, Problem.of(UnfinishedError(other)))
        if unfinished := sum(job.is_open for job in self._jobs.values()):
            logger.info(f"{counted(unfinished, 'job')} of an earlier server taken up")

    def _other(self, record: Record) -> str:
        """What has changed since a job was asked for, so that its result would be another one."""
        if record.network != self._network["sha256"]:
            return "another network"
        known = record.settings  # not stated by an earlier version
        return "other settings" if known not in (None, _checksum(self._decisive)) else ""

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """A place for one more job while it is uploaded.

        Raises:
            TooManyJobsError: there is none.
            ServiceStoppingError: the service is stopping.
        """
        self._refuse_more()
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    def new_folder(self) -> Path:
        """A folder for a job that is not complete yet; whoever asks for it removes it.

        Raises:
            OSError: the disk is full.
        """
        folder = self.settings.jobs / f"{PENDING}{secrets.token_hex(8)}"
        (folder / INPUT).mkdir(parents=True)
        return folder

    def submit_upload(self, upload: Upload, wish: Wish) -> Job:
        """Make a job of an upload, whose folder becomes that of the job; or find the same job.

        Raises:
            DiskFullError: the disk is full.
            RunBusyError: the same job is being removed.
        """
        record = Record(
            name=printable(upload.shown, _LONGEST_NAME),
            input=upload.name,
            wish=wish,
            network=self._network["sha256"],
            settings=_checksum(self._decisive),
        )
        return self._submit(record, {"upload": upload.digest}, upload.folder)

    async def submit_path(self, wish: PathWish) -> Job:
        """Make a job of a slide on the server, or find the same job.

        Raises:
            ForbiddenPathError, SlideNotFoundError, JobRequestError: see ``allowed_path``.
            TooManyJobsError: as many wait already.
            DiskFullError: the disk is full.
            StalledError: the drive does not answer.
        """

        def look() -> tuple[Path, list[State | None]]:
            path = allowed_path(wish.path, self.settings.allow)
            return path, [state_of(each) for each in files_of(path)]

        looking = asyncio.get_running_loop().run_in_executor(self._looks, look)
        try:
            path, state = await asyncio.wait_for(looking, _LOOK_SECONDS)
        except TimeoutError:
            shown = printable(wish.path, _LONGEST_NAME)
            raise StalledError(f"{shown}: its drive did not answer in time") from None
        record = Record(
            name=printable(path.name, _LONGEST_NAME),
            path=str(path),
            wish=Wish(**wish.model_dump(exclude={"path"})),
            network=self._network["sha256"],
            settings=_checksum(self._decisive),
        )
        return self._submit(record, {"path": str(path), "state": state}, None)

    def get(self, id: str) -> Job:
        """A job by its name.

        Raises:
            JobNotFoundError: there is none.
        """
        if (job := self._jobs.get(id)) is None:
            raise JobNotFoundError(f"no job {printable(id, 40)!r}")
        return job

    def knows(self, job: Job) -> bool:
        """Whether a job is still there."""
        return self._jobs.get(job.id) is job

    def all(self) -> list[Job]:
        """All jobs, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: -job.record.created)

    def next(self) -> Job | None:
        """The job that has waited longest; None if none waits."""
        waiting = [job for job in self._jobs.values() if job.record.state == "queued"]
        return min(waiting, key=lambda job: job.record.created, default=None)

    def ahead_of(self, job: Job) -> int:
        """How many jobs are computed before a waiting one."""
        before = job.record.created
        return sum(j.is_open and j.record.created < before for j in self._jobs.values())

    @contextlib.contextmanager
    def leaving(self, job: Job) -> Iterator[None]:
        """Forget a job, and refuse the same one until the context, which removes it, ends."""
        self._jobs.pop(job.id, None)
        self._leaving.add(job.id)
        try:
            yield
        finally:
            self._leaving.discard(job.id)

    def save(self, job: Job) -> None:
        """Store a state; with a full disk it is kept in memory, and may be computed again."""
        job.version += 1
        if job.id not in self._jobs:
            return
        try:
            write_record(job.folder, job.record)
        except (HrpnError, OSError) as error:
            logger.warning(f"{job.id}: its state cannot be stored: {error}")

    def end(self, job: Job, problem: Problem | None, summary: str = "") -> None:
        """Note that a job is done, in one line, or why it failed."""
        record = job.record
        if problem is not None:
            problem = problem.model_copy(update={"message": job.without_folders(problem.message)})
        record.summary = job.without_folders(summary)[:LONGEST] or None
        record.problem, record.finished = problem, time.time()
        record.state = "done" if problem is None else "failed"
        self.save(job)
        if problem is None:
            logger.info(f"{job.id}: {record.name}: done")
        else:
            logger.warning(f"{job.id}: {record.name}: {problem.error}: {problem.message}")

    def _refuse_more(self) -> None:
        if self.stopping:
            raise ServiceStoppingError("the service is stopping; try again when it is back")
        open_ = sum(job.is_open for job in self._jobs.values()) + self._uploads
        if open_ >= self.settings.limits.jobs:
            raise TooManyJobsError(
                f"{open_} jobs wait or run, as many as this service takes on; try again later"
            )

    def _submit(self, record: Record, slide: dict[str, Any], folder: Path | None) -> Job:
        wish = record.wish.model_dump(mode="json")
        id = _checksum([slide, wish, *self._decisive])
        if id in self._leaving:
            raise RunBusyError(f"the same job {id} is being removed; send it again in a moment")
        job = self._jobs.get(id)
        if job is not None and (job.is_open or job.has_result):
            return job
        if folder is None:
            self._refuse_more()
        if job is None:
            job = self._jobs[id] = self._made(id, record, folder)
        else:  # failed before, and tried again
            record = record.model_copy(update={"input": job.record.input})
            write_record(job.folder, record)
            job.record = record
        logger.info(f"{job.id}: {job.record.name}: waits")
        self.more.set()
        return job

    def _made(self, id: str, record: Record, folder: Path | None) -> Job:
        """A job whose folder appears complete or not at all."""
        place = self.settings.jobs / id
        remove(place)  # of a job whose record was damaged
        folder = folder or self.new_folder()
        try:
            write_record(folder, record)
            os.rename(folder, place)
        except BaseException:
            remove(folder)
            raise
        return Job(id, place, record)


def _checksum(value: object) -> str:
    text = json.dumps(value).encode(errors="surrogatepass")
    return hashlib.sha256(text).hexdigest()[:_ID_DIGITS]
