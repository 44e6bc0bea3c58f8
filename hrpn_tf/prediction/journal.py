"""Which blocks of an unfinished prediction are done."""

import os
import secrets
import socket
from pathlib import Path
from typing import IO

# Tells this process from an earlier one of the same number, or one on another machine of this name.
_TOKEN = secrets.token_hex(3)


class Journal:
    """Numbers of finished blocks in a folder of text files.

    Every process writes a file of its own, since lines appended by several machines to one file on
    a network drive can be lost. A number counts once its line is complete: a process that is killed
    while it writes leaves half a line, and its block is computed again.

    Args:
        folder: made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._own = folder / f"{socket.gethostname()}-{os.getpid()}-{_TOKEN}.txt"

    def finished(self) -> set[int]:
        """All numbers, by whatever process."""
        numbers: set[int] = set()
        for file in self._folder.glob("*.txt"):
            lines = file.read_text(encoding="ascii", errors="replace").splitlines(keepends=True)
            numbers.update(int(line) for line in lines if line.endswith("\n") and _whole(line))
        return numbers

    def add(self, *indices: int) -> None:
        """Say that blocks are finished; on the disk when this returns.

        Raises:
            OSError: the disk is full.
        """
        with self._own.open("a+b") as file:
            file.write(_ending(file) + "".join(f"{index}\n" for index in indices).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())


def _ending(file: IO[bytes]) -> bytes:
    """What makes a torn last line, left when the disk was full, no number, or nothing.

    Without it the next number would continue that line, and name a block that is not finished.
    """
    if file.seek(0, os.SEEK_END) == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"?\n"


def _whole(line: str) -> bool:
    return line.strip().isdecimal()
