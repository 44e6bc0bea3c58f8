"""Ctrl-C and SIGTERM: finish the step, save, leave."""

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """A context in which the first Ctrl-C or SIGTERM requests a stop; a second one stops at once.

    Attributes:
        asked: the signal that asked, or None.
    """

    def __init__(self) -> None:
        """Nothing is changed yet."""
        self.asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            # A shell starts what runs in the background with Ctrl-C ignored: so it stays.
            heard = [n for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._ask) for number in heard}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._restore()

    def leave(self) -> None:
        """Stop now, in the way that the signal would have stopped the program."""
        self._restore()
        signal.raise_signal(self.asked or signal.SIGTERM)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        self._restore()
        logger.warning("stopping: saving after this step; again to stop at once")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
