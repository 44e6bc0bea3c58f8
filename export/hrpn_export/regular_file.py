"""Read a small file from elsewhere: a device or a pipe is refused before anything is read."""

import os
import stat
from pathlib import Path

_MIB = 2**20


def read_regular(path: Path, error: type[Exception], most_bytes: int) -> bytes:
    """The bytes of a regular file.

    Args:
        path: the file.
        error: the named error that is raised.
        most_bytes: the largest file that is read.

    Raises:
        Exception: the given one: the path names no regular file (but a folder, a device or a
            pipe), the file is larger than the limit, or it cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from None
    except ValueError:  # a NUL in the path
        raise error(f"{path}: no file can have this name") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise error(f"{path}: not a regular file")
        with open(handle, "rb", closefd=False) as file:
            content = file.read(most_bytes + 1)
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from None
    finally:
        os.close(handle)
    if len(content) > most_bytes:
        raise error(f"{path}: larger than {most_bytes / _MIB:g} MiB")
    return content


def read_regular_text(path: Path, error: type[Exception], most_bytes: int) -> str:
    """The text of a regular file in UTF-8, with or without a byte-order mark.

    Args, Raises: as :func:`read_regular`; also for a file in another encoding.
    """
    try:
        return read_regular(path, error, most_bytes).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise error(f"{path}: not a text file in UTF-8") from None
