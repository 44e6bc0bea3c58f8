"""Mean intensity by distance to the nearest vessel, with bands and penetration depths."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.evaluation.bootstrap import FEWEST
from hrpn_tf.evaluation.spatial.penetration import (
    DEPTHS,
    LONGEST,
    Background,
    Penetration,
    choose_background,
    penetration,
)
from hrpn_tf.evaluation.spatial.resampling import Clusters

FEWEST_PIXELS = 50  # bins with fewer say too little


@dataclass(frozen=True)
class Bins:
    """Bins of distance: 0 is vessel, i holds ((i - 1) width, i width], the last one all beyond.

    Attributes:
        width_um: of each.
        count: of all, the first and the last among them.
    """

    width_um: float
    count: int

    def index(self, distance_um: np.ndarray) -> np.ndarray:
        """The bin of each distance; infinity goes to the last."""
        bins = np.ceil(np.minimum(distance_um / self.width_um, self.count - 1.0) - 1e-9)
        return bins.astype(np.intp)

    def edges_um(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper edge of each bin, um; the last upper edge is infinite."""
        upper = np.arange(self.count) * self.width_um
        lower = np.maximum(upper - self.width_um, 0)
        return lower, np.where(np.arange(self.count) == self.count - 1, np.inf, upper)


def make_bins(width_um: float, max_um: float) -> Bins:
    """Bins whose last but one ends at ``max_um``, or just before it."""
    return Bins(width_um, int(np.floor(max_um / width_um + 1e-9)) + 2)


@dataclass(frozen=True)
class ProfileCurve:
    """One profile with its band, and its depths with their intervals.

    Attributes:
        mean, low, high: (bins,) grey levels; the bounds are None where the clusters are too few.
        metrics: name (background, wall, decay, depths): value, interval, and why they are missing
            ("unresolved"); of a length that is out of reach, its bound ("below_um", "above_um").
    """

    mean: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    metrics: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class DistanceProfile:
    """The measured and the predicted profile; arrays over the bins that hold enough pixels.

    Attributes:
        lower_um, upper_um: edges of the bins; 0 and 0 for vessels.
        distance_um: mean distance of their pixels; the open bin has its lower edge.
        pixels: how many.
        true, pred: the curves.
        difference: depth name: predicted minus true, with an interval.
        background: how it was found, or the grey level that was given.
        undefined: why there are no depths, or "".
    """

    lower_um: np.ndarray
    upper_um: np.ndarray
    distance_um: np.ndarray
    pixels: np.ndarray
    true: ProfileCurve
    pred: ProfileCurve
    difference: dict[str, dict[str, Any]]
    background: Background
    undefined: str


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

        A length below the width of a bin has no value; the end of an interval there is 0.
        """
        length = name in DEPTHS or name == "decay_um"
        longest = LONGEST * self.reach_um if name == "decay_um" else self.reach_um
        if np.isnan(value):
            return _missing("there is no excess that falls")
        if length and value < self.shortest_um:
            reason = f"below the bin width of {self.shortest_um:g} um"
            return {**_missing(reason), "below_um": self.shortest_um}
        if length and value >= longest * (1 - 1e-6):
            return {**_missing(f"not within {longest:.4g} um"), "above_um": longest}
        if length and resampled is not None:
            resampled = np.where(resampled < self.shortest_um, 0.0, resampled)
        return self._with_interval(value, resampled)

    def difference(
        self, true: Mapping[str, Any], pred: Mapping[str, Any], resampled: np.ndarray | None
    ) -> dict[str, Any]:
        """Predicted minus true, if both are resolved."""
        for title, found in (("measured", true), ("predicted", pred)):
            if found["value"] is None:
                return _missing(f"{title}: {found['unresolved']}")
        return self._with_interval(pred["value"] - true["value"], resampled)

    def _with_interval(self, value: float, resampled: np.ndarray | None) -> dict[str, Any]:
        bounds, reason = None, "one cluster: no bootstrap"
        if self.clusters is not None and resampled is not None:
            bounds, reason = self.clusters.interval(resampled, self.filled)
        return {
            "value": float(value),
            "interval": None if bounds is None else list(bounds),
            "unresolved": reason,
        }


def _apart(
    pred: Mapping[str, np.ndarray], true: Mapping[str, np.ndarray], name: str
) -> np.ndarray | None:
    """Resampled differences; not finite where either depth is not within the profile."""
    if name not in true:
        return None
    with np.errstate(invalid="ignore"):
        apart: np.ndarray = pred[name] - true[name]
    return apart


def _missing(reason: str) -> dict[str, Any]:
    return {"value": None, "interval": None, "unresolved": reason}


def make_profile(
    sums: np.ndarray,
    distance_sums: np.ndarray,
    bins: Bins,
    clusters: Clusters | None,
    background: Background,
) -> DistanceProfile:
    """The profile of pixels, with intervals over clusters.

    Args:
        sums: (clusters, bins, 3 or more): pixels, sum of true, sum of predicted values.
        distance_sums: (bins,) sum of the distances of all pixels, um; 0 in the open bin.
        bins: of distance.
        clusters: clusters of the bootstrap; None for no intervals.
        background: see ``SpatialConfig``.
    """
    total = sums.sum(axis=0)
    lower, upper = bins.edges_um()
    used = total[:, 0] >= FEWEST_PIXELS
    pixels = total[:, 0]
    with np.errstate(invalid="ignore"):
        distance = np.where(np.isfinite(upper), distance_sums / pixels, lower)
    closed = used & (np.arange(bins.count) > 0) & np.isfinite(upper)
    inner = closed[used]
    drawn = sums if clusters is None else np.tensordot(clusters.counts, sums, axes=1)
    if background == "auto" and inner.sum() >= 3:
        with np.errstate(invalid="ignore"):
            measured = (total[:, 1] / pixels)[closed]
        background = choose_background(distance[closed], measured, pixels[closed])
    filled = np.any(sums[..., 0], axis=1)
    reach = float(distance[closed][-1]) if inner.any() else 0.0
    limits = Limits(bins.width_um, reach, clusters, filled)
    curves, depths = [], []
    for kind in (1, 2):
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (total[:, kind] / pixels)[used]
            lines = drawn[:, used, kind] / drawn[:, used, 0]
        single = mean[None]
        banded = clusters is not None and filled.sum() >= FEWEST
        band = np.nanpercentile(lines, [2.5, 97.5], axis=0) if banded else None
        values, resampled = _metrics_of(
            distance[closed], single[:, inner], None if clusters is None else lines[:, inner],
            pixels[closed], background,
        )  # fmt: skip
        named = {n: limits.metric(n, float(values[n][0]), resampled.get(n)) for n in values}
        low, high = (None, None) if band is None else band
        curves.append(ProfileCurve(mean, low, high, named))
        depths.append((values, resampled))
    true_curve, pred_curve = curves
    difference = {
        name: limits.difference(
            true_curve.metrics[name], pred_curve.metrics[name],
            _apart(depths[1][1], depths[0][1], name),
        )
        for name in DEPTHS
    }  # fmt: skip
    return DistanceProfile(
        lower_um=lower[used],
        upper_um=upper[used],
        distance_um=distance[used],
        pixels=pixels[used],
        true=true_curve,
        pred=pred_curve,
        difference=difference,
        background=background,
        undefined=_why_undefined(true_curve, int(inner.sum())),
    )


def _why_undefined(true: ProfileCurve, bins: int) -> str:
    if bins < 3:
        return "fewer than three bins of distance hold pixels"
    if true.metrics["wall"]["value"] is None:
        return "the measured target does not fall from the vessel wall: there is no excess"
    return ""


def _metrics_of(
    distance: np.ndarray,
    mean: np.ndarray,
    lines: np.ndarray | None,
    pixels: np.ndarray,
    background: Background,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Metrics of the profile and of its resamples."""
    if len(distance) < 3:
        nothing = np.full(1, np.nan)
        return dict.fromkeys(("background", "wall", "decay_um", *DEPTHS), nothing), {}
    found = [_flat(penetration(distance, mean, pixels, background))]
    if lines is not None:
        lines = np.where(np.isfinite(lines), lines, mean)  # a bin without pixels in a resample
        found.append(_flat(penetration(distance, lines, pixels, background)))
    return found[0], found[1] if lines is not None else {}


def _flat(found: Penetration) -> dict[str, np.ndarray]:
    return {
        "background": found.background,
        "wall": found.wall,
        "decay_um": found.decay_um,
        **found.depths_um,
    }
