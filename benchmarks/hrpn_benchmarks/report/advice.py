"""Which format to take, in one line: the first of a report."""

import math
from collections.abc import Iterator, Sequence

from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.report.compare import interval_of
from hrpn_benchmarks.report.report import Report, Row

# What users wait for; the first of these that was measured decides.
_WORTH = 1.05  # smaller ratios are not worth a word
_SCENARIOS = ("tile", "throughput", "server")


def advice(report: Report) -> list[str]:
    """For each network the format to take, by the time of a tile; nothing to choose gives no line.

    The fastest format is named. Of those that are as fast within the 95 % intervals of the medians
    it is the one closest to float32. Compared are the rows of the largest tile and the most threads
    that most formats were measured with.

    Args:
        report: of ``run_benchmark``.
    """
    rows = [row for row in report.rows if row.latency is not None and not row.case.peer]
    scenario = next((s for s in _SCENARIOS if any(r.case.scenario == s for r in rows)), None)
    rows = [row for row in rows if row.case.scenario == scenario]
    return [_line(group) for group in _groups(rows) if len(group) > 1]


def _groups(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows of each network that can be compared."""
    for model in dict.fromkeys(row.case.model for row in rows):
        own = [row for row in rows if row.case.model == model]
        places: dict[tuple[int, int, int], list[Row]] = {}
        for row in own:
            case = row.case
            places.setdefault((case.side, case.threads, -case.processes), []).append(row)
        most = max(len(each) for each in places.values())
        yield places[max(place for place, each in places.items() if len(each) == most)]


def _line(rows: Sequence[Row]) -> str:
    fastest = min(rows, key=_median)
    high = _interval(_times(fastest))[1]
    alike = [row for row in rows if _interval(_times(row))[0] <= high]
    chosen = min(alike, key=lambda row: (_apart(row), _median(row)))
    case = chosen.case
    others = [row for row in rows if row is not chosen]
    slowest = max(others, key=_median)
    apart = (
        ""
        if chosen.accuracy is None
        else f", at most {_apart(chosen):.2g} grey levels from float32"
    )
    near = "" if len(alike) == 1 else f", the closest to float32 of {len(alike)} that are as fast"
    threads = f"{case.threads} thread{'s' if case.threads > 1 else ''}"
    ratio = _median(slowest) / _median(chosen)
    than = f"; the slowest, {_name(slowest)}, takes {ratio:.2g} times as long"
    return (
        f"{case.model}: take {_name(chosen)}: {1e3 * _median(chosen):.3g} ms for a tile of "
        f"{case.side} px on {threads}{apart}{near}{than if ratio >= _WORTH else ''}"
    )


def _name(row: Row) -> str:
    return f"{row.case.format} {row.case.precision} ({row.case.runtime})"


def _times(row: Row) -> Samples:
    assert row.latency is not None
    return row.latency


def _median(row: Row) -> float:
    return _times(row).median


def _interval(times: Samples) -> tuple[float, float]:
    return interval_of(times) or (times.median, times.median)


def _apart(row: Row) -> float:
    return math.inf if row.accuracy is None else row.accuracy.largest
