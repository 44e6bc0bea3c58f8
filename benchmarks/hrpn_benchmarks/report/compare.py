"""What got faster or slower, smaller or larger, from one report to the next."""

from dataclasses import dataclass

import numpy as np

from hrpn_benchmarks.errors import ReportError
from hrpn_benchmarks.matrix import Cell
from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.report.report import Report

_DRAWS = 2000
_AT_ONCE = 2_000_000  # samples that are drawn at once: 16 MB, and a few times that meanwhile
_COVERAGE = 95.0  # percent
# In these units a larger value is better.
_GAINS = {"px/s", "mm2/s", "patch/s"}


@dataclass(frozen=True)
class Change:
    """One measure of one cell in two reports.

    Attributes:
        cell: in both reports.
        measure: its name.
        ratio: median now / before; of a throughput before / now, so that more is always worse.
        low, high: interval of 95 % of the ratio.
    """

    cell: Cell
    measure: str
    ratio: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves out 1: no change."""
        return not self.low <= 1 <= self.high

    def describe(self) -> str:
        """One line."""
        word = "worse" if self.ratio > 1 else "better"
        found = word if self.is_certain else "within the noise"
        return (
            f"{self.cell.title}: {self.measure} {self.ratio:.3f} times as before "
            f"[{self.low:.3f}, {self.high:.3f}], {found}"
        )


def compare(old: Report, new: Report) -> list[Change]:
    """All measures that both reports have, the worst first.

    One with a sample of 0 has no ratio and is left out: memory that did not grow after loading.

    Raises:
        ReportError: they have no cell in common.
    """
    before = {row.cell.key: row for row in old.rows}
    pairs = [(before[row.cell.key], row) for row in new.rows if row.cell.key in before]
    if not pairs:
        raise ReportError("the two reports have no cell in common, so nothing can be compared")
    changes = [
        change_of(now.cell, name, then.measures[name], now.measures[name])
        for then, now in pairs
        for name in now.measures
        if name in then.measures
        and min(*then.measures[name].values, *now.measures[name].values) > 0
    ]
    return sorted(changes, key=lambda change: -change.ratio)


def change_of(cell: Cell, measure: str, before: Samples, now: Samples) -> Change:
    """The ratio of two medians, with an interval by bootstrap.

    Whole rounds are drawn, and samples within each: samples of one process are more alike than
    those of two. With one round the interval knows nothing of that, and is too narrow.
    """
    random = np.random.default_rng(0)
    drawn = _medians(now, random) / _medians(before, random)
    ratio = now.median / before.median
    if now.unit in _GAINS:
        drawn, ratio = 1 / drawn, 1 / ratio
    rest = (100 - _COVERAGE) / 2
    low, high = np.percentile(drawn, [rest, 100 - rest])
    return Change(cell, measure, ratio, float(low), float(high))


def _medians(samples: Samples, random: np.random.Generator) -> np.ndarray:
    """Medians (draws,) of samples drawn with replacement."""
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
    """Medians (count,) of draws from rounds (rounds, longest) of these lengths."""
    chosen = random.integers(len(padded), size=(count, len(padded)))
    long = lengths[chosen][..., None]
    places = (random.random((*chosen.shape, padded.shape[1])) * long).astype(int)
    values = padded[chosen[..., None], places]
    values[np.arange(padded.shape[1]) >= long] = np.inf  # a shorter round gives fewer samples
    ordered = np.sort(values.reshape(count, -1), axis=1)
    total, draws = lengths[chosen].sum(axis=1), np.arange(count)
    return (ordered[draws, (total - 1) // 2] + ordered[draws, total // 2]) / 2
