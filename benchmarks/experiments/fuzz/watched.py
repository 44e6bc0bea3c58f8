"""A worker process that is watched: it is killed when it takes too long or too much memory."""

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.processes import ROOT

CPU_S, WALL_S, PEAK_MB = 10.0, 120.0, 1000.0
_START_S, _POLL_S, _KILL_MB = 300.0, 0.02, 1500.0
_START_MB = 4000.0  # while libraries are loaded and a file is damaged
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Result:
    """What became of one file.

    Attributes:
        kind, number: which it is.
        how: it was damaged.
        outcome: "read", "named" (a named error), or a failure: "traceback", "hang", "memory",
            "signal", "undamaged" (the sample itself cannot be read).
        message: the error, or the traceback.
        cpu_s: CPU time.
        peak_mb: memory above what the process held before.
    """

    kind: str
    number: int
    how: str
    outcome: str
    message: str
    cpu_s: float
    peak_mb: float

    @property
    def failed(self) -> bool:
        """Whether the file did what no file may do."""
        return self.outcome not in ("read", "named")


class Watched:
    """A worker, started when it is first needed and again after it was killed."""

    def __init__(self, made: Path, work: Path, seed: int) -> None:
        self._command = [sys.executable, "-m", "experiments.fuzz.worker", str(made), str(work),
                         str(seed)]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""

    def read(self, kind: str, number: int) -> Result:
        """Have one file read."""
        process = self._started()
        assert process.stdin is not None
        process.stdin.write(f"{kind} {number}\n".encode())
        process.stdin.flush()
        first, why = self._answer(_START_S, watch=False)
        if first is None:
            return self._ended(kind, number, "", why)
        found, why = self._answer(WALL_S, watch=True)
        if found is None:
            return self._ended(kind, number, first["started"], why)
        outcome = found["outcome"]
        if outcome in ("read", "named") and found["peak_mb"] > PEAK_MB:
            outcome = "memory"
        elif outcome in ("read", "named") and found["cpu_s"] > CPU_S:
            outcome = "hang"
        return Result(kind, number, first["started"], outcome, found["message"], found["cpu_s"],
                      found["peak_mb"])  # fmt: skip

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
            quiet = {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "",
                     "OMP_NUM_THREADS": "1"}  # fmt: skip
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env={**os.environ, **quiet}, start_new_session=True,
            )  # fmt: skip
            self._unread = b""
        return self._process

    def _answer(self, limit_s: float, watch: bool) -> tuple[dict[str, Any] | None, str]:
        """The next line of the worker, or None and the outcome that stopped it."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        end = time.monotonic() + limit_s
        cpu, held = self._usage()
        while b"\n" not in self._unread:
            if select.select([process.stdout], [], [], _POLL_S)[0]:
                piece = os.read(process.stdout.fileno(), 1 << 16)
                if not piece:
                    return None, f"signal {-process.wait()}"
                self._unread += piece
                continue
            now_cpu, now_held = self._usage()
            if watch and now_cpu - cpu > CPU_S:
                return None, f"hang {now_cpu - cpu:.0f} s of CPU"
            if now_held - held > (_KILL_MB if watch else _START_MB):
                return None, f"memory {now_held - held:.0f} MB"
            if time.monotonic() > end:
                return None, f"hang {limit_s:.0f} s, {now_cpu - cpu:.1f} s of CPU"
        line, self._unread = self._unread.split(b"\n", 1)
        values: dict[str, Any] = json.loads(line)
        return values, ""

    def _usage(self) -> tuple[float, float]:
        """CPU seconds and MB of the worker."""
        assert self._process is not None
        folder = Path(f"/proc/{self._process.pid}")
        try:
            fields = (folder / "stat").read_text(encoding="ascii", errors="replace")
            times = fields.rsplit(")", 1)[1].split()[11:13]
            pages = (folder / "statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return 0.0, 0.0
        return sum(map(int, times)) / _TICKS, int(pages) * _PAGE_MB

    def _ended(self, kind: str, number: int, how: str, why: str) -> Result:
        cpu, held = self._usage()
        self.close()
        return Result(kind, number, how, why.split()[0], why, cpu, held)
