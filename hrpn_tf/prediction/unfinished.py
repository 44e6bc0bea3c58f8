"""The folder beside a result in which it is made, and from which a prediction goes on."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hrpn_tf.errors import UnfinishedError
from hrpn_tf.files import atomic_path, locked, remove
from hrpn_tf.prediction.geometry import Region, Tiling
from hrpn_tf.prediction.journal import Journal
from hrpn_tf.prediction.planning import Plan

_SCHEMA = 1


class Unfinished:
    """What is there of a result.

    Attributes:
        out: where the result will be.
        folder: ``.unfinished-NAME`` beside it.
        pixels: the OME-Zarr in it whose first level the blocks are written to.
        tissue: the tissue map in it.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(f".unfinished-{out.name}")
        self.pixels = self.folder / "pixels"
        self.tissue = self.folder / "tissue.npz"
        self._plan = self.folder / "plan.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder, which is made if it is not there, for this process alone.

        Raises:
            RunBusyError: another process is predicting the same result.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):
            try:
                yield
            finally:
                if self.folder.is_dir() and not any(self.folder.iterdir()):
                    self.folder.rmdir()

    def journal(self) -> Journal:
        """The blocks that are finished."""
        return Journal(self.folder / "finished")

    def resume(self, request: Mapping[str, Any], restart: bool) -> tuple[Plan, dict] | None:
        """The plan that was begun, and what was found out for it; None if there is none.

        Args:
            request: everything that decides the result, as anything that JSON can hold.
            restart: whether to throw away what belongs to another request.

        Raises:
            UnfinishedError: it belongs to another request; says what differs.
        """
        record = self._read()
        if record is None:
            self.discard()
            return None
        if (where := _difference(record["request"], json.loads(json.dumps(request)))) is None:
            return _plan(record["plan"]), record["found"]
        if not restart:
            raise UnfinishedError(
                f"{self.out}: an unfinished prediction of it differs from this one in {where}; "
                f"give --overwrite to start anew, or remove {self.folder}"
            )
        self.discard()
        return None

    def start(self, request: Mapping[str, Any], plan: Plan, found: Mapping[str, Any]) -> None:
        """Write down what is begun."""
        record = {
            "schema": _SCHEMA,
            "request": request,
            "plan": asdict(plan),
            "found": found,
        }
        with atomic_path(self._plan, overwrite=True) as temporary:
            temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")

    def discard(self) -> None:
        """Throw away everything but the folder, which this process may be holding."""
        if self.folder.is_dir():
            for entry in self.folder.iterdir():
                remove(entry)

    def _read(self) -> dict[str, Any] | None:
        try:
            record: dict[str, Any] = json.loads(self._plan.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if record.get("schema") == _SCHEMA else None


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
