"""A logger for TensorRT that keeps its errors for our messages and prints nothing."""

from collections.abc import Sequence
from typing import Any


def make_log(trt: Any) -> Any:
    """A ``trt.ILogger`` with a list ``errors``, the oldest first."""

    class Log(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(message)

    return Log()


def first_line(messages: Sequence[str]) -> str:
    """The first non-empty message in one line; the later ones are consequences of it."""
    lines = [" ".join(message.split()) for message in messages if message.strip()]
    return lines[0][:400] if lines else "no reason given"
