"""Reports of invented measurements, to test what is made of them."""

from collections.abc import Sequence

from hrpn_benchmarks.machine.environment import this_environment
from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.plan import BenchmarkPlan
from hrpn_benchmarks.report.report import Accuracy, Report, Row

from support.instruments import cell

_TIMES = (0.1, 0.11, 0.3)
_MEGABYTES = (200.0,)


def row(
    model: str = "m",
    *,
    times: Sequence[float] = _TIMES,
    timed: str = "latency",
    more: dict[str, Samples] | None = None,
    mse: float | None = 10.0,
    **changes: object,
) -> Row:
    """A row with times in s; ``changes`` are of the cell, or of the row where it has the name."""
    of_row = {name: changes.pop(name) for name in list(changes) if name in Row.model_fields}
    measures = {
        timed: Samples(unit="s", values=tuple(times)),
        "peak memory": Samples(unit="byte", values=(2e9 * times[0],)),
        "memory growth": Samples(unit="byte", values=(5e7,)),
        **(more or {}),
    }
    found = None
    if mse is not None:
        found = Accuracy(mse=mse, r2=0.7, psnr=40.0, largest=0.01, what="slide")
    made = Row(
        case=cell(model=model, **changes),
        measures=measures,
        failure=None,
        size=10**6,
        accuracy=found,
    )
    return made.model_copy(update=of_row)


def report(*rows: Row) -> Report:
    return Report(environment=this_environment(), plan=BenchmarkPlan(), rows=rows)


def mixed() -> Report:
    """Two networks, two formats, three scenarios, a disturbed row and a failed one."""
    why = {"energy": "no counter of energy can be read"}
    rows = [
        row(
            name, times=[factor * time for time in _TIMES], mse=10 / factor, unavailable=why, **what
        )
        for factor, name in ((1, "small"), (2, "large"))
        for what in ({"format": "onnx"}, {"format": "tflite", "runtime": "litert"})
    ]
    rows[1] = rows[1].model_copy(update={"others": 0.4})
    rows += [row("small", scenario="startup", timed="load", times=(2.0, 2.5))]
    rows += [
        row("small", scenario="scaling", threads=threads, times=(1.2 / threads**0.5,))
        for threads in (1, 2, 4)
    ]
    failed = row("failed", failure="no luck").model_copy(update={"measures": {}, "accuracy": None})
    return report(*rows, failed)
