"""Files that are on the disk before they get their final names."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Of folders: some network drives cannot do it, and some folders may be written to, but not read.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}
_MANY, _SYNCED_AT_ONCE = 1000, 8


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Some file systems report a full disk only here.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC or not path.is_dir():
            raise


def sync_all(path: Path) -> None:
    """Wait until a file, or a folder with all that it holds, is on the disk."""
    within = sorted(path.rglob("*")) if path.is_dir() and not path.is_symlink() else []
    stored = [each for each in (*within, path) if not each.is_symlink() and each.exists()]
    if len(stored) > _MANY:
        os.sync()  # the tiles of a report: one by one they would take minutes
        return
    # several at once take hardly longer than one
    with ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
        for _ in pool.map(sync, stored):
            pass
