"""A benchmark case: one model in one format, under one scenario, launched in one way."""

import hashlib

from hrpn_benchmarks.measures import Strict


class BenchmarkCase(Strict):
    """One row of a report, in the form that is sent to the process that measures it.

    Attributes:
        model: name of the network in the bundle, or of the baseline implementation.
        bundle: absolute path; empty for a baseline implementation.
        peer: ``module:function`` that opens a session of a baseline implementation; empty for a
            bundle.
        format, precision, runtime, device: describe the session.
        scenario: what is measured, by name.
        side: side of a tile, a slide or a training patch, px; a multiple of the stride multiple.
        batch: training patches per step; 1 in other scenarios.
        threads: threads of the runtime.
        processes: number of processes that run the scenario at the same time.
        seconds: minimum time of measuring.
        uncertified: whether a format that missed its limit may be opened.
        bound: longest 99th percentile of the latencies in the scenario ``server``, s.
    """

    model: str
    bundle: str
    format: str
    precision: str
    runtime: str
    device: str
    scenario: str
    side: int
    threads: int
    seconds: float
    peer: str = ""
    batch: int = 1
    processes: int = 1
    uncertified: bool = False
    bound: float = 0.5

    @property
    def key(self) -> str:
        """Identifies the case in any report, whatever the bundle's path and the measuring time."""
        fields = self.model_dump(exclude={"bundle", "seconds", "uncertified", "bound"})
        text = "|".join(f"{name}={value}" for name, value in sorted(fields.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """A description in one line."""
        processes = f", {self.processes} processes" if self.processes > 1 else ""
        return (
            f"{self.model} {self.format} {self.precision} ({self.runtime}), {self.scenario}, "
            f"{self.side} px, {self.threads} threads{processes}, {self.device}"
        )
