"""What killed commands leave beside a result, told from what living ones are still writing.

A command that writes NAME works on ``.partial-TOKEN-NAME`` and sets what it replaces aside as
``.replaced-TOKEN-NAME``. As long as it lives it holds a lock on the file ``.lock-TOKEN-NAME``. The
system releases the lock however the command ends, on network drives as well.
"""

import fcntl
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_KINDS = ("partial", "replaced", "lock")
_LEFT = re.compile(rf"\.({'|'.join(_KINDS)})-([0-9a-f]{{8}})-(.+)", re.DOTALL)


@contextmanager
def claimed(final: Path) -> Iterator[str]:
    """Claim a token for writing a result; the folder must exist.

    Args:
        final: where the result goes.

    Yields:
        The token, for :func:`partial_path` and :func:`replaced_path`.
    """
    token, handle = _claim(final)
    try:
        yield token
    finally:
        with suppress(OSError):
            _path(final, "lock", token).unlink()
        os.close(handle)


def partial_path(final: Path, token: str) -> Path:
    """Where the holder of a token builds a result."""
    return _path(final, "partial", token)


def replaced_path(final: Path, token: str) -> Path:
    """Where the holder of a token sets the earlier result aside, which stays complete there."""
    return _path(final, "replaced", token)


def clear(final: Path) -> None:
    """Clear what dead commands left of a result, and nothing of living ones.

    A result that was set aside by a command that died before the new one was in its place is put
    back. Nothing is done in a folder that cannot be written to.
    """
    with suppress(OSError):
        for token in _left(final.parent).get(final.name, ()):
            _clear(final, token)


def clear_folder(folder: Path) -> None:
    """The same for all results in a folder."""
    with suppress(OSError):
        for name in _left(folder):
            clear(folder / name)


def discard_replaced(final: Path, token: str) -> None:
    """Remove the result that was set aside.

    It first gets the name of an unfinished one: half removed, it must never be put back.
    """
    partial = partial_path(final, token)
    remove(partial)
    with suppress(FileNotFoundError):
        os.rename(replaced_path(final, token), partial)
    remove(partial)


def remove(path: Path) -> None:
    """Remove a file or a folder with all it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _claim(final: Path) -> tuple[str, int]:
    """A token, and the open lock file."""
    while True:
        token = secrets.token_hex(4)
        lock = _path(final, "lock", token)
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            continue
        try:
            # of use only on a drive without locks, where others go by the process number
            with suppress(OSError):
                os.write(handle, f"{socket.gethostname()} {os.getpid()}\n".encode())
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _is(lock, handle):
                return token, handle
        except BaseException:
            lock.unlink(missing_ok=True)
            os.close(handle)
            raise
        os.close(handle)  # cleared by another command before it was locked


def _clear(final: Path, token: str) -> None:
    """Clear what the holder of a token left, if it is dead."""
    lock = _path(final, "lock", token)
    handle = _seized(lock)
    if handle is None:
        return
    try:
        if os.path.lexists(replaced_path(final, token)) and not os.path.lexists(final):
            os.rename(replaced_path(final, token), final)
        discard_replaced(final, token)
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


def _seized(lock: Path) -> int | None:
    """The open lock file of a dead command, locked; None if the command may be alive."""
    without_lock = not lock.exists()
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        dead = _is(lock, handle)
    except BlockingIOError:
        dead = False
    except OSError:  # a drive without locks
        dead = without_lock or _is_gone(handle)
    if dead:
        return handle
    os.close(handle)
    return None


def _is_gone(handle: int) -> bool:
    """Whether the process that a lock file names was one of this machine, and is no more."""
    try:
        host, pid = os.pread(handle, 512, 0).decode().split()
        if host != socket.gethostname():
            return False
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OSError):
        return False
    return False


def _is(path: Path, handle: int) -> bool:
    """Whether a path still is the file that is open."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _left(folder: Path) -> dict[str, list[str]]:
    """Tokens by the name of the result, those of results that were set aside last first."""
    found: dict[str, dict[str, float]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            # a folder may hold ten thousand results
            if entry.name[0] == "." and (match := _LEFT.fullmatch(entry.name)):
                kind, token, name = match.groups()
                tokens = found.setdefault(name, {})
                tokens.setdefault(token, 0.0)
                if kind == "replaced":
                    tokens[token] = entry.stat(follow_symlinks=False).st_ctime
    return {name: sorted(all_, key=lambda t: -all_[t]) for name, all_ in found.items()}


def _path(final: Path, kind: str, token: str) -> Path:
    return final.with_name(f".{kind}-{token}-{final.name}")
