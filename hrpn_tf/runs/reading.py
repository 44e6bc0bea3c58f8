"""Files that are read once and kept, and what a run folder says of its training."""

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hrpn_tf.errors import RunError
from hrpn_tf.untrusted import read_text

T = TypeVar("T")


@dataclass(frozen=True)
class RunRecords:
    """What a run folder says of its training, as plain values; empty where it says nothing.

    Attributes:
        contract, split, resources, environment: of the files of these names.
    """

    contract: Mapping[str, Any]
    split: Mapping[str, Any]
    resources: Mapping[str, Any]
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class KeptFiles:
    """What was read of the files of a folder; each is read again only if it changes."""

    _kept: dict[str, tuple[object, Any]] = field(default_factory=dict)

    def once(self, path: Path, what: str, read: Callable[[], T]) -> T:
        """What ``read`` gives of a file, called once for as long as the file stays as it is.

        Args:
            path: of the file, which need not be there.
            what: name of what is read of it.
            read: reads it.
        """
        try:
            status = path.stat()
            state = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            state = None
        key = f"{path.name} {what}"
        if key not in self._kept or self._kept[key][0] != state:
            self._kept[key] = (state, read())
        value: T = self._kept[key][1]
        return value

    def text(self, path: Path) -> str | None:
        """What a text file holds; None if it is missing.

        Raises:
            RunError: it is no regular file, very large, or no text in UTF-8.
        """
        return self.once(path, "text", lambda: read_text(path, RunError) if path.exists() else None)

    def value(self, path: Path) -> Any:
        """What a JSON file holds; None if it is missing.

        Raises:
            RunError: it is no JSON.
        """
        if (text := self.text(path)) is None:
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise RunError(f"{path}: missing or damaged; run hrpn-tf fit again") from None

    def plain(self, path: Path) -> dict[str, Any]:
        """The object that a JSON file holds; empty if it is missing.

        Raises:
            RunError: it is no JSON, or holds something else.
        """
        values = self.value(path)
        if not isinstance(values, dict | None):
            raise RunError(f"{path}: damaged: no object with keys")
        return values or {}


def read_history(text: str | None) -> list[dict[str, str]]:
    """The rows of a training's history; none if it is missing or damaged."""
    try:
        rows = list(csv.DictReader((text or "").splitlines()))
        for row in rows:
            for key in ("epoch", "loss", "val_loss"):
                float(row.get(key) or 0)
    except (ValueError, csv.Error):
        return []
    return [row for row in rows if row.get("epoch")]


def split_of(parts: Any, subsets: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The groups of each subset, from the value of ``split.json``.

    Raises:
        ValueError: it holds something else.
    """
    try:
        groups = {subset: parts[subset]["groups"] for subset in subsets}
    except (KeyError, TypeError):
        raise ValueError("no groups") from None
    if not all(isinstance(names, list) for names in groups.values()):
        raise ValueError("no list of groups")
    return {subset: tuple(map(text_of, names)) for subset, names in groups.items()}


def means_of(values: Any, inputs: Sequence[str]) -> dict[str, float]:
    """The mean grey level of each input, from the value of ``scaling.json``.

    Raises:
        ValueError: it holds something else, or another number of means.
    """
    try:
        means = dict(zip(inputs, map(float, values["input_mean"]), strict=True))
    except (KeyError, TypeError, OverflowError):
        raise ValueError("no means") from None
    if not all(map(math.isfinite, means.values())):
        raise ValueError("a mean that is not finite")
    return means


def text_of(value: object) -> str:
    """A text that may be the name of a group or a path.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("no text")
    return value
