"""The processes that simulate slides beside a training."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from hrpn_tf.data.simulated import SlidePlan, is_made, work_folder
from hrpn_tf.errors import RunBusyError, SimulationFailedError
from hrpn_tf.files import held_folder, remove
from hrpn_tf.text import printable
from hrpn_tf.workflows.streaming import worker

_GRACE_S = 10.0
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Producers:
    """Processes that make the missing slides of a plan; a context that ends with them.

    Each slide is made by one of them, or by a process of another training on the same dataset. They
    end with this process, however it ends.
    """

    def __init__(self, dataset: Path, plan: SlidePlan, processes: int, keep: bool) -> None:
        """Nothing is started yet."""
        self._dataset, self._plan, self._processes, self._keep = dataset, plan, processes, keep
        self._running: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []

    def __enter__(self) -> Self:
        missing = sum(not is_made(self._dataset, slide.name) for slide in self._plan.slides)
        with ExitStack() as stack:
            stack.push(self.__exit__)  # if one cannot be started, the others end
            for _ in range(min(self._processes, missing)):
                self._running.append(self._start())
            stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for process, _ in self._running:
            if process.stdin is not None:
                process.stdin.close()
            process.terminate()
        for process, errors in self._running:
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            errors.close()
        self._clear()

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that were started."""
        return [process.pid for process, _ in self._running]

    def check(self) -> None:
        """Raise if slides are missing that no process makes.

        Raises:
            SimulationFailedError: a process failed; says why.
        """
        for process, errors in self._running:
            if code := process.poll():
                raise SimulationFailedError(f"{self._dataset}: {_reason(code, errors)}")
        if all(process.poll() == 0 for process, _ in self._running):
            gone = [s.name for s in self._plan.slides if not is_made(self._dataset, s.name)]
            if gone:
                raise SimulationFailedError(
                    f"{self._dataset}: {gone[0]} was removed while the network was trained; run "
                    "the same command again to have it made again"
                )

    def _start(self) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process has ended
        arguments = worker.arguments(self._dataset, self._plan, self._keep)
        process = subprocess.Popen(
            # -P: no module of the working folder takes the place of a library's
            [sys.executable, "-P", "-m", worker.__name__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, **_ONE_THREAD},
            start_new_session=True,  # Ctrl-C comes to the training, which ends them
        )
        return process, errors

    def _clear(self) -> None:
        """Remove what was being made, unless another training makes it."""
        for slide in self._plan.slides:
            folder = work_folder(self._dataset, slide.name)
            if folder.is_dir():
                with suppress(RunBusyError), held_folder(folder):
                    remove(folder)


def _reason(code: int, errors: IO[bytes]) -> str:
    """Why a process ended, in one line, and what to do."""
    again = "run the same command again to go on"
    if code < 0:
        return f"a process that simulates slides was ended by {signal.Signals(-code).name}; {again}"
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip().splitlines()
    return f"simulating a slide failed: {printable(said[-1] if said else f'exit code {code}')}"
