"""How far the measure of a predicted slide may lie from that of the measured one.

Split conformal prediction whose unit is the group: see
:mod:`hrpn_tf.evaluation.intervals.conformal` for the sources.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hrpn_tf.evaluation.intervals.conformal import needed_groups


@dataclass(frozen=True)
class Margin:
    """The margin of one measure.

    Attributes:
        value: in the unit of the measure; None where the groups are too few, or the measured value
            of too many of them is out of reach.
        groups: with this measure, measured and predicted.
        needed: groups that the coverage takes.
        beyond: groups with a measured value that is out of reach.
    """

    value: float | None
    groups: int
    needed: int
    beyond: int = 0

    @property
    def missing(self) -> str:
        """Why there is no margin, or ""."""
        if self.value is not None:
            return ""
        if self.groups >= self.needed:
            return f"out of reach on {self.beyond} of {self.groups} held-back groups"
        return f"{self.groups} held-back groups with it; the coverage takes {self.needed}"


def margin(errors: Mapping[str, Sequence[float]], coverage: float) -> Margin:
    """The margin that covers a new group with at least this probability.

    The score of a group is its largest absolute error, so that all slides of a new group are
    covered together. The groups must not have trained the network, and must be exchangeable with
    the new one.

    Args:
        errors: group: predicted minus measured, of each of its slides; see :func:`error_of`.
        coverage: nominal.

    Example:
        >>> margin({str(n): [float(n)] for n in range(9)}, 0.9).value
        8.0
    """
    scores = sorted(max(abs(each) for each in group) for group in errors.values() if len(group))
    needed, beyond = needed_groups(coverage), sum(map(math.isinf, scores))
    if len(scores) < needed:
        return Margin(None, len(scores), needed, beyond)
    rank = math.ceil((len(scores) + 1) * coverage - 1e-9)
    found = scores[rank - 1]
    return Margin(found if math.isfinite(found) else None, len(scores), needed, beyond)


def error_of(predicted: Mapping[str, Any], measured: Mapping[str, Any]) -> float | None:
    """Predicted minus measured value of a measure; None where either does not exist.

    A measured length beyond the profile exists, and nothing bounds the error; of one below the bin
    width, 0 is the farthest that it can be. Without them, a margin would be of the easy animals.

    Args:
        predicted, measured: estimates, see ``SlideAnalysis.values``.

    Example:
        >>> error_of({"value": 20.0}, {"value": None, "above_um": 90.0})
        -inf
    """
    value, true = predicted["value"], measured["value"]
    if true is None and "above_um" in measured:
        true = math.inf
    if true is None and "below_um" in measured:
        true = 0.0
    return None if value is None or true is None else float(value - true)
