"""Running out of memory without taking the machine along, and recognising that it happened."""

import re
import resource
from contextlib import suppress
from pathlib import Path

# How Python, C++, and the runtimes say that they got no memory.
_WORDS = re.compile(
    r"out of memory|MemoryError|bad_alloc|OOM when allocating|RESOURCE_EXHAUSTED|Unable to allocate"
    r"|[Ff]ailed to allocate memory|[Cc]an(no|')t allocate memory|OutOfMemory",
)
_LINES = 40  # from the end of a log; what the runtimes say after it is about the consequences
_LENGTH = 200  # of a line of theirs


def be_ended_first() -> None:
    """Let the kernel choose this process, and none of the user's, when memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def limit_memory(count: int) -> None:
    """Let every allocation fail that would bring the data of this process above so many bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        count = min(count, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (count, hard))


def out_of_memory(log: str, available: int | None) -> str | None:
    """The reason on a row if a process ended because it got no memory; None if not.

    Args:
        log: what it wrote before it ended.
        available: bytes that it could have, if that is known.
    """
    lines = (" ".join(line.split()) for line in log.splitlines()[-_LINES:])
    found = [(line, match) for line in lines if (match := _WORDS.search(line))]
    if not found:
        return None
    line, match = found[-1]
    if len(line) > _LENGTH:  # where in their program it happened comes first
        line = line[match.start() :][:_LENGTH]
    return f"out of memory: {line.removeprefix('out of memory: ')}{amount(available)}"


def ended_by_kernel(before: int | None, available: int | None) -> str:
    """The reason on a row for a process that was killed with SIGKILL.

    Args:
        before: what :func:`kernel_kills` said when it was started.
        available: bytes that it could have, if that is known.
    """
    now = kernel_kills()
    if before is None or now is None:
        return f"ended by SIGKILL (out of memory?{amount(available)})"
    if now > before:
        return f"out of memory: ended by the kernel{amount(available)}"
    return "ended by SIGKILL, not by the kernel for want of memory: by whom is not known"


def kernel_kills() -> int | None:
    """How many processes the kernel ended since it started, for want of memory; None if unknown."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return None


def amount(available: int | None) -> str:
    """The end of a reason: how much memory there was."""
    return "" if available is None else f"; {available / 1e9:.1f} GB were available"
