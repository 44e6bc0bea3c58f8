"""SIGTERM and Ctrl-C, which end a command wherever it is."""

import os
import signal
import sys
import threading
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from sys import UnraisableHookArgs

# Time for the destructor that swallowed a signal to end, s.
_AGAIN_SECONDS = 0.05


class TerminatedError(SystemExit):
    """SIGTERM; said once the stack is unwound, below the progress bar rather than within it."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


def end_by_signals() -> None:
    """Let SIGTERM unwind the stack, so that temporary files are removed and state is saved.

    An exception cannot leave a destructor, which may run at any time: Python shows it and goes on
    as if there had been no signal. The signal is then sent again.
    """
    signal.signal(signal.SIGTERM, _terminate)
    before = sys.unraisablehook
    if not (isinstance(before, partial) and before.func is _unraisable):
        sys.unraisablehook = partial(_unraisable, before)


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise TerminatedError(signum)


def _unraisable(
    before: "Callable[[UnraisableHookArgs], object]", lost: "UnraisableHookArgs"
) -> None:
    if isinstance(lost.exc_value, TerminatedError):
        _send_again(lost.exc_value.signum)
    elif isinstance(lost.exc_value, KeyboardInterrupt):
        _send_again(signal.SIGINT)
    else:
        before(lost)


def _send_again(signum: int) -> None:
    timer = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), signum))
    timer.daemon = True
    timer.start()
