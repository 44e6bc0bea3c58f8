"""How far the measure of a predicted slide may lie from that of the measured one.

Split conformal prediction whose unit is the group: see
:mod:`hrpn_tf.evaluation.intervals.conformal` for the sources.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hrpn_tf.evaluation.intervals.conformal import needed_groups


@dataclass(frozen=True)
class Margin:
    """The margin of one measure.

    Attributes:
        value: in the unit of the measure; None where the groups are too few.
        groups: with this measure, measured and predicted.
        needed: groups that the coverage takes.
    """

    value: float | None
    groups: int
    needed: int

    @property
    def missing(self) -> str:
        """Why there is no margin, or ""."""
        if self.value is not None:
            return ""
        return f"{self.groups} held-back groups with it; the coverage takes {self.needed}"


def margin(errors: Mapping[str, Sequence[float]], coverage: float) -> Margin:
    """The margin that covers a new group with at least this probability.

    The score of a group is its largest absolute error, so that all slides of a new group are
    covered together. The groups must not have trained the network, and must be exchangeable with
    the new one.

    Args:
        errors: group: predicted minus measured, of each of its slides.
        coverage: nominal.

    Example:
        >>> margin({str(n): [float(n)] for n in range(9)}, 0.9).value
        8.0
    """
    scores = sorted(max(abs(each) for each in group) for group in errors.values() if len(group))
    needed = needed_groups(coverage)
    if len(scores) < needed:
        return Margin(None, len(scores), needed)
    rank = math.ceil((len(scores) + 1) * coverage - 1e-9)
    return Margin(float(np.array(scores)[rank - 1]), len(scores), needed)
