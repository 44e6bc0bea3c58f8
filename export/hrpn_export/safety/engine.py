"""A TensorRT engine: machine code, which no program can check."""

from pathlib import Path


def check_engine(path: Path) -> None:
    """Accept any engine; whether it fits this machine is checked before it is loaded.

    This is said here rather than left out, so that no format is without a check by mistake.
    """
