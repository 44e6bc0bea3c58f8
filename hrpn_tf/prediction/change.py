"""Detect changes of a slide's files while it is predicted."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hrpn_tf.errors import SlideChangedError
from hrpn_tf.slides import SlideInfo
from hrpn_tf.slides.zarr.metadata_files import is_zarr

# Size in bytes, modification time in ns and, for a folder, a checksum over both for all its files.
State = tuple[int, ...]


@dataclass(frozen=True)
class FileStates:
    """Sizes and modification times of files and folders; None for a missing one.

    A slide that is not a file (tests, plug-ins) has no state and never changes.
    """

    states: tuple[tuple[str, State | None], ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> Self:
        """Current states; the state of a folder includes all its files."""
        return cls(tuple((str(path), _state(path)) for path in paths))

    def check(self) -> None:
        """Refuse to continue if a file has changed.

        Raises:
            SlideChangedError: names the file and the kind of change.
        """
        for name, before in self.states:
            now = _state(Path(name))
            if before == now:
                continue
            what = "vanished" if now is None else "changed"
            raise SlideChangedError(
                f"{name}: {what} while it was read; nothing was kept, predict it again when it is "
                "complete"
            )


def parts(info: SlideInfo) -> tuple[Path, ...]:
    """The files of a slide, or its folder if pixels lie in files that it does not list."""
    return (info.path,) if is_zarr(info.path) else info.files


def _state(path: Path) -> State | None:
    try:
        found = path.stat()
        if path.is_dir():
            return _folder_state(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _folder_state(path: Path) -> State:
    """State of an OME-Zarr folder, whose pixels may lie in a hundred thousand files."""
    size, newest, checksum = 0, 0, hashlib.sha256()
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            file = os.path.join(folder, name)
            found = os.stat(file) if os.path.exists(file) else os.lstat(file)  # a dead link
            size, newest = size + found.st_size, max(newest, found.st_mtime_ns)
            entry = f"{os.path.join(folder, name)} {found.st_size} {found.st_mtime_ns}\n"
            checksum.update(entry.encode(errors="surrogateescape"))
    return size, newest, int.from_bytes(checksum.digest()[:6])
