"""Main memory: what this process holds, and what the system has left for it (Linux)."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath


def resident_bytes() -> int | None:
    """Memory that this process holds now; None where the system does not say."""
    return _status("VmRSS")


def peak_bytes() -> int | None:
    """The most that it held since it started or :func:`forget_peak`; None if unknown."""
    # not ru_maxrss, which starts at the peak of the parent process
    peak, now = _status("VmHWM"), resident_bytes()
    return None if peak is None or now is None else max(peak, now)


def forget_peak() -> None:
    """Let the peak be what is held now, as far as the system allows."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def free_on_host(root: Path = Path("/")) -> Iterator[int]:
    """Bytes that the system calls available, and what each control group around has left.

    The least of them is what may be used. File caches count as free.
    """
    try:
        for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
        groups = (root / "proc/self/cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if not controllers:
            yield from _free_in_group(root / "sys/fs/cgroup", path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            yield from _free_in_group(root / "sys/fs/cgroup/memory", path, *names)


def _free_in_group(base: Path, path: str, limit: str, use: str) -> Iterator[int]:
    """Limit minus use of a control group and of those around it; file caches count as free."""
    inside = PurePosixPath(path.lstrip("/"))
    for folder in (base / part for part in (inside, *inside.parents)):
        try:
            most = (folder / limit).read_text(encoding="ascii").strip()
            used = int((folder / use).read_text(encoding="ascii"))
            statistics = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        except OSError:
            continue  # a container sees only the innermost group, under another path
        if most != "max":
            values = dict(line.split() for line in statistics)
            cached = values.get("total_inactive_file", values.get("inactive_file", 0))
            yield int(most) - used + int(cached)


def _status(name: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(x.split()[1]) for x in lines if x.startswith(f"{name}:")), None)
