"""Main memory that this process holds (Linux); :mod:`hrpn_export.cgroup` says what is left."""

from contextlib import suppress
from pathlib import Path


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


def _status(name: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(x.split()[1]) for x in lines if x.startswith(f"{name}:")), None)
