"""How an error falls with the number of training groups, with its uncertainty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hrpn_tf.evaluation.bootstrap import FEWEST
from hrpn_tf.evaluation.planning.power_law import PowerLaw, fit_power_law

RESAMPLES = 400
ENDS = (2.5, 97.5)  # per cent, of the intervals
FEWEST_SIZES = 3  # as many as the power law has parameters
# A change of the error by less than this, when the number of groups is doubled, is none.
NEGLIGIBLE = 0.05

Verdict = Literal["falls", "flat", "cannot tell"]


@dataclass(frozen=True)
class Measurement:
    """The error of one training on the groups that are held back.

    Attributes:
        groups: how many groups trained.
        draw: which order of the groups they are the first of, from 1.
        errors: error on each group that is held back, above 0, always in the same order.
    """

    groups: int
    draw: int
    errors: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the groups, each counted once."""
        return float(np.mean(self.errors))


@dataclass(frozen=True)
class Outlook:
    """What a training with so many groups will reach.

    Attributes:
        groups: how many train.
        error: by the curve.
        low, high: 95 % prediction interval of one training, measured on new groups of the same
            kind; None where no interval can be given.
    """

    groups: int
    error: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class LearningCurve:
    """Measured errors, and the power law through them.

    Attributes:
        measured: as given.
        law: fitted to all; None with fewer than three numbers of groups.
        curve: the law over a range of numbers of groups, with the interval of each.
        outlook: for the numbers of groups that were asked for.
        doubling: (low, middle, high) error with twice as many groups as now, divided by the error
            now, by the law; None where no interval can be given.
        verdict: whether more groups help: ``falls`` if the error falls by 5 % or more when the
            groups are doubled, ``flat`` if it does not, ``cannot tell`` if the interval holds both.
        reasons: what limits these statements, a sentence each.
    """

    measured: tuple[Measurement, ...]
    law: PowerLaw | None
    curve: tuple[Outlook, ...]
    outlook: tuple[Outlook, ...]
    doubling: tuple[float, float, float] | None
    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def now(self) -> float:
        """Mean error of the trainings with most groups."""
        most = max(each.groups for each in self.measured)
        return float(np.mean([each.mean for each in self.measured if each.groups == most]))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "law": None if self.law is None else vars(self.law),
            "outlook": [vars(each) for each in self.outlook],
            "doubling": self.doubling,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
        }


def learning_curve(
    measured: Sequence[Measurement], at: Sequence[int], seed: int = 0
) -> LearningCurve:
    """Fit the power law, and measure how much it depends on groups and draws.

    Each of 400 resamples takes the groups that are held back anew, and of each number of groups the
    draws, fits the law again, and adds the scatter of one training. Percentile intervals (Efron and
    Tibshirani 1993, chapter 13). Deviations of resampled means are widened by sqrt(k / (k - 1)),
    since k groups or draws scatter around their own mean by so much less than around the true one.

    Args:
        measured: at least one training; errors are in one unit.
        at: numbers of groups to predict for.
        seed: of the resamples.
    """
    sizes = sorted({each.groups for each in measured})
    reasons = list(_limits(measured, sizes))
    if len(sizes) < FEWEST_SIZES:
        return LearningCurve(tuple(measured), None, (), (), None, "cannot tell", tuple(reasons))
    points = _Points(measured)
    law = fit_power_law(points.groups, points.errors.mean(axis=1))
    wanted = np.array(sorted({*at, *_range(sizes[-1], max(at, default=1))}), float)
    middle = law.at(wanted)
    if points.repeated:
        random = np.random.default_rng(seed)
        laws = [points.resampled_law(random) for _ in range(RESAMPLES)]
        scatter = np.exp(random.choice(points.scatter, RESAMPLES))
        spread = np.stack([each.at(wanted) for each in laws]) * scatter[:, None]
        low, high = np.percentile(spread, ENDS, axis=0)
        ratios = [each.at(2 * sizes[-1]) / each.at(sizes[-1]) for each in laws]
        ends = np.percentile(ratios, ENDS)
        own = float(law.at(2 * sizes[-1]) / law.at(sizes[-1]))
        doubling = float(min(ends[0], own)), own, float(max(ends[1], own))
        found = [
            Outlook(int(n), float(m), float(min(lo, m)), float(max(hi, m)))
            for n, m, lo, hi in zip(wanted, middle, low, high, strict=True)
        ]
    else:
        doubling = None
        found = [Outlook(int(n), float(m), None, None) for n, m in zip(wanted, middle, strict=True)]
    return LearningCurve(
        tuple(measured),
        law,
        tuple(found),
        tuple(each for each in found if each.groups in at),
        doubling,
        _verdict(doubling),
        tuple(reasons),
    )


class _Points:
    """Measurements as arrays, and what resampling takes of them."""

    def __init__(self, measured: Sequence[Measurement]) -> None:
        self.groups = np.array([each.groups for each in measured], float)
        self.errors = np.array([each.errors for each in measured])  # (P, held back)
        self._levels = np.log(self.errors.mean(axis=1))
        self._same: Mapping[float, np.ndarray] = {
            n: np.flatnonzero(self.groups == n) for n in np.unique(self.groups)
        }
        repeated = [where for where in self._same.values() if len(where) > 1]
        self.repeated = bool(repeated)
        deviations = [self._deviations(where) for where in repeated]
        self._pool = np.concatenate(deviations) if deviations else np.zeros(1)
        # A training with more groups than any here scatters at most as those with most do.
        self.scatter = np.concatenate(deviations[-2:]) if deviations else np.zeros(1)

    def _deviations(self, where: np.ndarray) -> np.ndarray:
        """Of the logarithms from their mean, widened."""
        levels = self._levels[where]
        widened: np.ndarray = (levels - levels.mean()) * np.sqrt(len(where) / (len(where) - 1))
        return widened

    def resampled_law(self, random: np.random.Generator) -> PowerLaw:
        held = self.errors.shape[1]
        levels = self._levels
        if held > 1:
            drawn = np.log(self.errors[:, random.integers(held, size=held)].mean(axis=1))
            levels = levels + np.sqrt(held / (held - 1)) * (drawn - levels)
        found = np.empty_like(levels)
        for where in self._same.values():
            pool = self._deviations(where) if len(where) > 1 else self._pool
            found[where] = levels[where].mean() + random.choice(pool, len(where))
        return fit_power_law(self.groups, np.exp(found))


def _range(most: int, wanted: int) -> np.ndarray:
    """Numbers of groups at which the curve is drawn."""
    end = max(4 * most, wanted)
    return np.unique(np.geomspace(1, end, 40).round().astype(int))


def _verdict(doubling: tuple[float, float, float] | None) -> Verdict:
    if doubling is None:
        return "cannot tell"
    low, _, high = doubling
    if high <= 1 - NEGLIGIBLE:
        return "falls"
    return "flat" if low > 1 - NEGLIGIBLE else "cannot tell"


def _limits(measured: Sequence[Measurement], sizes: Sequence[int]) -> list[str]:
    found = []
    if len(sizes) < FEWEST_SIZES:
        found.append(
            f"errors with {len(sizes)} different number(s) of training groups are known, and a "
            f"curve takes {FEWEST_SIZES}"
        )
    counts = [sum(each.groups == n for each in measured) for n in sizes]
    if max(counts) < 2:
        found.append("one draw of each number of groups: nothing tells how much draws differ")
    held = len(measured[0].errors)
    if held == 1:
        found.append(
            "one group is held back: the intervals do not include that other groups may be easier "
            "or harder"
        )
    elif held < FEWEST:
        found.append(
            f"{held} groups are held back: intervals of fewer than {FEWEST} are too narrow"
        )
    return found
