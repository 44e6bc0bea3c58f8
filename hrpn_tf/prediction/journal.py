"""Record of the finished blocks of an unfinished prediction."""

import os
import secrets
import socket
from pathlib import Path
from typing import IO

from hrpn_tf.errors import UnfinishedError
from hrpn_tf.untrusted import LARGEST, read_file

# Distinguishes this process from an earlier one with the same ID, or on a host of the same name.
_TOKEN = secrets.token_hex(3)


class Journal:
    """Indices of finished blocks, in a folder of text files.

    Every process writes its own file, because lines that several machines append to one file on a
    network drive can be lost. An index counts once its line is complete: a process that is killed
    while writing leaves half a line, and its block is computed again.

    Args:
        folder: folder of the files, created if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._own = folder / f"{socket.gethostname()}-{os.getpid()}-{_TOKEN}.txt"

    def finished(self) -> set[int]:
        """Indices of all blocks finished by any process."""
        numbers: set[int] = set()
        for file in self._folder.glob("*.txt"):
            lines = _text(file).splitlines(keepends=True)
            numbers.update(int(line) for line in lines if line.endswith("\n") and _whole(line))
        return numbers

    def add(self, *indices: int) -> None:
        """Record blocks as finished; the record is on the disk when this returns.

        Raises:
            OSError: the disk is full.
        """
        with self._own.open("a+b") as file:
            file.write(_ending(file) + "".join(f"{index}\n" for index in indices).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())


def _text(file: Path) -> str:
    """What a process recorded; nothing of a file that was swapped for something else."""
    try:
        return read_file(file, UnfinishedError, LARGEST).decode("ascii", errors="replace")
    except UnfinishedError:
        return ""


def _ending(file: IO[bytes]) -> bytes:
    """Bytes that invalidate a torn last line, left when the disk was full; empty if there is none.

    Without them the next index would continue that line and name an unfinished block.
    """
    if file.seek(0, os.SEEK_END) == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"?\n"


def _whole(line: str) -> bool:
    return line.strip().isdecimal()
