"""What coverage so many calibration groups can guarantee, and how it varies between calibrations.

With K exchangeable groups, conformal prediction keeps the weight 1 / (K + 1) for the next group
(``hrpn_tf.evaluation.intervals.conformal``), so that at most K / (K + 1) can be guaranteed.

The guarantee is a mean over calibrations. The coverage that one calibration has follows the law
Beta(k, K + 1 - k) with k = ceil(coverage (K + 1)) (Vovk 2012, *Conditional validity of inductive
conformal predictors*, section 2), if each group has one score: one pixel of each, or pixels that
are all alike. Groups with many different pixels vary less.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from hrpn_tf.evaluation.intervals.conformal import guaranteed, needed_groups

LEVELS = (0.8, 0.9, 0.95)
COUNTS = (2, 4, 6, 9, 12, 19, 30, 40, 60, 100)
LIKELY = 0.9  # of calibrations have a coverage between the stated bounds
SHORTFALL = 0.05
_MOST = 10_000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class CoverageOutlook:
    """What so many calibration groups give.

    Attributes:
        groups: how many calibrate.
        coverage: nominal.
        highest: largest coverage that so many can guarantee.
        guaranteed: least expected coverage in a new group: the nominal one where it can be
            guaranteed, else that of ``calibrate --no-guarantee``.
        quantile: of the scores, that the intervals reach to; None where the nominal coverage cannot
            be guaranteed.
        low, high: between these the coverage of 90 % of all calibrations lies; see
            :func:`coverage_of_group_scores`. None where it cannot be guaranteed.
    """

    groups: int
    coverage: float
    highest: float
    guaranteed: float
    quantile: float | None
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return dict(vars(self))


def coverage_outlook(groups: int, coverage: float) -> CoverageOutlook:
    """What so many calibration groups give.

    Args:
        groups: at least 1.
        coverage: nominal, between 0 and 1.

    Example:
        >>> found = coverage_outlook(9, 0.9)
        >>> found.highest, found.guaranteed, found.quantile, coverage_outlook(8, 0.9).quantile
        (0.9, 0.9, 1.0, None)
    """
    can = groups >= needed_groups(coverage)
    low = high = None
    if can:
        law = coverage_of_group_scores(groups, coverage)
        low, high = (float(law.ppf(p)) for p in ((1 - LIKELY) / 2, (1 + LIKELY) / 2))
    return CoverageOutlook(
        groups,
        coverage,
        groups / (groups + 1),
        guaranteed(coverage, groups, can),
        min(coverage * (groups + 1) / groups, 1.0) if can else None,
        low,
        high,
    )


def coverage_of_group_scores(groups: int | np.ndarray, coverage: float) -> Any:
    """The law of the coverage that one calibration has, if each group has one score.

    Args:
        groups: at least as many as the coverage needs; a number or an array.
        coverage: nominal.

    Returns:
        A frozen distribution of ``scipy.stats``; of the shape of ``groups``.

    Example:
        >>> round(float(coverage_of_group_scores(19, 0.9).mean()), 3)
        0.9
    """
    place = np.ceil(coverage * (groups + 1) - _ROUNDING)
    return stats.beta(place, groups + 1 - place)


def groups_for(coverage: float, shortfall: float = SHORTFALL) -> int | None:
    """The least number of groups with which 95 % of calibrations miss a coverage by little.

    Args:
        coverage: nominal.
        shortfall: a coverage that is lower by this is still accepted.

    Returns:
        None if it is more than 10 000.

    Example:
        >>> groups_for(0.9) >= 9
        True
    """
    groups = np.arange(needed_groups(coverage), _MOST + 1)
    reached = coverage_of_group_scores(groups, coverage).ppf((1 - LIKELY) / 2)
    enough = np.flatnonzero(reached >= coverage - shortfall)
    return int(groups[enough[0]]) if len(enough) else None
