"""Write files and folders so that nothing half-written is ever seen under the final name."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from hrpn_export.locks import alone_in
from hrpn_export.storing import sync as sync
from hrpn_export.storing import sync_all as sync_all

from hrpn_tf import leftovers
from hrpn_tf.errors import DiskFullError, OutputExistsError, RunBusyError, UsageError
from hrpn_tf.leftovers import remove as remove

_PIECE_BYTES = 2**20
# EFBIG: the file system or the user's limit allows no larger file; to the user, that is full.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic_path(final: Path, overwrite: bool) -> Iterator[Path]:
    """A temporary name beside ``final``, to be made a file or a folder by the caller.

    On success it is renamed to ``final``; on any error, Ctrl-C included, it is removed and
    ``final`` is left as it was. The temporary name ends like the final one, so that writers that
    go by the suffix work. Missing parent folders are made. What a killed process left of the same
    result is cleared; see :mod:`hrpn_tf.leftovers`. What has the final name is on the disk.

    Args:
        final: where the result goes.
        overwrite: whether an existing file or folder may be replaced.

    Raises:
        OutputExistsError: ``final`` exists and ``overwrite`` is false.
        DiskFullError: the disk filled up within the context.
    """
    final = Path(final)
    refuse_existing(final, overwrite)
    with disk_full_as_named_error(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        with leftovers.claimed(final) as token:
            temporary = leftovers.partial_path(final, token)
            try:
                yield temporary
                sync_all(temporary)
                refuse_existing(final, overwrite)
                _move_into_place(temporary, final, token)
                sync(final.parent)
            finally:
                remove(temporary)


@contextmanager
def disk_full_as_named_error(
    final: Path, advice: str = "nothing was left there; make room or choose another disk"
) -> Iterator[None]:
    """Turn the system's "no space left" within the context into a named error.

    Args:
        final: what was being written.
        advice: what became of it, and what to do.

    Raises:
        DiskFullError: the disk, the quota or the largest file size was reached.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFullError(f"{final}: {error.strerror} while writing; {advice}") from error


@contextmanager
def locked(folder: Path, shared: bool = False) -> Iterator[None]:
    """Hold a folder for this process alone, as :func:`hrpn_export.locks.alone_in` does.

    Args:
        folder: which is there.
        shared: with all others that hold it so, and against those that want it alone.

    Raises:
        RunBusyError: another process holds it.
    """
    busy = f"{folder}: another process is working there; wait for it, or stop it first"
    with alone_in(folder, RunBusyError(busy), shared):
        yield


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """The same for a folder that is made if it is missing, and may be removed or renamed within.

    Raises:
        RunBusyError: another process holds it.
    """
    with ExitStack() as stack:
        while True:
            folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                before = folder.stat().st_ino
                stack.enter_context(locked(folder))
                if folder.stat().st_ino == before:
                    break
            # the last process that held the folder has removed it
            stack.pop_all().close()
        yield


def refuse_existing(final: Path, overwrite: bool) -> None:
    """Raise unless ``final`` is free or may be replaced; clears what killed processes left of it.

    Raises:
        OutputExistsError: ``final`` exists and ``overwrite`` is false.
    """
    leftovers.clear(final)
    if not overwrite and os.path.lexists(final):
        raise OutputExistsError(f"{final} exists; give --overwrite to replace it")


def refuse_lost_inputs(final: Path, inputs: Iterable[Path | None]) -> None:
    """Raise if a result that replaces ``final`` would take with it what it is made from.

    Args:
        final: where the result goes.
        inputs: files and folders that are read; None for those that were not given.

    Raises:
        UsageError: an input is ``final``, or lies within it.

    Example:
        >>> refuse_lost_inputs(Path("analysis"), [Path("slides.csv"), None])
    """
    if not final.exists():
        return
    place = final.resolve()
    for each in inputs:
        if each is not None and each.exists() and each.resolve().is_relative_to(place):
            raise UsageError(
                f"--out {final} would replace {each}, which is read; name another place"
            )


def move(made: Path, final: Path, overwrite: bool) -> None:
    """Rename a finished file or folder to its final name on the same file system.

    What it holds must be on the disk, see :func:`sync_all`; then its name is, too.

    Raises:
        OutputExistsError: ``final`` exists and ``overwrite`` is false.
    """
    refuse_existing(final, overwrite)
    with leftovers.claimed(final) as token:
        _move_into_place(made, final, token)
        sync(final.parent)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def sha256(path: Path) -> str:
    """SHA-256 of a file as hexadecimal text, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_pieces(files: Sequence[Path]) -> Iterator[tuple[Path, bytes | None]]:
    """Each file: None first, then its bytes in pieces, of which the last one is empty."""
    for path in files:
        yield path, None
        with path.open("rb") as stream:
            piece = b"-"
            while piece:
                piece = stream.read(_PIECE_BYTES)
                yield path, piece


def _move_into_place(made: Path, final: Path, token: str) -> None:
    """Rename; a folder in the way is set aside first, since it cannot be replaced in one step."""
    if not (final.is_dir() and not final.is_symlink()) and not made.is_dir():
        os.replace(made, final)
        return
    if not os.path.lexists(final):
        os.rename(made, final)
        return
    aside = leftovers.replaced_path(final, token)
    os.rename(final, aside)
    try:
        os.rename(made, final)
    except BaseException:
        os.rename(aside, final)
        raise
    leftovers.discard_replaced(final, token)
