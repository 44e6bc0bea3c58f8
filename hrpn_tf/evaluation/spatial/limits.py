"""What a profile can resolve of a length: neither one within a bin nor one beyond the profile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.evaluation.bootstrap import LOWER, UPPER, defined, percentile
from hrpn_tf.evaluation.spatial.ends import ABOVE, BELOW
from hrpn_tf.evaluation.spatial.penetration import DEPTHS, LONGEST
from hrpn_tf.evaluation.spatial.resampling import Clusters

_NEARLY = 1 - 1e-6  # of a length, which is that length but for rounding


@dataclass(frozen=True)
class Limits:
    """What a profile can resolve.

    Attributes:
        shortest_um: the width of a bin; a shorter length cannot be told from none.
        reach_um: distance of the farthest closed bin.
        clusters: of the bootstrap; None for no intervals.
        filled: (clusters,) bool, which hold pixels.
    """

    shortest_um: float
    reach_um: float
    clusters: Clusters | None
    filled: np.ndarray

    def metric(self, name: str, value: float, resampled: np.ndarray | None) -> dict[str, Any]:
        """A metric of a curve as plain values; see ``ProfileCurve``.

        A length below the width of a bin has no value; the end of an interval there is 0. One that
        is not within the profile has none either; the end of an interval there is above it.
        """
        length = name in DEPTHS or name == "decay_um"
        longest = LONGEST * self.reach_um if name == "decay_um" else self.reach_um
        most = None
        if np.isnan(value):
            return _missing("there is no excess that falls")
        if length and value < self.shortest_um:
            reason = f"below the bin width of {self.shortest_um:g} um"
            return {**_missing(reason), "below_um": self.shortest_um}
        if length and value >= longest * _NEARLY:
            return {**_missing(f"not within {longest:.4g} um"), "above_um": longest}
        if length and resampled is not None:
            resampled = np.where(resampled < self.shortest_um, 0.0, resampled)
            resampled, most = _within(resampled, longest)
        elif resampled is not None:
            resampled = defined(resampled)
        return self._with_interval(value, resampled, most)

    def difference(
        self,
        true: Mapping[str, Any],
        pred: Mapping[str, Any],
        resampled: tuple[np.ndarray, np.ndarray] | None,
    ) -> dict[str, Any]:
        """Predicted minus true, if both are resolved; of the resamples: true, predicted."""
        for title, found in (("measured", true), ("predicted", pred)):
            if found["value"] is None:
                return _missing(f"{title}: {found['unresolved']}")
        least = most = None
        if resampled is not None:
            (true_least, true_most), (pred_least, pred_most) = (
                _within(lengths, self.reach_um) for lengths in resampled
            )
            least, most = pred_least - true_most, pred_most - true_least
        return self._with_interval(pred["value"] - true["value"], least, most)

    def _with_interval(
        self, value: float, least: np.ndarray | None, most: np.ndarray | None
    ) -> dict[str, Any]:
        """A value, and the interval of resamples that lie between bounds; None: both are alike."""
        bounds, reason = None, "one cluster: no bootstrap"
        if self.clusters is not None and least is not None:
            bounds, reason = self.clusters.interval(least, self.filled, most)
        found: dict[str, Any] = {"value": float(value), "interval": None, "unresolved": reason}
        if bounds is None or least is None:
            return found
        found["interval"] = [end if np.isfinite(end) else None for end in bounds]
        if np.isinf(bounds[1]):
            found[ABOVE] = percentile(least, UPPER)
        if np.isinf(bounds[0]) and most is not None:
            found[BELOW] = percentile(most, LOWER)
        return found


def _within(lengths: np.ndarray, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Between what lengths lie, um: of those that are out of reach is only known that they are."""
    beyond = lengths >= longest * _NEARLY
    return np.where(beyond, longest, lengths), np.where(beyond, np.inf, lengths)


def _missing(reason: str) -> dict[str, Any]:
    return {"value": None, "interval": None, "unresolved": reason}
