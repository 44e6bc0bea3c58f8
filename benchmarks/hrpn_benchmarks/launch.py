"""Measure a case once: start its processes, wait for them, merge their results."""

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

from hrpn_export.cgroup import memory_available

from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.machine.memory_limit import (
    amount,
    ended_by_kernel,
    kernel_kills,
    out_of_memory,
)
from hrpn_benchmarks.measures import Measured, Samples, Strict

_POLL_INTERVAL = 0.02  # s


class Round(Strict):
    """One round of a case.

    Attributes:
        measured: the result; None if the round failed.
        failure: the reason, in one line; None if the round succeeded.
        others: share of the machine's cores that other processes used during the round.
    """

    measured: Measured | None = None
    failure: str | None = None
    others: float = 0.0


def measure_apart(case: BenchmarkCase, timeout: float) -> Round:
    """Measure a case once, in fresh processes.

    Args:
        case: what to measure.
        timeout: limit for the whole round, s.

    Returns:
        The measurements, or the reason why there are none; a failing process is no exception.
    """
    with tempfile.TemporaryDirectory(prefix="hrpn-benchmark-") as name:
        folder, others = Path(name), _Others()
        (folder / "case.json").write_text(case.model_dump_json(), encoding="utf-8")
        with others.watch():
            failure = _run(folder, case, timeout)
        if failure is not None:
            return Round(failure=failure, others=others.share)
        parts = [
            Measured.model_validate_json((folder / f"{n}.json").read_text(encoding="utf-8"))
            for n in range(case.processes)
        ]
        return Round(measured=put_together(parts), others=others.share)


def put_together(parts: Sequence[Measured]) -> Measured:
    """Merge the results of several processes that ran at the same time.

    Latencies are pooled; bytes and speeds add up. Every process reads the same energy counter of
    the processor or GPU, so the energy of a run is that counter divided by the runs of all.

    Args:
        parts: one result per process, at least one.
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


def _run(folder: Path, case: BenchmarkCase, timeout: float) -> str | None:
    """Run the workers to their end; give the reason of a failure in one line, or None."""
    available, kills = memory_available(), kernel_kills()
    # GPU drivers reserve far more addresses than there is memory, so no limit can be set for them
    most = available // case.processes if available and case.device == "cpu" else 0
    with _workers(folder, case.processes, most) as workers:
        end = time.monotonic() + timeout
        while any(each.poll() is None for each in workers):
            if any(each.poll() for each in workers):
                break  # the other processes would wait for this one forever
            if time.monotonic() > end:
                return f"no answer within {timeout:g} s"
            time.sleep(_POLL_INTERVAL)
        ended = [(each.poll(), number) for number, each in enumerate(workers)]
    for code, number in ended:
        if code:
            log = (folder / f"{number}.log").read_text("utf-8", errors="replace").strip()
            if code == -signal.SIGKILL:
                return ended_by_kernel(kills, available)
            return out_of_memory(log, most or available) or _last_words(log, code, most)
    return None


def _last_words(log: str, code: int, most: int) -> str:
    """Why a process ended, in one line."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    last = log.splitlines()[-1] if log else f"exit code {code}"
    if log and " " in last:
        return last
    # out of memory, LiteRT gives nothing but "RuntimeError"
    return f"{last}, and no reason given{amount(most or None)}"


@contextmanager
def _workers(folder: Path, processes: int, most: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start processes, each the leader of a process group; end the groups with the block.

    Args:
        folder: folder of the round, with ``case.json``.
        processes: number of processes.
        most: memory limit of each, bytes; 0 for no limit.
    """
    # makes CUDA number GPUs as NVML does
    environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **os.environ}
    workers = []
    try:
        for number in range(processes):
            with (folder / f"{number}.log").open("wb") as log:
                # -P: no module of the working folder takes the place of a library's
                worker = [sys.executable, "-P", "-m", "hrpn_benchmarks.worker"]
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
    """Share of the machine that other processes used, 0 to 1."""

    share: float = 0.0

    @contextmanager
    def watch(self) -> Iterator[None]:
        began, busy, ours = time.monotonic(), _busy(), _children()
        yield
        seconds = max(time.monotonic() - began, 1e-9)
        theirs = (_busy() - busy) - (_children() - ours)
        self.share = min(1.0, max(0.0, theirs / (seconds * (os.cpu_count() or 1))))


def _busy() -> float:
    """Busy time of all cores since the machine started, s; 0 if unknown."""
    with suppress(OSError, ValueError, IndexError):
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        user, nice, system, _, _, irq, softirq = _first(line.split()[1:], 7)
        return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _first(texts: Iterable[str], count: int) -> list[int]:
    return [int(text) for text in texts][:count]


def _children() -> float:
    """Processor time of this process and of its finished children, s."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
