"""The number of threads of a session, which means the same in every runtime."""

import os


def threads_of(wanted: int | None) -> int:
    """Number of threads per operation.

    The runtimes have other defaults each: LiteRT one, ONNX Runtime and OpenVINO the physical cores
    of the machine.

    Args:
        wanted: number that the user asked for; None for as many as there are usable cores.

    Returns:
        The number, from 1 up.
    """
    return wanted if wanted is not None else usable_cores()


def usable_cores() -> int:
    """Number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS or Windows
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
