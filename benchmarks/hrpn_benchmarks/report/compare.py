"""Compare two reports: what became faster or slower, smaller or larger."""

from dataclasses import dataclass

import numpy as np

from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.errors import ReportError
from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.report.report import Report

_DRAWS = 2000
_AT_ONCE = 2_000_000  # samples drawn at once: 16 MB, and a few copies of that
_COVERAGE = 95.0  # percent
# Units in which a larger value is better.
_GAINS = {"px/s", "mm2/s", "patch/s", "1/s"}


@dataclass(frozen=True)
class Change:
    """One measure of one case in two reports.

    Attributes:
        case: case of both reports.
        measure: name of the measure.
        ratio: median now / before; for a throughput before / now, so that more is always worse.
        low, high: 95 % interval of the ratio.
    """

    case: BenchmarkCase
    measure: str
    ratio: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the interval excludes 1, which means no change."""
        return not self.low <= 1 <= self.high

    def describe(self) -> str:
        """The change in one line."""
        word = "worse" if self.ratio > 1 else "better"
        found = word if self.is_certain else "within the noise"
        return (
            f"{self.case.title}: {self.measure} {self.ratio:.3f} times as before "
            f"[{self.low:.3f}, {self.high:.3f}], {found}"
        )


def compare(old: Report, new: Report) -> list[Change]:
    """Compare all measures that two reports share.

    A measure with a sample of 0, such as memory that did not grow after loading, has no ratio and
    is left out.

    Args:
        old, new: reports of the same or similar plans.

    Returns:
        The changes, the worst first.

    Raises:
        ReportError: the reports have no case in common.

    Example:
        ``worse = [c for c in compare(read_report(old), read_report(new)) if c.low > 1.1]``
    """
    before = {row.case.key: row for row in old.rows}
    pairs = [(before[row.case.key], row) for row in new.rows if row.case.key in before]
    if not pairs:
        raise ReportError("the two reports have no case in common, so they cannot be compared")
    changes = [
        change_of(now.case, name, then.measures[name], now.measures[name])
        for then, now in pairs
        for name in now.measures
        if name in then.measures
        and min(*then.measures[name].values, *now.measures[name].values) > 0
    ]
    return sorted(changes, key=lambda change: -change.ratio)


def change_of(case: BenchmarkCase, measure: str, before: Samples, now: Samples) -> Change:
    """The ratio of two medians, with a bootstrap interval.

    Rounds are drawn first, then samples within each, because samples of one process resemble each
    other more than samples of two. With a single round the interval is therefore too narrow.

    Args:
        case: case of the samples.
        measure: name of the measure.
        before, now: samples in the same unit.
    """
    random = np.random.default_rng(0)
    drawn = _medians(now, random) / _medians(before, random)
    ratio = now.median / before.median
    if now.unit in _GAINS:
        drawn, ratio = 1 / drawn, 1 / ratio
    rest = (100 - _COVERAGE) / 2
    low, high = np.percentile(drawn, [rest, 100 - rest])
    return Change(case, measure, ratio, float(low), float(high))


def interval_of(samples: Samples) -> tuple[float, float] | None:
    """The 95 % interval of a median, drawn as in :func:`change_of`; None for a single round.

    Samples of one process resemble each other, so one process says nothing of the next.
    """
    if len(samples.rounds) < 2:
        return None
    rest = (100 - _COVERAGE) / 2
    drawn = _medians(samples, np.random.default_rng(0))
    low, high = np.percentile(drawn, [rest, 100 - rest])
    return float(low), float(high)


def _medians(samples: Samples, random: np.random.Generator) -> np.ndarray:
    """Medians of samples drawn with replacement, shape (draws,)."""
    rounds = samples.by_round()
    lengths = np.array([len(each) for each in rounds])
    padded = np.zeros((len(rounds), lengths.max()))
    for row, each in zip(padded, rounds, strict=True):
        row[: len(each)] = each
    at_once = max(1, _AT_ONCE // padded.size)
    counts = [min(at_once, _DRAWS - start) for start in range(0, _DRAWS, at_once)]
    return np.concatenate([_drawn(padded, lengths, count, random) for count in counts])


def _drawn(
    padded: np.ndarray, lengths: np.ndarray, count: int, random: np.random.Generator
) -> np.ndarray:
    """Medians of draws, shape (count,), from rounds (rounds, longest) of the given lengths."""
    chosen = random.integers(len(padded), size=(count, len(padded)))
    long = lengths[chosen][..., None]
    places = (random.random((*chosen.shape, padded.shape[1])) * long).astype(int)
    values = padded[chosen[..., None], places]
    values[np.arange(padded.shape[1]) >= long] = np.inf  # a shorter round gives fewer samples
    ordered = np.sort(values.reshape(count, -1), axis=1)
    total, draws = lengths[chosen].sum(axis=1), np.arange(count)
    return (ordered[draws, (total - 1) // 2] + ordered[draws, total // 2]) / 2
