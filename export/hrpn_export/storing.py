"""Files that are on the disk before they get their final names."""

import errno
import os
from pathlib import Path

# Of folders: some network drives cannot do it, and some folders may be written to, but not read.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}


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


def sync_below(folder: Path) -> None:
    """The same for a folder with all that it holds."""
    for path in (*sorted(folder.rglob("*")), folder):
        sync(path)
