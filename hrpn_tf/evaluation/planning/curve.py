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
        low, high: 95 % prediction interval of the mean error that one training has on new groups
            of the same kind, as many as were held back; None where no interval can be given. With
            one group held back, it is of that group.
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
            now, each of one training, and both measured on the same groups; None where no interval
            can be given.
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

    @property
    def new_groups(self) -> int | None:
        """Number of new groups whose mean error the intervals of the outlook hold, if any do."""
        held = len(self.measured[0].errors)
        return None if held == 1 or self.doubling is None else held

    @property
    def about(self) -> str:
        """What the intervals of the outlook hold, in words; "" where there are none."""
        if self.doubling is None:
            return ""
        if self.new_groups is None:
            return "95 % prediction interval of one training, on the group that is held back"
        return (
            f"95 % prediction interval of one training, mean over {self.new_groups} new groups, as "
            "many as are held back; fewer vary more"
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "law": None if self.law is None else vars(self.law),
            "outlook": [vars(each) for each in self.outlook],
            "interval": self.about,
            "new_groups": self.new_groups,
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
    What groups have in common over all trainings, the level of the curve, is drawn from Student's
    law of the logarithms of their errors in place of a resample, which would be too narrow. With k
    groups held back it has the scale s sqrt(1 / k + 1 / k), s being the standard deviation between
    groups: those that are held back miss the mean of all groups by s sqrt(1 / k), and so do as many
    new ones, on which the prediction comes true.

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
        noise = random.choice(points.scatter, (RESAMPLES, 2))
        ratios = np.array([each.at(2 * sizes[-1]) / each.at(sizes[-1]) for each in laws])
        ratios *= np.exp(noise[:, 0] - noise[:, 1])
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
        # A training with more groups scatters less than these do. Those with most groups are left
        # out where they can be: with all groups, draws differ by their seed alone.
        chosen = deviations[-3:-1] or deviations
        self.scatter = np.concatenate(chosen) if chosen else np.zeros(1)

    def _deviations(self, where: np.ndarray) -> np.ndarray:
        """Of the logarithms from their mean, widened."""
        levels = self._levels[where]
        widened: np.ndarray = (levels - levels.mean()) * np.sqrt(len(where) / (len(where) - 1))
        return widened

    def resampled_law(self, random: np.random.Generator) -> PowerLaw:
        levels = self._levels + self._other_groups(random)
        found = np.empty_like(levels)
        for where in self._same.values():
            pool = self._deviations(where) if len(where) > 1 else self._pool
            found[where] = levels[where].mean() + random.choice(pool, len(where))
        return fit_power_law(self.groups, np.exp(found))

    def _other_groups(self, random: np.random.Generator) -> np.ndarray:
        """What as many other groups would add to the logarithms of the errors, (P,).

        Resampling changes the shape of the curve. Its level follows Student's law: so few groups
        tell little of how much groups differ, and resampling them would show less than that. Both
        those that are held back and the new ones are a sample of all.
        """
        held = self.errors.shape[1]
        if held == 1:
            return np.zeros(len(self.errors))
        drawn = np.log(self.errors[:, random.integers(held, size=held)].mean(axis=1))
        change = drawn - self._levels
        spread = np.log(self.errors).mean(axis=0).std(ddof=1) * np.sqrt(2 / held)
        level = spread * random.standard_t(held - 1)
        shape: np.ndarray = np.sqrt(held / (held - 1)) * (change - change.mean())
        return shape + level


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
            f"{held} groups are held back: they tell little of how much groups differ, so that "
            "intervals are wide"
        )
    return found
