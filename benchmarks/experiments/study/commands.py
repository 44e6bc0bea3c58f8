"""``hrpn-tf`` in a process of its own, stopped at a deadline, with the processor time it took."""

import resource
import subprocess
import sys
import time
from dataclasses import dataclass

GRACE = 300.0  # seconds that a command may take to save its work once it is told to stop


class OutOfTimeError(Exception):
    """The time that the study was given is over; what is finished is kept."""


class CommandFailedError(Exception):
    """A command ended with an error."""


@dataclass(frozen=True)
class Deadline:
    """When to stop.

    Attributes:
        at: of ``time.monotonic``, s; None for never.
    """

    at: float | None = None

    @classmethod
    def after(cls, minutes: float | None) -> "Deadline":
        """From now on; None for never."""
        return cls(None if minutes is None else time.monotonic() + 60 * minutes)

    def left(self) -> float | None:
        """Seconds that are left.

        Raises:
            OutOfTimeError: none.
        """
        if self.at is None:
            return None
        if (left := self.at - time.monotonic()) <= 0:
            raise OutOfTimeError
        return left


@dataclass
class Spent:
    """Processor time of commands, user and system, of all their threads.

    Attributes:
        core_seconds: so far, s.
    """

    core_seconds: float = 0.0


def call(arguments: list[str], deadline: Deadline, spent: Spent) -> None:
    """Run one ``hrpn-tf`` command; add to what was spent, also where it was stopped.

    Raises:
        OutOfTimeError: it was stopped at the deadline, and resumes if it is called again.
        CommandFailedError: it failed.
    """
    left = deadline.left()
    command = [sys.executable, "-m", "hrpn_tf.cli.main", *arguments]
    before = _of_children()
    process = subprocess.Popen(command)
    try:
        code = process.wait(left)
    except subprocess.TimeoutExpired:
        process.terminate()
        code = _end(process)
        if code:
            raise OutOfTimeError from None
    except BaseException as reason:
        if not isinstance(reason, KeyboardInterrupt):  # Ctrl-C reaches the command by itself
            process.terminate()
        _end(process)
        raise
    finally:
        spent.core_seconds += _of_children() - before
    if code:
        raise CommandFailedError(f"hrpn-tf {' '.join(arguments)} ended with exit code {code}")


def _end(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
