"""How fast each format was when it was exported, on that machine."""

import time
from collections.abc import Callable

import numpy as np

from hrpn_export.certificate import Certificate, CertificateEntry

_SIDE, _ROUNDS = 512, 5


def relative_time(
    ours: Callable[[np.ndarray], object],
    reference: Callable[[np.ndarray], object],
    image: np.ndarray,
) -> float:
    """Time of a session / time of the reference, the median of alternating runs.

    Other work of the machine affects both alike, so that sessions measured at different times can
    be compared.

    Args:
        ours, reference: sessions.
        image: (1, H, W, inputs) grey levels.
    """
    ours(image), reference(image)  # the first run of a size plans its memory
    ratios = []
    for _ in range(_ROUNDS):
        seconds = []
        for run in (ours, reference):
            start = time.perf_counter()
            run(image)
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    return float(np.median(ratios))


def timed_side(patch: int, multiple: int) -> int:
    """Side of the image to time, px: that of a small tile, or less for tiny patches."""
    return max(multiple, min(_SIDE, 4 * patch) // multiple * multiple)


def fastest(certificate: Certificate) -> CertificateEntry | None:
    """The certified entry with the shortest time; None if no time was measured."""
    timed = [e for e in certificate.entries if e.relative_time is not None and e.problem is None]
    return min(timed, key=lambda e: e.relative_time or 0.0, default=None)


def slower_than_fp32(certificate: Certificate) -> list[CertificateEntry]:
    """Entries of a lower precision that take longer than fp32 of their format at its fastest."""
    found = []
    for entry in certificate.entries:
        plain = [
            e.relative_time
            for e in certificate.entries_of(entry.format, "fp32")
            if e.relative_time is not None
        ]
        if entry.precision == "fp32" or entry.relative_time is None or not plain:
            continue
        if entry.relative_time > min(plain):
            found.append(entry)
    return found


def describe_speed(certificate: Certificate) -> str | None:
    """Which format is the fastest, and which are slower than fp32, in a sentence or two."""
    best = fastest(certificate)
    if best is None:
        return None
    lines = (
        f"Fastest on the exporting machine: {_name(best)}, {best.relative_time:.2f} of the time of "
        "Keras."
    )
    slow = slower_than_fp32(certificate)
    if slow:
        lines += f" Slower than fp32 of the same format there: {', '.join(map(_name, slow))}."
    return lines


def _name(entry: CertificateEntry) -> str:
    return f"{entry.format} {entry.precision} in {entry.runtime}"
