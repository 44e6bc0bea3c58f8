"""A folder that one process has for itself."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone_in(folder: Path, otherwise: Exception, shared: bool = False) -> Iterator[None]:
    """Hold a folder for this process alone; the lock goes with the process, however it ends.

    On a drive that has no locks, nobody is kept out.

    Args:
        folder: which is there.
        otherwise: what to raise if another process holds it.
        shared: with all others that hold it so, and against those that want it alone.

    Example:
        >>> with alone_in(Path("run"), RuntimeError("run: in use")):  # doctest: +SKIP
        ...     train()
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise otherwise from None
        except OSError:
            pass  # no locks
        yield
    finally:
        os.close(handle)
