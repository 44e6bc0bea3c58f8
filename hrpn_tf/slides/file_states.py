"""Sizes and modification times of a slide's files, which tell whether it has changed."""

import hashlib
import os
from pathlib import Path

from hrpn_tf.slides.slide import SlideInfo
from hrpn_tf.slides.zarr.metadata_files import is_zarr

# Size in bytes, modification time in ns and, for a folder, a checksum over both for all its files.
State = tuple[int, ...]


def parts(info: SlideInfo) -> tuple[Path, ...]:
    """The files of a slide, or its folder if pixels lie in files that it does not list."""
    return (info.path,) if is_zarr(info.path) else info.files


def state_of(path: Path) -> State | None:
    """State of a file or of a folder with all its files; None for a missing one."""
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
