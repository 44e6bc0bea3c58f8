"""Split conformal calibration whose unit is the group of slides, not the pixel.

Pixels of one slide resemble each other, so they are not exchangeable with those of another slide.
Slides of different animals are. Hierarchical conformal prediction (Dunn, Wasserman, Ramdas 2022,
JASA 118:2491; Lee, Barber, Willett 2023, arXiv:2306.06342) gives each of K groups the weight
1 / (K + 1), and the last 1 / (K + 1) to an infinite score. Each band of the predicted intensity is
calibrated separately (Vovk 2012, "Conditional validity of inductive conformal predictors").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hrpn_tf.errors import CalibrationSlidesError
from hrpn_tf.evaluation.intervals.scores import UPPER, SlideScores

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Correction:
    """The factors that spreads are multiplied by.

    Attributes:
        edges: between bands of the predicted intensity, grey levels.
        factors: of each band, one more than edges.
        groups: how many calibrate each band.
        guaranteed: least expected coverage of each band in a new group.
    """

    edges: tuple[float, ...]
    factors: tuple[float, ...]
    groups: tuple[int, ...]
    guaranteed: tuple[float, ...]


def needed_groups(coverage: float) -> int:
    """The least number of groups that can guarantee a coverage.

    >>> [needed_groups(level) for level in (0.5, 0.8, 0.9, 0.95)]
    [1, 4, 9, 19]
    """
    return max(1, math.ceil(coverage / (1 - coverage) - _ROUNDING))


def guaranteed(coverage: float, groups: int, guarantee: bool) -> float:
    """Least expected share of a new group's pixels that is covered, if groups are exchangeable.

    Args:
        coverage: nominal.
        groups: that calibrate.
        guarantee: whether one group's weight was kept for the new one; without, the quantile is
            that of a lower nominal coverage with it.
    """
    return coverage if guarantee else coverage * groups / (groups + 1)


def correct(
    slides: Sequence[SlideScores], edges: Sequence[float], coverage: float, guarantee: bool
) -> Correction:
    """The factors that give intervals their coverage.

    A band with pixels of too few groups is merged with the band below it; the lowest band is merged
    with the one above.

    Args:
        slides: scores of the calibration slides by the bands between ``edges``.
        edges: grey levels.
        coverage: nominal.
        guarantee: see :func:`guaranteed`.

    Raises:
        CalibrationSlidesError: fewer groups than the coverage needs (says how many), or targets
            that no factor reaches.
    """
    needed = needed_groups(coverage) if guarantee else 1
    total = len({slide.group for slide in slides})
    if total < needed:
        raise CalibrationSlidesError(too_few(total, needed, coverage))
    bands = [[band] for band in range(len(edges) + 1)]
    while len(bands) > 1:
        weak = [i for i, band in enumerate(bands) if len(_shares(slides, band)) < needed]
        if not weak:
            break
        at = max(weak[-1], 1)
        bands[at - 1 : at + 1] = [bands[at - 1] + bands[at]]
    shares = [_shares(slides, band) for band in bands]
    factors = [_factor(each, coverage, guarantee) for each in shares]
    if not all(map(math.isfinite, factors)):
        raise CalibrationSlidesError(
            "the calibration slides hold targets that no interval reaches (below 0 grey levels, "
            "or millions of times farther off than predicted); check their target channel"
        )
    return Correction(
        edges=tuple(float(edges[band[0] - 1]) for band in bands[1:]),
        factors=tuple(factors),
        groups=tuple(map(len, shares)),
        guaranteed=tuple(guaranteed(coverage, len(each), guarantee) for each in shares),
    )


def too_few(there: int, needed: int, coverage: float) -> str:
    """The error for fewer groups than a coverage needs."""
    highest = there / (there + 1)
    lower = (
        f"lower --coverage to {math.floor(1000 * highest) / 1000:g}, or " if highest >= 0.5 else ""
    )
    return (
        f"a coverage of {coverage:g} needs {needed} calibration groups (animals, or slides where "
        f"each is a group), and there are {there}: name {needed - there} more, {lower}give "
        "--no-guarantee"
    )


def threshold(shares: np.ndarray, level: float) -> float:
    """Upper end of the first bin up to which the mean share over groups reaches ``level``.

    Args:
        shares: (groups, bins), each row of sum 1.
        level: infinite result above 1.
    """
    reached = np.cumsum(shares.mean(axis=0))
    place = np.searchsorted(reached, level - _ROUNDING, side="left")
    return float(UPPER[place]) if place < len(UPPER) else math.inf


def _factor(shares: np.ndarray, coverage: float, guarantee: bool) -> float:
    groups = len(shares)
    return threshold(shares, coverage * (groups + 1) / groups if guarantee else coverage)


def _shares(slides: Sequence[SlideScores], band: Sequence[int]) -> np.ndarray:
    """(groups, bins): of each group with pixels in a band the mean over its slides of shares."""
    found: dict[str, list[np.ndarray]] = {}
    for slide in slides:
        counts = slide.counts[list(band)].sum(axis=0)
        if pixels := counts.sum():
            found.setdefault(slide.group, []).append(counts / pixels)
    rows = [np.mean(each, axis=0) for each in found.values()]
    return np.stack(rows) if rows else np.zeros((0, len(UPPER)))
