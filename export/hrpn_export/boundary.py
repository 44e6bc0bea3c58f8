"""One boundary for what reads a file of a stranger: whatever its library raises gets a name."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from hrpn_export.errors import BundleError, DamagedBundleError

_LONGEST = 300
# What the runtimes say when an allocation on a device fails; they have no common class for it.
_EXHAUSTED = re.compile(
    r"out of memory|OOM when allocating|RESOURCE_EXHAUSTED|OutOfMemory|bad_alloc"
    r"|[Ff]ailed to allocate( memory)?|[Uu]nable to allocate",
    re.IGNORECASE,
)


@contextmanager
def named_errors(
    what: str,
    kind: type[Exception] = DamagedBundleError,
    base: type[Exception] = BundleError,
) -> Iterator[None]:
    """Turn everything that is raised within into one named error.

    Libraries raise errors of all types for damaged files: no list of them is ever complete. The
    named errors of this package pass as they are.

    Args:
        what: the file and what is wrong with it; the reason of the library follows.
        kind: the named error.
        base: class of the errors that have a name already.

    Raises:
        Exception: of the kind; the error of the library is its cause.

    Example:
        >>> with named_errors("model.onnx: no ONNX file"):
        ...     raise IndexError("list index out of range")
        Traceback (most recent call last):
        hrpn_export.errors.DamagedBundleError: model.onnx: no ONNX file: list index out of range
    """
    try:
        yield
    except base:
        raise
    except MemoryError as error:
        raise kind(f"{what}: out of memory") from error
    except RecursionError as error:
        raise kind(f"{what}: nested too deeply") from error
    except Exception as error:
        raise kind(f"{what}: {reason_of(error)}") from error


def is_exhausted(error: BaseException | None) -> bool:
    """Whether an error of a runtime means that memory ran out.

    >>> is_exhausted(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
    True
    """
    return isinstance(error, MemoryError) or bool(_EXHAUSTED.search(str(error)))


def reason_of(error: Exception) -> str:
    """What an error says, in one line; the name of its type if it says nothing."""
    return one_line(str(error).strip() or type(error).__name__)


def one_line(text: str) -> str:
    """The first line of a text, at most 300 characters; unprintable ones become blanks."""
    line = next((line for line in text.splitlines() if line.strip()), "unknown")
    return "".join(c if c.isprintable() else " " for c in line)[:_LONGEST]
