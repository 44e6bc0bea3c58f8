"""One job of a service: a folder with its state, its upload and its result."""

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hrpn_tf.errors import UnfinishedError
from hrpn_tf.files import atomic_path
from hrpn_tf.service.wishes import Wish
from hrpn_tf.slides.names import file_stem
from hrpn_tf.text import printable
from hrpn_tf.untrusted import read_json

RECORD, INPUT, RESULT = "job.json", "input", "result.ome.tif"
PENDING = ".upload-"  # what a folder is called until its upload is complete
_MOST_WARNINGS, LONGEST = 20, 1000

State = Literal["queued", "running", "done", "failed"]
_Text = Annotated[str, Field(max_length=LONGEST)]


class Problem(BaseModel):
    """Why a job failed.

    Attributes:
        error: name of the error.
        message: one line.
        mine: whether it is the fault of the request (exit code 2 of ``hrpn-tf predict``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    error: _Text
    message: _Text
    mine: bool = False

    @classmethod
    def of(cls, error: Exception) -> "Problem":
        """An exception in one line without a traceback; an OSError without Python's number."""
        text = str(error)
        if isinstance(error, OSError) and error.strerror:
            text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        name = type(error).__name__
        message = printable(" ".join(text.split()) or name, LONGEST)
        return cls(error=name, message=message, mine=getattr(error, "exit_code", 1) == 2)


class Record(BaseModel):
    """What is stored of a job.

    Attributes:
        schema_version: of this file.
        name: of the slide, as the client gave it.
        input: name of the upload in the folder of the job; None for a path on the server.
        path: of the slide on the server; None for an upload.
        wish: how it is predicted.
        network: checksum of the network that predicts it.
        settings: checksum of all else that decides its result; None in an earlier record.
        state: how far it is.
        created, finished: Unix time, s.
        attempts: how often a process began it, without those that were stopped in order.
        summary: size, time, tiles and memory, in one line.
        warnings: of the prediction.
        problem: why it failed.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    name: _Text
    input: _Text | None = None
    path: Annotated[str, Field(max_length=4096)] | None = None
    wish: Wish
    network: _Text
    settings: _Text | None = None
    state: State = "queued"
    created: float = Field(default_factory=time.time)
    finished: float | None = None
    attempts: int = 0
    summary: _Text | None = None
    warnings: list[_Text] = Field(default_factory=list, max_length=_MOST_WARNINGS)
    problem: Problem | None = None


@dataclass
class JobProgress:
    """How far a running job is; kept in memory only."""

    title: str = ""
    done: float = 0.0
    total: float | None = None
    unit: str = ""


@dataclass
class Job:
    """A job that the service knows.

    Attributes:
        id: name of its folder.
        folder: with its record, upload and result.
        record: what is stored.
        progress: how far it is.
        version: grows with each change, for those who watch it.
    """

    id: str
    folder: Path
    record: Record
    progress: JobProgress = field(default_factory=JobProgress)
    version: int = 0

    @property
    def slide(self) -> Path:
        """The file or folder to predict."""
        if self.record.input is not None:
            return self.folder / INPUT / self.record.input
        assert self.record.path is not None
        return Path(self.record.path)

    @property
    def result(self) -> Path:
        """The predicted slide."""
        return self.folder / RESULT

    @property
    def download_name(self) -> str:
        """Download name of the result: that of the slide, and the region."""
        name = self.record.name
        for end in (".zarr", ".tif", ".tiff", ".qptiff", ".btf", ".czi", ".nd2", ".lif", ".ome"):
            if name.lower().endswith(end):
                name = name[: -len(end)]
        region = self.record.wish.region
        where = "" if region is None else "_" + "_".join(map(str, region))
        return f"{file_stem(name)}{where}_predicted.ome.tif"

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.record.state in ("queued", "running")

    @property
    def has_result(self) -> bool:
        """Whether it is done, and its result still exists."""
        return self.record.state == "done" and self.result.exists()

    def without_folders(self, text: str) -> str:
        """A message without the folders of the service, which clients need not know."""
        return text.replace(f"{self.folder}/{INPUT}/", "").replace(f"{self.folder}/", "")

    def warn(self, text: str) -> None:
        """Note a warning, unless there are many already."""
        if len(self.record.warnings) < _MOST_WARNINGS:
            self.record.warnings.append(printable(self.without_folders(text), LONGEST))

    def shown(self) -> dict[str, Any]:
        """What a client sees, as JSON."""
        record, progress = self.record, self.progress
        values: dict[str, Any] = {
            "id": self.id,
            "name": record.name,
            "state": record.state,
            "created": _when(record.created),
            "finished": _when(record.finished),
            "wish": record.wish.model_dump(mode="json", exclude_defaults=True),
            "progress": None,
            "summary": record.summary,
            "warnings": list(record.warnings),
            "error": None,
            "message": None,
            "links": {"self": f"/v1/jobs/{self.id}", "events": f"/v1/jobs/{self.id}/events"},
        }
        if record.state == "running":
            values["progress"] = {
                "what": progress.title,
                "done": progress.done,
                "total": progress.total,
                "unit": progress.unit,
            }
        if record.state == "done":
            values["links"]["result"] = f"/v1/jobs/{self.id}/result"
        if record.problem is not None:
            values |= {"error": record.problem.error, "message": record.problem.message}
        return values


def write_record(folder: Path, record: Record) -> None:
    """Store a record in the folder of its job.

    Raises:
        DiskFullError: the disk is full.
    """
    with atomic_path(folder / RECORD, overwrite=True) as temporary:
        temporary.write_text(record.model_dump_json(indent=1), encoding="utf-8")


def read_job(folder: Path) -> Job:
    """Read a job from its folder.

    Raises:
        UnfinishedError: the record is missing, damaged or of another version.
    """
    path = folder / RECORD
    values = read_json(path, UnfinishedError)
    try:
        record = Record.model_validate_json(json.dumps(values))
    except (ValidationError, ValueError):
        raise UnfinishedError(f"{path}: damaged; remove the folder") from None
    if (record.input is None) == (record.path is None) or "/" in (record.input or ""):
        raise UnfinishedError(f"{path}: names no slide; remove the folder")
    return Job(folder.name, folder, record)


def _when(seconds: float | None) -> str | None:
    return (
        None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat("T", "seconds")
    )
