"""The folder of an unfinished result, from which a prediction resumes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.errors import RunBusyError, SlideFormatError, UnfinishedError
from hrpn_tf.files import atomic_path, held_folder, remove
from hrpn_tf.leftovers import clear
from hrpn_tf.prediction.anchor import FOUND, AnchorSums
from hrpn_tf.prediction.journal import Journal
from hrpn_tf.prediction.planning import TilePlan
from hrpn_tf.prediction.started import StartRecord
from hrpn_tf.prediction.tiling import Region, Tiling
from hrpn_tf.slides import read_provenance
from hrpn_tf.untrusted import LARGEST, read_json

# A record of schema 2 lacks what this version adds to a tiling, and is resumed with the default.
_SCHEMA, _READABLE = 3, (2, 3)


@dataclass(frozen=True)
class Work:
    """Folder of one prediction, separate from earlier and later ones of the same result.

    A worker on another machine may still write to a prediction that was discarded.

    Attributes:
        folder: folder of this prediction.
    """

    folder: Path

    @property
    def pixels(self) -> Path:
        """OME-Zarr whose first level receives the blocks."""
        return self.folder / "pixels"

    @property
    def tissue(self) -> Path:
        """File of the tissue map."""
        return self.folder / "tissue.npz"

    @property
    def anchored(self) -> Path:
        """File of the tissue that the result is anchored by."""
        return self.folder / "anchored.npz"

    @property
    def sums(self) -> Path:
        """File of the sums over the anchored pixels."""
        return self.folder / "sums.json"

    def journal(self) -> Journal:
        """Record of the finished blocks."""
        return Journal(self.folder / "finished")


class Unfinished:
    """An unfinished result.

    Attributes:
        out: path of the final result.
        folder: ``.unfinished-NAME`` beside it.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(f".unfinished-{out.name}")
        self._plan = self.folder / "plan.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the folder for this process, and create it if missing.

        If it holds no plan afterwards, the folder and the folders created for it are removed.

        Raises:
            RunBusyError: another process is predicting the same result.
        """
        made = [folder for folder in self.folder.parents if not folder.exists()]
        try:
            with held_folder(self.folder):
                clear(self.out)
                try:
                    yield
                finally:
                    if not self._plan.exists():
                        self.discard()
                        with suppress(OSError):
                            self.folder.rmdir()
        finally:
            for folder in made:
                with suppress(OSError):  # no longer empty
                    folder.rmdir()

    def forget_finished(self) -> None:
        """Remove the folder of a finished result whose process was killed before removing it."""
        clear(self.out)
        if not self.folder.is_dir() or not self.out.exists():
            return
        with suppress(RunBusyError, SlideFormatError), self.held():
            found = (self._read() or {}).get("found", {})
            made_of, beside = (
                read_provenance(self.out),
                {"tiling", FOUND, *found.get("assessed", {})},
            )
            if found.get("origin") == {k: made_of[k] for k in made_of if k not in beside}:
                self.discard()

    def is_begun(self) -> bool:
        """Whether there is a prediction to resume."""
        return self._plan.exists()

    def network(self) -> Mapping[str, Any] | None:
        """What the begun prediction states of its network; None if none is begun."""
        record = self._read()
        stated = None if record is None else record["found"]["origin"].get("model")
        return stated if isinstance(stated, dict) else None

    def sums(self) -> AnchorSums | None:
        """Sums of a prediction that is computed and waits to be scaled; None if there are none."""
        record = self._read()
        return None if record is None else AnchorSums.load(self.work(record["found"]["work"]).sums)

    def work(self, name: str) -> Work:
        """A new folder for a prediction, with a unique name."""
        return Work(self.folder / name)

    def resume(
        self, request: Mapping[str, Any], restart: bool
    ) -> tuple[TilePlan, StartRecord] | None:
        """The plan and the record of the started prediction; None if there is none.

        Args:
            request: all settings that determine the result, as a JSON object.
            restart: whether to discard the prediction of another request.

        Raises:
            UnfinishedError: it belongs to another request; names the difference.
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

    def start(self, request: Mapping[str, Any], plan: TilePlan, found: StartRecord) -> None:
        """Record a started prediction."""
        record = {
            "schema": _SCHEMA,
            "request": request,
            "plan": asdict(plan),
            "found": found.to_json(),
        }
        with atomic_path(self._plan, overwrite=True) as temporary:
            temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")

    def discard(self) -> None:
        """Remove everything but the folder, which this process may hold."""
        if self.folder.is_dir():
            remove(self._plan)  # first, so that no process resumes with an incomplete rest
            for entry in self.folder.iterdir():
                remove(entry)

    def _read(self) -> dict[str, Any] | None:
        try:
            record: Any = read_json(self._plan, UnfinishedError, LARGEST)
        except UnfinishedError:
            return None
        return record if _is_whole(record) else None


def _is_whole(record: Any) -> bool:
    """Whether a plan can be read, and holds what is asked of it."""
    if not isinstance(record, dict) or record.get("schema") not in _READABLE:
        return False
    if not all(isinstance(record.get(key), dict) for key in ("request", "plan", "found")):
        return False
    found = record["found"]
    return isinstance(found.get("origin"), dict) and isinstance(found.get("work"), str)


def _plan(values: dict[str, Any]) -> TilePlan:
    tiling = dict(values["tiling"])
    tiling["region"] = Region(**tiling["region"])
    return TilePlan(**{**values, "tiling": Tiling(**tiling)})


def _difference(old: Any, new: Any, where: str = "") -> str | None:
    """Name of the first entry in which two JSON values differ; None if they are equal."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(set(old) | set(new)):
            inner = f"{where}.{key}" if where else key
            if (found := _difference(old.get(key), new.get(key), inner)) is not None:
                return found
        return None
    return None if old == new else where
