"""Mean intensity by distance to the nearest vessel, with bands and penetration depths."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.evaluation.spatial.penetration import (
    DEPTHS,
    Background,
    Penetration,
    choose_background,
    penetration,
)
from hrpn_tf.evaluation.spatial.resampling import Clusters, percentile_interval

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
        mean, low, high: (bins,) grey levels; the bounds are None without a bootstrap.
        metrics: name (background, wall, decay, depths): value and interval.
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
    curves, depths = [], []
    for kind in (1, 2):
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (total[:, kind] / pixels)[used]
            lines = drawn[:, used, kind] / drawn[:, used, 0]
        single = mean[None]
        band = None if clusters is None else np.nanpercentile(lines, [2.5, 97.5], axis=0)
        values, resampled = _metrics_of(
            distance[closed], single[:, inner], None if clusters is None else lines[:, inner],
            pixels[closed], background,
        )  # fmt: skip
        named = {name: _value(values[name][0], resampled.get(name)) for name in values}
        low, high = (None, None) if band is None else band
        curves.append(ProfileCurve(mean, low, high, named))
        depths.append((values, resampled))
    difference = {
        name: _value(
            depths[1][0][name][0] - depths[0][0][name][0],
            depths[1][1][name] - depths[0][1][name] if name in depths[0][1] else None,
        )
        for name in depths[0][0]
        if name in DEPTHS
    }
    true_curve, pred_curve = curves
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


def _value(value: float, resampled: np.ndarray | None) -> dict[str, Any]:
    bounds = None if resampled is None else percentile_interval(resampled)
    return {
        "value": float(value) if np.isfinite(value) else None,
        "interval": None if bounds is None or not np.isfinite(value) else list(bounds),
    }
