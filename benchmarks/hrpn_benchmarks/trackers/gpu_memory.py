"""GPU memory that this process holds, as reported by NVML."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from hrpn_benchmarks.errors import InstrumentError
from hrpn_benchmarks.machine.nvml import handle_of, is_gpu, library
from hrpn_benchmarks.measures import Measured, Samples

# Sampling interval, s. The memory pools of runtimes grow during warm-up and do not shrink, so this
# misses nothing; sampling more often would affect the latency.
_INTERVAL = 0.02
PEAK, STEADY = "peak GPU memory", "steady GPU memory"


@dataclass
class GpuMemory:
    """GPU memory of this process within ``with memory.watch():``.

    Attributes:
        device: device of the session; on ``cpu`` there is nothing to measure.
        peak: largest memory seen, bytes.
        steady: memory held at the end, bytes.
        problem: why they are unknown; None if they are known.
    """

    device: str
    peak: int = 0
    steady: int = 0
    problem: str | None = None

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Sample the memory from a thread, and once more at the end."""
        if not is_gpu(self.device):
            yield
            return
        with suppress(InstrumentError), library():
            pass  # import it before anything is timed; the thread reports a failure
        over = threading.Event()
        thread = threading.Thread(target=self._sample, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        self._finish()

    @property
    def measured(self) -> Measured:
        """Both measures, or the reason why there are none."""
        if not is_gpu(self.device):
            return Measured(measures={})
        if self.problem is not None:
            return Measured(measures={}, unavailable=dict.fromkeys((PEAK, STEADY), self.problem))
        values = {PEAK: self.peak, STEADY: self.steady}
        return Measured(
            measures={name: Samples(unit="byte", values=(n,)) for name, n in values.items()}
        )

    def _sample(self, over: threading.Event) -> None:
        try:
            with library() as nvml:
                handle = handle_of(nvml, self.device)
                while not over.wait(_INTERVAL):
                    self.peak = max(
                        self.peak, _held(nvml.nvmlDeviceGetComputeRunningProcesses(handle))
                    )
        except InstrumentError as error:
            self.problem = str(error)

    def _finish(self) -> None:
        if self.problem is not None:
            return
        try:
            with library() as nvml:
                handle = handle_of(nvml, self.device)
                self.steady = _held(nvml.nvmlDeviceGetComputeRunningProcesses(handle))
        except InstrumentError as error:
            self.problem = str(error)
            return
        self.peak = max(self.peak, self.steady)
        if self.steady == 0:
            self.problem = (
                f"NVML does not list process {os.getpid()} on {self.device}: it is not there, or "
                "a container hides its number (run it with --pid=host)"
            )


def _held(processes: list[object]) -> int:
    """Memory of this process on a GPU, bytes; 0 if it does not use the GPU.

    Raises:
        InstrumentError: NVML does not report the memory of the process.
    """
    own = [each for each in processes if getattr(each, "pid", None) == os.getpid()]
    held = [getattr(each, "usedGpuMemory", None) for each in own]
    if None in held:
        raise InstrumentError("NVML lists this process, but not how much memory it holds")
    return sum(count for count in held if count is not None)
