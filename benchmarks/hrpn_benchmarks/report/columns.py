"""The columns of a report: one list for Markdown and for the page."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.measures import Samples, least_samples
from hrpn_benchmarks.report.compare import interval_of
from hrpn_benchmarks.report.report import DISTURBED, Row

Value = str | int | float | None

# Latencies under a load, of which the 99th percentile counts.
LATENCY_AT = "latency at "
# Of these a table in Markdown has no need.
_WIDE = ("memory growth", "steady GPU memory")
# Units of samples: the unit that is shown, and the factor to it.
_UNITS = {
    "s": ("ms", 1e3),
    "byte": ("MB", 1e-6),
    "px/s": ("Mpx/s", 1e-6),
    "mm2/s": ("mm²/s", 1.0),
    "1/s": ("1/s", 1.0),
    "joule": ("J", 1.0),
    "joule/mm2": ("J/mm²", 1.0),
}


@dataclass(frozen=True)
class Column:
    """One column of the tables.

    Attributes:
        key: unique identifier.
        name: heading, with the unit.
        about: explanation in one sentence.
        read: takes a row and gives its value, or None.
        identity: whether the column describes the case, not its measurements.
        optional: whether the column may be left out where all rows have the same value.
        format: format specification of a number.
        wide: whether the column is left out of the tables in Markdown, which must fit a page.
        constant: whether the column has the same value in every scenario of a format.
        interval: takes a row and gives the 95 % interval of the value, or None.
    """

    key: str
    name: str
    about: str
    read: Callable[[Row], Value]
    identity: bool = False
    optional: bool = False
    format: str = ""
    wide: bool = False
    constant: bool = False
    interval: Callable[[Row], tuple[float, float] | None] = lambda row: None

    def cell(self, row: Row) -> str:
        """The value of a row as text, with its interval if it has one."""
        text, found = self.text(self.read(row)), self.interval(row)
        return text if found is None else f"{text} [{', '.join(map(self.text, found))}]"

    def text(self, value: Value) -> str:
        """A value as text; empty if there is none."""
        if value is None or isinstance(value, str | int):
            return "" if value is None else str(value)
        if self.format:
            return format(value, self.format)
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def columns_of(rows: Sequence[Row]) -> list[Column]:
    """The columns that have a value in at least one of the rows."""
    every = (*_IDENTITY, *_TIMES, *_measured(rows), _speed_up(rows), *_CONSTANT)
    return [each for each in every if any(each.read(row) is not None for row in rows)]


def is_disturbed(row: Row) -> bool:
    """Whether other processes used so much of the machine that the row may be too slow."""
    return row.others > DISTURBED


def timed(row: Row) -> str | None:
    """The name of the measure that is a row's latency."""
    return next((name for name, samples in row.measures.items() if samples.unit == "s"), None)


def speed_ups(rows: Iterable[Row]) -> Mapping[str, float]:
    """Speed relative to one thread, by the key of each case of the scenario ``scaling``."""
    scaled = [row for row in rows if row.case.scenario == "scaling" and row.latency is not None]
    alone = {_apart_from_threads(row.case): row for row in scaled if row.case.threads == 1}
    found = {}
    for row in scaled:
        one = alone.get(_apart_from_threads(row.case))
        if one is not None and one.latency is not None and row.latency is not None:
            found[row.case.key] = one.latency.median / row.latency.median
    return found


def unavailable(rows: Sequence[Row]) -> list[str]:
    """What could not be measured and why; each reason appears once."""
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        for pair in row.unavailable.items():
            counts[pair] = counts.get(pair, 0) + 1
    return [
        f"{name}: {reason} ({_share(count, len(rows))})" for (name, reason), count in counts.items()
    ]


def _share(count: int, of: int) -> str:
    return "all rows" if count == of else f"{count} of {of} rows"


def _apart_from_threads(case: BenchmarkCase) -> str:
    return case.model_copy(update={"threads": 1}).key


def _time(
    key: str, name: str, about: str, read: Callable[[Samples], float], wide: bool = False
) -> Column:
    def value(row: Row) -> Value:
        return None if row.latency is None else 1e3 * read(row.latency)

    return Column(key, f"{name}, ms", about, value, wide=wide)


def _median_time() -> Column:
    def interval(row: Row) -> tuple[float, float] | None:
        found = None if row.latency is None else interval_of(row.latency)
        return None if found is None else (1e3 * found[0], 1e3 * found[1])

    about = "Median time, and its 95 % interval over the rounds."
    median = _time("p50", "p50", about, lambda times: times.median)
    return replace(median, interval=interval)


def _percentile(share: int, wide: bool = False) -> Column:
    """A percentile of the times, of rows with enough of them to know it."""
    least = least_samples(share)

    def value(row: Row) -> Value:
        if row.latency is None or len(row.latency.values) < least:
            return None
        return 1e3 * row.latency.percentile(share)

    about = f"{share} % of the times are shorter; shown from {least} times on."
    return Column(f"p{share}", f"p{share}, ms", about, value, wide=wide)


_IDENTITY = (
    Column("model", "network", "Name of the network.", lambda row: row.case.model, True),
    Column(
        "format",
        "format",
        "File format of the network, and the precision of its arithmetic.",
        lambda row: f"{row.case.format} {row.case.precision}",
        True,
    ),
    Column("runtime", "runtime", "Runtime of the network.", lambda row: row.case.runtime, True),
    Column("device", "device", "Device that runs it.", lambda row: row.case.device, True, True),
    Column("scenario", "scenario", "What was measured.", lambda row: row.case.scenario, True),
    Column(
        "side",
        "side, px",
        "Side of a tile, slide or training patch.",
        lambda row: row.case.side,
        True,
    ),
    Column("batch", "batch", "Patches per step.", lambda row: row.case.batch, True, True),
    Column("threads", "threads", "Threads of the runtime.", lambda row: row.case.threads, True),
    Column(
        "processes",
        "processes",
        "Processes that run the scenario at the same time.",
        lambda row: row.case.processes,
        True,
        True,
    ),
    Column("timed", "time of", "What the times measure.", timed, True, True),
)

_TIMES = (
    Column(
        "samples",
        "samples",
        "Number of times measured.",
        lambda row: None if row.latency is None else len(row.latency.values),
        optional=True,
    ),
    _median_time(),
    _percentile(90),
    _percentile(95, wide=True),
    _percentile(99),
    _time("iqr", "IQR", "Interquartile range of the times.", lambda times: times.spread, True),
)


def _measured(rows: Sequence[Row]) -> list[Column]:
    """One column per other measure, by name and unit, in the order of appearance."""
    found = dict.fromkeys(
        (name, samples.unit)
        for row in rows
        for name, samples in row.measures.items()
        if name != timed(row)
    )
    return [_measure(name, unit) for name, unit in found]


def _measure(name: str, unit: str) -> Column:
    shown, factor = _UNITS.get(unit, (unit, 1.0))
    at_load = name.startswith(LATENCY_AT)

    def samples_of(row: Row) -> Samples | None:
        samples = row.measures.get(name)
        if samples is None or samples.unit != unit or name == timed(row):
            return None
        return samples

    def median(row: Row) -> Value:
        samples = samples_of(row)
        return None if samples is None else factor * samples.median

    def worst(row: Row) -> Value:
        samples = samples_of(row)
        if samples is None or len(samples.values) < least_samples(99):
            return None
        return factor * samples.percentile(99)

    key = f"{name} ({unit})"
    if at_load:
        what = name.removeprefix(LATENCY_AT).removesuffix(" load")
        about = (
            f"99 % of the requests at this load are answered in less; from {least_samples(99)} on."
        )
        return Column(key, f"p99 at {what}, {shown}", about, worst)
    about = f"{name[0].upper()}{name[1:]}: the median."
    return Column(key, f"{name}, {shown}", about, median, wide=name in _WIDE)


def _speed_up(rows: Sequence[Row]) -> Column:
    found = speed_ups(rows)
    return Column(
        "speed-up",
        "speed-up",
        "How many times faster than with one thread.",
        lambda row: found.get(row.case.key),
        format=".2f",
    )


def _accuracy(key: str, name: str, about: str, format: str = "", optional: bool = False) -> Column:
    def value(row: Row) -> Value:
        found: Value = None if row.accuracy is None else getattr(row.accuracy, key)
        # a constant truth has no variance to explain
        return None if isinstance(found, float) and not math.isfinite(found) else found

    wide = key in ("r2", "psnr", "what")
    return Column(
        key, name, about, value, optional=optional, format=format, constant=True, wide=wide
    )


_CONSTANT = (
    Column(
        "size",
        "file, MB",
        "Size of the exported file or folder.",
        lambda row: None if row.size is None else row.size / 1e6,
        constant=True,
    ),
    Column(
        "parameters",
        "parameters, M",
        "Trained parameters, in millions.",
        lambda row: None if row.parameters is None else row.parameters / 1e6,
        constant=True,
        optional=True,
    ),
    Column(
        "macs",
        "GMAC",
        "Multiply-accumulate operations for one tile or patch, in units of 10⁹.",
        lambda row: None if row.macs is None else row.macs / 1e9,
        optional=True,
    ),
    _accuracy("mse", "MSE", "Mean squared error against the measured truth.", ".4g"),
    _accuracy("r2", "R²", "Share of the variance explained.", ".3f"),
    _accuracy("psnr", "PSNR, dB", "Peak signal-to-noise ratio.", ".2f"),
    _accuracy(
        "largest", "from float32", "Largest difference from the float32 Keras model, grey levels."
    ),
    _accuracy("what", "accuracy on", "Images that the accuracy was measured on.", "", True),
    Column(
        "others",
        "others, %",
        "Largest share of the machine's cores that other processes used during a round.",
        lambda row: 100 * row.others if row.measures else None,
        wide=True,
        optional=True,
        format=".0f",
    ),
)
