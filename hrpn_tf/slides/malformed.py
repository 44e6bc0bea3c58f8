"""Turns every failure on damaged or malicious bytes into a named error."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hrpn_tf.errors import HrpnError, SlideFormatError


@contextmanager
def as_named_error(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a library raises within the context into one line about ``path``.

    Args:
        path: what is being read.
        kind: what it should be, e.g. "a TIFF".

    Raises:
        SlideFormatError: anything but a named error was raised.
    """
    try:
        yield
    except HrpnError:
        raise
    except Exception as error:
        # EINVAL is what the system answers to the offsets of a malformed file
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise SlideFormatError(f"{path}: cannot be read: {error.strerror}") from error
        raise SlideFormatError(
            f"{path}: not {kind}, or truncated, malformed or of an unsupported kind "
            f"({_reason(error)})"
        ) from error


def _reason(error: Exception) -> str:
    """What a library says, with a sentence where that is only a key or an index.

    >>> _reason(KeyError(273))
    'a part that is needed is missing; KeyError: 273'
    """
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    bare = isinstance(error, LookupError) and not any(c.isspace() for c in str(error))
    return f"a part that is needed is missing; {reason}" if bare else reason
