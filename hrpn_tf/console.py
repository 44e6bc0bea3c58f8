"""What a user should know although nothing failed, and TensorFlow loaded without its chatter."""

import os
import sys


def remark(text: str) -> None:
    """Say it in one line on standard error, like an error but going on."""
    print(f"hrpn-tf: {' '.join(text.split())}", file=sys.stderr)


def load_tensorflow() -> None:
    """Import TensorFlow, silently unless that fails.

    Its libraries write to the file descriptor of standard error while they load, whatever the log
    level; an import error is a Python exception and is shown as ever.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # only errors
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
