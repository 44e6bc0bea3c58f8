"""The folder beside a result in which it is made, and from which a prediction goes on."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.errors import RunBusyError, SlideFormatError, UnfinishedError
from hrpn_tf.files import atomic_path, locked, remove
from hrpn_tf.prediction.journal import Journal
from hrpn_tf.prediction.planning import Plan
from hrpn_tf.prediction.started import StartRecord
from hrpn_tf.prediction.tiling import Region, Tiling
from hrpn_tf.slides import read_provenance

_SCHEMA = 2


@dataclass(frozen=True)
class Work:
    """Where one prediction writes, and no other of the same result that was begun before or after.

    A worker of another machine may not have heard yet that its prediction was thrown away.

    Attributes:
        folder: its own.
    """

    folder: Path

    @property
    def pixels(self) -> Path:
        """The OME-Zarr whose first level the blocks are written to."""
        return self.folder / "pixels"

    @property
    def tissue(self) -> Path:
        """The tissue map."""
        return self.folder / "tissue.npz"

    def journal(self) -> Journal:
        """The blocks that are finished."""
        return Journal(self.folder / "finished")


class Unfinished:
    """What is there of a result.

    Attributes:
        out: where the result will be.
        folder: ``.unfinished-NAME`` beside it.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(f".unfinished-{out.name}")
        self._plan = self.folder / "plan.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder, which is made if it is not there, for this process alone.

        Without a plan in it, the folder is gone afterwards, and so are the folders made for it.

        Raises:
            RunBusyError: another process is predicting the same result.
        """
        made = [folder for folder in self.folder.parents if not folder.exists()]
        try:
            with self._locked():
                self.remove_leftovers()
                try:
                    yield
                finally:
                    if not self._plan.exists():
                        self.discard()
                        with suppress(OSError):
                            self.folder.rmdir()
        finally:
            for folder in made:
                with suppress(OSError):  # it holds something now
                    folder.rmdir()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with ExitStack() as stack:
            while True:
                self.folder.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):
                    before = self.folder.stat().st_ino
                    stack.enter_context(locked(self.folder))
                    if self.folder.stat().st_ino == before:
                        break
                # its last holder has removed the folder meanwhile
                stack.pop_all().close()
            yield

    def remove_leftovers(self) -> None:
        """Remove what processes that were killed while they made the result left beside it."""
        parts = "partial"
        if os.path.lexists(self.out):
            parts += "|replaced"  # until then, that is the only result there is
        pattern = re.compile(rf"\.({parts})-[0-9a-f]+-{re.escape(self.out.name)}")
        for entry in list(self.out.parent.iterdir()):
            if pattern.fullmatch(entry.name):
                remove(entry)

    def forget_finished(self) -> None:
        """Remove the folder if the result was made of it: its process was killed right then."""
        if not self.folder.is_dir() or not self.out.exists():
            return
        with suppress(RunBusyError, SlideFormatError), self.held():
            found = (self._read() or {}).get("found", {})
            made_of, beside = read_provenance(self.out), {"tiling", *found.get("assessed", {})}
            if found.get("origin") == {k: made_of[k] for k in made_of if k not in beside}:
                self.discard()

    def is_begun(self) -> bool:
        """Whether there is anything to go on with."""
        return self._plan.exists()

    def work(self, name: str) -> Work:
        """The folder that a prediction writes to; its name is unique."""
        return Work(self.folder / name)

    def resume(self, request: Mapping[str, Any], restart: bool) -> tuple[Plan, StartRecord] | None:
        """The plan that was begun, and what was found out for it; None if there is none.

        Args:
            request: everything that decides the result, as anything that JSON can hold.
            restart: whether to throw away what belongs to another request.

        Raises:
            UnfinishedError: it belongs to another request; says what differs.
        """
        record = self._read()
        if record is None or not self.work(record["found"]["work"]).pixels.exists():
            self.discard()
            return None
        if (where := _difference(record["request"], json.loads(json.dumps(request)))) is None:
            return _plan(record["plan"]), StartRecord.from_json(record["found"])
        if not restart:
            raise UnfinishedError(
                f"{self.out}: an unfinished prediction of it differs from this one in "
                f"{where.removeprefix('origin.')}; "
                f"give --overwrite to start anew, or remove {self.folder}"
            )
        self.discard()
        return None

    def start(self, request: Mapping[str, Any], plan: Plan, found: StartRecord) -> None:
        """Write down what is begun."""
        record = {
            "schema": _SCHEMA,
            "request": request,
            "plan": asdict(plan),
            "found": found.to_json(),
        }
        with atomic_path(self._plan, overwrite=True) as temporary:
            temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")

    def discard(self) -> None:
        """Throw away everything but the folder, which this process may be holding."""
        if self.folder.is_dir():
            remove(self._plan)  # first: nothing must go on with half of the rest
            for entry in self.folder.iterdir():
                remove(entry)

    def _read(self) -> dict[str, Any] | None:
        try:
            record: Any = json.loads(self._plan.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        fits = isinstance(record, dict) and record.get("schema") == _SCHEMA
        return record if fits else None


def _plan(values: dict[str, Any]) -> Plan:
    tiling = dict(values["tiling"])
    tiling["region"] = Region(**tiling["region"])
    return Plan(**{**values, "tiling": Tiling(**tiling)})


def _difference(old: Any, new: Any, where: str = "") -> str | None:
    """Name of the first thing in which two JSON values differ; None if they are equal."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(set(old) | set(new)):
            inner = f"{where}.{key}" if where else key
            if (found := _difference(old.get(key), new.get(key), inner)) is not None:
                return found
        return None
    return None if old == new else where
