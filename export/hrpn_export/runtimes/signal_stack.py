"""The stack on which this thread handles signals, kept over a library that changes it."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """``stack_t`` of Linux."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Put back the alternate signal stack of this thread, see sigaltstack(2).

    OpenVINO's CPU plugin registers a stack of its own for as long as it is loaded, and with two of
    them, or where none was before, leaves one that it freed. Python handles its signals there: the
    next Ctrl-C or SIGTERM would end the process without a word.
    """
    if sys.platform != "linux":
        yield
        return
    before = signal_stack()
    try:
        yield
    finally:
        ctypes.CDLL(None).sigaltstack(ctypes.byref(before), None)


def signal_stack() -> _Stack:
    """Where this thread handles signals now (Linux)."""
    found = _Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
    return found
