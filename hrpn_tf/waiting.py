"""What a user of a command waits for, from the start of its process on, by parts."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_UP = "start-up"  # of Python and the libraries, TensorFlow first of all
NETWORK = "loading the network"
PLANNING = "planning"
PREDICTION = "prediction"
WRITING = "writing"
EVALUATION = "evaluation"
CALIBRATION = "calibration"
EXPORT = "export"
_OTHER = "other"
_SHORT = 0.05  # s; shorter parts are not worth a word


class Waiting:
    """Wall time of one command, s; parts within parts count once."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._parts: dict[str, float] = {}
        self._first = True
        self._started = False
        self._inner = threading.local()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """A command begins; the first one of a process began with the process."""
        now = time.monotonic()
        before = _process_seconds() if self._first else 0.0
        self._began, self._parts, self._first = now - before, {START_UP: before}, False
        self._started = False

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time within as a part."""
        outer = getattr(self._inner, "seconds", 0.0)
        started = time.monotonic()
        with self._lock:
            if name != START_UP and not self._started:  # what came before were imports
                self._started = True
                self._parts[START_UP] = started - self._began
            self._parts.setdefault(name, 0.0)
        self._inner.seconds = 0.0
        try:
            yield
        finally:
            seconds = time.monotonic() - started
            with self._lock:
                own = seconds - self._inner.seconds
                self._parts[name] += own
            self._inner.seconds = outer + seconds

    def parts(self) -> dict[str, float]:
        """Seconds of each part so far, in the order in which they began, and the rest."""
        total, parts = time.monotonic() - self._began, dict(self._parts)
        return {**parts, _OTHER: max(0.0, total - sum(parts.values()))}

    def __str__(self) -> str:
        parts = self.parts()
        shown = [f"{name} {seconds:.1f} s" for name, seconds in parts.items() if seconds > _SHORT]
        total = f"{sum(parts.values()):.1f} s in all"
        return f"{total}: {', '.join(shown)}" if len(shown) > 1 else total


def _process_seconds() -> float:
    """Time since this process began, s; 0 where the system does not tell."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


waiting = Waiting()
