"""Measure a cell once: start its processes, wait for them, put together what they say."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hrpn_benchmarks.machine.cgroup import memory_available
from hrpn_benchmarks.machine.memory_limit import (
    amount,
    ended_by_kernel,
    kernel_kills,
    out_of_memory,
)
from hrpn_benchmarks.matrix import Cell
from hrpn_benchmarks.measures import Measured, Samples, Strict

_PATIENCE = 0.02  # s between two looks at the processes


class Round(Strict):
    """One round of a cell.

    Attributes:
        measured: None if it failed.
        failure: why, in a line.
        others: share of the machine's cores that other processes used meanwhile.
    """

    measured: Measured | None = None
    failure: str | None = None
    others: float = 0.0


def measure_apart(cell: Cell, timeout: float) -> Round:
    """Measure a cell once, in processes of its own.

    Args:
        cell: what is measured.
        timeout: s, for all of it.
    """
    with tempfile.TemporaryDirectory(prefix="hrpn-benchmark-") as name:
        folder, others = Path(name), _Others()
        (folder / "cell.json").write_text(cell.model_dump_json(), encoding="utf-8")
        with others.watch():
            failure = _run(folder, cell, timeout)
        if failure is not None:
            return Round(failure=failure, others=others.share)
        parts = [
            Measured.model_validate_json((folder / f"{n}.json").read_text(encoding="utf-8"))
            for n in range(cell.processes)
        ]
        return Round(measured=put_together(parts), others=others.share)


def put_together(parts: Sequence[Measured]) -> Measured:
    """What several processes at the same time measured, as if they were one.

    Latencies are those of all; bytes and speeds add up. Energy is that of the one machine or GPU
    that all use, seen by each: its counter, over the runs of all.
    """
    if len(parts) == 1:
        return parts[0]
    measures = {}
    unavailable: dict[str, str] = {}
    for each in parts:
        unavailable |= each.unavailable
    for name in parts[0].measures:
        if name in unavailable:
            continue
        found = [each.measures[name] for each in parts]
        unit = found[0].unit
        if unit == "s":
            values = tuple(value for each in found for value in each.values)
        elif unit.startswith("joule"):  # counter / runs of each
            values = (1 / sum(1 / each.median for each in found),)
        else:
            values = (sum(each.median for each in found),)
        measures[name] = Samples(unit=unit, values=values)
    cores = tuple(core for each in parts for core in each.cores)
    changes = {"measures": measures, "unavailable": unavailable, "cores": cores}
    return parts[0].model_copy(update=changes)


def _run(folder: Path, cell: Cell, timeout: float) -> str | None:
    """Run the workers to their end; why there is no result, in a line, or None."""
    available, kills = memory_available(), kernel_kills()
    # the drivers of GPUs reserve far more addresses than there is memory
    most = available // cell.processes if available and cell.device == "cpu" else 0
    with _workers(folder, cell.processes, most) as workers:
        end = time.monotonic() + timeout
        while any(each.poll() is None for each in workers):
            if any(each.poll() for each in workers):
                break  # the others wait for the one that is gone
            if time.monotonic() > end:
                return f"no answer within {timeout:g} s"
            time.sleep(_PATIENCE)
        ended = [(each.poll(), number) for number, each in enumerate(workers)]
    for code, number in ended:
        if code:
            log = (folder / f"{number}.log").read_text(errors="replace").strip()
            if code == -signal.SIGKILL:
                return ended_by_kernel(kills, available)
            return out_of_memory(log, most or available) or _last_words(log, code, most)
    return None


def _last_words(log: str, code: int, most: int) -> str:
    """Why a process ended, in a line."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    last = log.splitlines()[-1] if log else f"exit code {code}"
    if log and " " in last:
        return last
    # LiteRT says only "RuntimeError" when it gets no memory
    return f"{last}, and no reason given{amount(most or None)}"


@contextmanager
def _workers(folder: Path, processes: int, most: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Started processes, each the first of a group; nothing of a group outlives the block.

    Args:
        folder: of the cell.
        processes: how many.
        most: bytes that each may take; 0 for no limit.
    """
    # CUDA shall number GPUs as NVML does
    environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **os.environ}
    workers = []
    try:
        for number in range(processes):
            with (folder / f"{number}.log").open("wb") as log:
                worker = [sys.executable, "-m", "hrpn_benchmarks.worker"]
                workers.append(
                    subprocess.Popen(
                        [*worker, str(folder), str(number), str(most)],
                        stdout=log,
                        stderr=log,
                        env=environment,
                        start_new_session=True,
                    )
                )
        yield workers
    finally:
        for each in workers:
            with suppress(ProcessLookupError):
                os.killpg(each.pid, signal.SIGKILL)
            each.wait()


@dataclass
class _Others:
    """How much of the machine other processes used."""

    share: float = 0.0

    @contextmanager
    def watch(self) -> Iterator[None]:
        began, busy, ours = time.monotonic(), _busy(), _children()
        yield
        seconds = max(time.monotonic() - began, 1e-9)
        theirs = (_busy() - busy) - (_children() - ours)
        self.share = min(1.0, max(0.0, theirs / (seconds * (os.cpu_count() or 1))))


def _busy() -> float:
    """Seconds that all cores together worked since the machine started; 0 if not known."""
    with suppress(OSError, ValueError, IndexError):
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        user, nice, system, _, _, irq, softirq = _first(line.split()[1:], 7)
        return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _first(texts: Iterable[str], count: int) -> list[int]:
    return [int(text) for text in texts][:count]


def _children() -> float:
    """Processor seconds of this process and of its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
