"""Compare what two runs of a command left, but for times, dates and the memory that was used."""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np

# Left out wherever they stand in a JSON file or a table.
MEASURED = frozenset(
    {"seconds", "waited", "patches_per_second", "steps_per_second", "pixels_per_second",
     "waiting_share", "memory_mb", "memory_before_mb", "peak_memory_mb", "training_memory_mb",
     "measures", "others", "environment", "ending", "unavailable", "timestamp", "date",
     "relative_time"}
)  # fmt: skip
# Folders of logs, and files that hold nothing but times, or the machine; they must be there.
LOGS = "logs"
NOT_COMPARED = frozenset({"environment.json", "report.md"})
_ADDRESS = re.compile(rb'"shared_object_id": \d+')  # in Keras files: where an object lay
_MOMENT = re.compile(rb"\d+ \w+ \d{4}, \d\d:\d\d UTC")  # when a page was made
# Checksums of files that hold a date.
DATED = frozenset({"files", "sha256"})


def contents(folder: Path, *, dated: bool = False) -> dict[str, str]:
    """Checksum of each file and folder below a folder, by its name.

    Args:
        folder: the folder; its own path counts as the same wherever it lies.
        dated: whether checksums in JSON files are of files that hold dates, as in a bundle.
    """
    return {
        path.relative_to(folder).as_posix(): _checksum(path, str(folder).encode(), dated)
        for path in _paths(folder)
    }


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """What is missing, left over or different, in words."""
    missing = [f"{name} is missing" for name in sorted(set(expected) - set(found))]
    left = [f"{name} is left over" for name in sorted(set(found) - set(expected))]
    both = sorted(set(expected) & set(found))
    return [*missing, *left, *(f"{n} differs" for n in both if expected[n] != found[n])]


def _paths(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name != LOGS:
            yield path
            if path.is_dir():
                yield from _paths(path)


def _checksum(path: Path, folder: bytes, dated: bool) -> str:
    if path.is_dir() or path.name in NOT_COMPARED:
        return "there"
    plain = _plain(path, path.read_bytes(), dated)
    return hashlib.sha256(plain.replace(folder, b"FOLDER")).hexdigest()


def _plain(path: PurePath, content: bytes, dated: bool) -> bytes:
    """The bytes of a file without what differs from run to run."""
    if path.suffix == ".json":
        return json.dumps(_without(json.loads(content), dated), sort_keys=True).encode()
    if path.name == "history.csv":
        rows = csv.DictReader(io.StringIO(content.decode()))
        return repr([{k: v for k, v in row.items() if k not in MEASURED} for row in rows]).encode()
    if path.suffix == ".keras":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = sorted(set(archive.namelist()) - {"metadata.json"})
            return b"".join(name.encode() + _member(archive.read(name)) for name in names)
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: archive.read(name) for name in sorted(archive.namelist())}
        plain = {name: _plain(PurePath(name), part, dated) for name, part in parts.items()}
        return b"".join(name.encode() + part for name, part in plain.items())
    if path.suffix == ".npz":
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return b"".join(k.encode() + arrays[k].tobytes() for k in sorted(arrays.files))
    if path.suffix == ".html":
        content = _MOMENT.sub(b"MOMENT", content)
    if dated and path.suffix in (".html", ".yaml", ".md"):
        return b""
    return content


def _member(content: bytes) -> bytes:
    """A part of a Keras file; of weights the numbers alone, since HDF5 records times."""
    if not content.startswith(b"\x89HDF"):
        return _ADDRESS.sub(b"", content)
    import h5py

    found: list[bytes] = []

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(name.encode() + np.asarray(item).tobytes())

    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(add)
    return b"".join(found)


def _without(value: Any, dated: bool) -> Any:
    left_out = MEASURED | (DATED if dated else frozenset())
    if isinstance(value, dict):
        return {k: _without(v, dated) for k, v in value.items() if k not in left_out}
    return [_without(each, dated) for each in value] if isinstance(value, list) else value
