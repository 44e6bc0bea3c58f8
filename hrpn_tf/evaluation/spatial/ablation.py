"""The contribution of an input: the increase in error when it is removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.evaluation.bootstrap import Groups, SlideSums, difference, interval
from hrpn_tf.evaluation.moments import Moments


@dataclass(frozen=True)
class Ablation:
    """The predictions of all slides with one input removed.

    Attributes:
        role: the input.
        how: "mean" or "shuffle".
        description: what was done, in words.
        whole, ablated: moments of the pixels that count of each slide, of the prediction as it is
            and of that without the input.
        groups: the group (animal) of each slide.
    """

    role: str
    how: str
    description: str
    whole: tuple[Moments, ...]
    ablated: tuple[Moments, ...]
    groups: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values: errors and the change, with intervals over groups."""
        before, after, groups = sums_of(self.whole), sums_of(self.ablated), Groups.of(self.groups)
        return {
            "input": self.role,
            "how": self.how,
            "description": self.description,
            "mse": interval(before.mse, groups).to_json(),
            "mse_without": interval(after.mse, groups).to_json(),
            "r2": interval(before.r2, groups).to_json(),
            "r2_without": interval(after.r2, groups).to_json(),
            "change": difference(after, before, groups).to_json(),
            "intervals": groups.describe(),
            "resampled": groups.what,
        }


def sums_of(slides: Sequence[Moments]) -> SlideSums:
    """The sums of each slide that pooled metrics are computed from."""
    return SlideSums(
        pixels=np.array([float(m.count) for m in slides]),
        squared_error=np.array([float(m.squared_error) for m in slides]),
        true_mean=np.array([float(m.mean_true) for m in slides]),
        true_sd=np.array([float(np.sqrt(m.square_true / max(m.count, 1))) for m in slides]),
    )
