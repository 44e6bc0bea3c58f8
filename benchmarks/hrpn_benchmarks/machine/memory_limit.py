"""Run out of memory without harm to the machine, and recognise that it happened."""

import re
import resource
from contextlib import suppress
from pathlib import Path

# Messages of Python, C++ and the runtimes when an allocation fails.
_WORDS = re.compile(
    r"out of memory|MemoryError|bad_alloc|OOM when allocating|RESOURCE_EXHAUSTED|Unable to allocate"
    r"|[Ff]ailed to allocate memory|[Cc]an(no|')t allocate memory|OutOfMemory",
)
_LINES = 40  # searched at the end of a log; the last match is nearest to the cause
_LENGTH = 200  # characters quoted of a line


def be_ended_first() -> None:
    """Make the kernel end this process first, before the user's others, if memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def limit_memory(count: int) -> None:
    """Make allocations fail that would bring the data of this process above ``count`` bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        count = min(count, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (count, hard))


def out_of_memory(log: str, available: int | None) -> str | None:
    """The reason for a row if a process ended for lack of memory; None if that was not the cause.

    Args:
        log: output of the process.
        available: memory that it could have used, bytes; None if unknown.
    """
    lines = (" ".join(line.split()) for line in log.splitlines()[-_LINES:])
    found = [(line, match) for line in lines if (match := _WORDS.search(line))]
    if not found:
        return None
    line, match = found[-1]
    if len(line) > _LENGTH:  # the place in the runtime's source comes before the message
        line = line[match.start() :][:_LENGTH]
    return f"out of memory: {line.removeprefix('out of memory: ')}{amount(available)}"


def ended_by_kernel(before: int | None, available: int | None) -> str:
    """The reason for a row whose process was ended by SIGKILL.

    Args:
        before: :func:`kernel_kills` at the start of the process.
        available: memory that it could have used, bytes; None if unknown.
    """
    now = kernel_kills()
    if before is None or now is None:
        return f"ended by SIGKILL (out of memory?{amount(available)})"
    if now > before:
        return f"out of memory: ended by the kernel{amount(available)}"
    return "ended by SIGKILL, not by the kernel for want of memory: by whom is not known"


def kernel_kills() -> int | None:
    """Number of processes that the kernel has ended for lack of memory; None if unknown."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return None


def amount(available: int | None) -> str:
    """The end of a reason: how much memory was available."""
    return "" if available is None else f"; {available / 1e9:.1f} GB were available"
