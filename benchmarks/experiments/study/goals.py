"""The goals of the study: what was measured, and whether it is met."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from experiments.study.certificates import Certificates, entries_of, uncertified
from experiments.study.costs import latency_ratio
from experiments.study.record import Record

GANDA = ("ganda", "ganda-mse")  # two trainings of one graph: they cost the same
Records = Mapping[str, Mapping[str, Sequence[Record]]]  # data set: network: one for each seed


class MissingError(Exception):
    """What a goal needs is not there; the message names it."""


@dataclass(frozen=True)
class Found:
    """What was measured so far.

    Attributes:
        records: of the pieces.
        costs: of the presets; None where they were not measured.
        certificates: of the bundles, by piece.
    """

    records: Records
    costs: Mapping[str, Any] | None = None
    certificates: Certificates = field(default_factory=dict)


@dataclass(frozen=True)
class Goal:
    """A goal.

    Attributes:
        where: title of the data set, or what it is about.
        what: in words.
        measure: gives the measured value.
        limit: that it must reach.
        at_most: whether lower is better.
        digits: of the value.
    """

    where: str
    what: str
    measure: Callable[[Found], float]
    limit: float
    at_most: bool = True
    digits: int = 2

    def row(self, found: Found) -> list[str]:
        """Where, what, the goal, the measured value and the verdict."""
        bound = f"{'at most' if self.at_most else 'at least'} {self.limit:g}"
        try:
            value = self.measure(found)
        except MissingError as reason:
            return [self.where, self.what, bound, "-", f"not measured: {reason}"]
        met = value <= self.limit if self.at_most else value >= self.limit
        verdict = "met" if met else "**missed**"
        return [self.where, self.what, bound, f"{value:.{self.digits}f}", verdict]


def goals() -> Iterator[Goal]:
    """The goals, in the order in which they are shown."""
    real, simulated, cost = "real fields", "simulated slides", "cost"
    yield Goal(real, "R² of `hrpn-m` above that of `ganda-unet`, least of all seeds", _above, 0.02,
               at_most=False, digits=3)  # fmt: skip
    yield Goal(real, "r of `hrpn-m`, both images smoothed, mean over seeds", _smoothed_r, 0.94,
               at_most=False, digits=3)  # fmt: skip
    yield Goal(simulated, "share of the explainable variance, `hrpn-m`", _explained, 0.9,
               at_most=False, digits=3)  # fmt: skip
    for other, limit in (("ganda-unet", 0.8), ("hrpn-published", 0.9), ("hrpn-s", 0.9)):
        measure = _ratio_of("simulated", "hrpn-m", other)
        yield Goal(simulated, f"MSE of `hrpn-m` over that of `{other}`", measure, limit)
    for data, title in (("simulated", simulated), ("dextran", real)):
        what = "standard deviation of the MSE of `hrpn-m` between seeds, %"
        yield Goal(title, what, _spread_of(data), 5, digits=1)
        what = "axis-aligned excess of the error of `hrpn-m` over that of the truth"
        yield Goal(title, what, _excess_of(data), 1.2)
    for runtime, name in (("keras", "Keras"), ("onnxruntime", "ONNX Runtime")):
        what = f"latency of `hrpn-m` over GANDA's, {name}"
        yield Goal(cost, what, _latency_of("hrpn-m", runtime), 0.5)
    for data, title in (("simulated", simulated), ("dextran", real)):
        what = f"training memory of `hrpn-m` over `ganda-unet`'s, {title}"
        yield Goal(cost, what, _memory_of(data), 0.5)
    for data, title in (("simulated", simulated), ("dextran", real)):
        what = f"formats of `hrpn-m` that are not certified, {title}"
        yield Goal(cost, what, _uncertified_of(data), 0, digits=0)
    for data, title in (("simulated", simulated), ("dextran", real)):
        measure = _ratio_of(data, "hrpn-s", "hrpn-m")
        yield Goal(title, "MSE of `hrpn-s` over that of `hrpn-m`", measure, 1.05)
    for runtime, name in (("keras", "Keras"), ("onnxruntime", "ONNX Runtime")):
        what = f"latency of `hrpn-s` over GANDA's, {name}"
        yield Goal(cost, what, _latency_of("hrpn-s", runtime), 0.35)


def mean_mse(records: Sequence[Record]) -> float:
    """Pooled MSE, mean over seeds."""
    return float(np.mean([each.pooled().mse for each in records]))


def _of(records: Records, data: str, network: str) -> Sequence[Record]:
    found = records.get(data, {}).get(network, ())
    if not found:
        raise MissingError(f"no record of {data}/{network}")
    return found


def _above(found: Found) -> float:
    ours, theirs = (_of(found.records, "dextran", name) for name in ("hrpn-m", "ganda-unet"))
    pairs = [(a, b) for a in ours for b in theirs if a.seed == b.seed]
    if not pairs:
        raise MissingError("no seed of both")
    return min(a.pooled().r2 - b.pooled().r2 for a, b in pairs)


def _smoothed_r(found: Found) -> float:
    records = _of(found.records, "dextran", "hrpn-m")
    return float(np.mean([each.pooled("smoothed").r for each in records]))


def _explained(found: Found) -> float:
    shares = [each.explained for each in _of(found.records, "simulated", "hrpn-m")]
    known = [each for each in shares if each is not None]
    if len(known) < len(shares):
        raise MissingError("slides without an error floor")
    return float(np.mean(known))


def _ratio_of(data: str, one: str, other: str) -> Callable[[Found], float]:
    def ratio(found: Found) -> float:
        return mean_mse(_of(found.records, data, one)) / mean_mse(_of(found.records, data, other))

    return ratio


def _spread_of(data: str) -> Callable[[Found], float]:
    def spread(found: Found) -> float:
        errors = [each.pooled().mse for each in _of(found.records, data, "hrpn-m")]
        if len(errors) < 2:
            raise MissingError(f"one seed of {data}/hrpn-m")
        return float(100 * np.std(errors, ddof=1) / np.mean(errors))

    return spread


def _excess_of(data: str) -> Callable[[Found], float]:
    def excess(found: Found) -> float:
        return float(np.mean([each.excess for each in _of(found.records, data, "hrpn-m")]))

    return excess


def _memory_of(data: str) -> Callable[[Found], float]:
    """Of the first seed, as in tables and pictures: it depends on the number of threads."""

    def memory(found: Found) -> float:
        ours, theirs = (
            _of(found.records, data, name)[0].values["training_memory_mb"]
            for name in ("hrpn-m", "ganda-unet")
        )
        return float(ours / theirs)

    return memory


def _latency_of(preset: str, runtime: str) -> Callable[[Found], float]:
    def latency(found: Found) -> float:
        if found.costs is None:
            raise MissingError("no costs.json; run the command costs")
        for name in (preset, *GANDA):
            if name not in found.costs["presets"]:
                raise MissingError(f"no costs of {name}")
        return latency_ratio(found.costs, preset, GANDA, runtime)

    return latency


def _uncertified_of(data: str) -> Callable[[Found], float]:
    def count(found: Found) -> float:
        entries = entries_of(found.certificates, f"{data}/hrpn-m")
        if not entries:
            raise MissingError(f"no certificate of {data}/hrpn-m; run the command certificates")
        return float(len(uncertified(entries)))

    return count
