"""Keep the alternate signal stack of this thread while a library changes it."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """``stack_t`` of Linux."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Restore the alternate signal stack of this thread after the block, see sigaltstack(2).

    OpenVINO's CPU plugin registers its own stack while it is loaded. With two plugins, or if there
    was no stack before, it leaves one that it has freed. Python handles signals there, so the next
    Ctrl-C or SIGTERM would crash the process silently.
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
    """The current alternate signal stack of this thread (Linux)."""
    found = _Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
    return found
