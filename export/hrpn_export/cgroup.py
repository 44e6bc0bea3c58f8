"""Limits that Linux control groups set for this process, in a container for example."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

ROOT = Path("/")
# Version 1 writes the largest whole number of pages for "no limit".
_NO_LIMIT = 2**62


def memory_limit(root: Path = ROOT) -> int | None:
    """Memory limit of the process's groups, bytes; None without a limit."""
    return min((limit for limit, _ in _memory(root)), default=None)


def memory_available(root: Path = ROOT) -> int | None:
    """Memory that the system and the process's groups have left, bytes; None if unknown.

    File caches count as free.
    """
    left = [limit - used for limit, used in _memory(root)]
    with suppress(OSError):
        for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                left.append(1024 * int(line.split()[1]))
    return max(0, min(left)) if left else None


def processor_limit(root: Path = ROOT) -> float | None:
    """Processor limit of the process's groups, cores; None without a limit."""
    limits = []
    for folder, modern in _folders(root, "cpu"):
        with suppress(OSError, ValueError):
            if modern:
                quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii")
                period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii")
            if quota.strip() != "max" and int(quota) > 0:
                limits.append(int(quota) / int(period))
    return min(limits, default=None)


def _memory(root: Path) -> Iterator[tuple[int, int]]:
    """(limit, use without file caches) of each group that has a limit, bytes."""
    for folder, modern in _folders(root, "memory"):
        names = ("max", "current") if modern else ("limit_in_bytes", "usage_in_bytes")
        with suppress(OSError, ValueError):
            limit, used = (
                (folder / f"memory.{name}").read_text(encoding="ascii").strip() for name in names
            )
            lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
            values = dict(line.split() for line in lines)
            cached = values.get("total_inactive_file", values.get("inactive_file", "0"))
            if limit != "max" and int(limit) < _NO_LIMIT:
                yield int(limit), int(used) - int(cached)


def _folders(root: Path, controller: str) -> Iterator[tuple[Path, bool]]:
    """The group of this process and its parents, and whether each is of version 2."""
    base = root / "sys/fs/cgroup"
    groups: list[str] = []
    with suppress(OSError):
        groups = (root / "proc/self/cgroup").read_text(encoding="ascii").splitlines()
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        # a container may see the innermost group alone, under another path
        inside = PurePosixPath(path.lstrip("/"))
        for part in dict.fromkeys((inside, *inside.parents)):
            yield (base / controller if controllers else base) / part, not controllers
