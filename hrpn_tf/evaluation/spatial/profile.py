"""Mean intensity by distance to the nearest vessel, with bands and penetration depths."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.evaluation.bootstrap import FEWEST
from hrpn_tf.evaluation.spatial.bins import Bins
from hrpn_tf.evaluation.spatial.limits import Limits
from hrpn_tf.evaluation.spatial.penetration import (
    DEPTHS,
    Background,
    Penetration,
    choose_background,
    penetration,
)
from hrpn_tf.evaluation.spatial.resampling import Clusters

FEWEST_PIXELS = 50  # bins with fewer say too little
_TRUE, _PRED = 1, 2  # places of their sums


@dataclass(frozen=True)
class ProfileCurve:
    """One profile with its band, and its depths with their intervals.

    Attributes:
        mean, low, high: (bins,) grey levels; the bounds are None where the clusters are too few.
        metrics: name (background, wall, decay, depths): value, interval, and why they are missing
            ("unresolved"); of a length that is out of reach, its bound ("below_um", "above_um");
            of an interval that ends out of reach, None and the bound ("high_above_um").
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
    pixels = _pixels_by_bin(sums, distance_sums, bins, clusters)
    if background == "auto" and pixels.closed.sum() >= 3:
        measured = pixels.mean(_TRUE)[pixels.closed]
        background = choose_background(pixels.closed_um, measured, pixels.count[pixels.closed])
    reach = float(pixels.closed_um[-1]) if pixels.closed.any() else 0.0
    limits = Limits(bins.width_um, reach, clusters, filled=np.any(sums[..., 0], axis=1))
    true, pred = (_curve(pixels, kind, limits, background) for kind in (_TRUE, _PRED))
    return DistanceProfile(
        lower_um=pixels.lower_um[pixels.used],
        upper_um=pixels.upper_um[pixels.used],
        distance_um=pixels.distance_um[pixels.used],
        pixels=pixels.count[pixels.used],
        true=true.curve,
        pred=pred.curve,
        difference=_difference(true, pred, limits),
        background=background,
        undefined=_why_undefined(true.curve, int(pixels.closed.sum())),
    )


@dataclass(frozen=True)
class _PixelsByBin:
    """The pixels of all clusters, by bin.

    Attributes:
        lower_um, upper_um, distance_um: (bins,), see ``DistanceProfile``.
        total: (bins, 3 or more), see ``make_profile``.
        drawn: (resamples, bins, 3 or more), the same of each resample; None for no bootstrap.
        used: (bins,) bool, which hold enough pixels.
        closed: (bins,) bool, those among them that are neither vessel nor open.
    """

    lower_um: np.ndarray
    upper_um: np.ndarray
    distance_um: np.ndarray
    total: np.ndarray
    drawn: np.ndarray | None
    used: np.ndarray
    closed: np.ndarray

    @property
    def count(self) -> np.ndarray:
        """Number of pixels of each bin."""
        count: np.ndarray = self.total[:, 0]
        return count

    @property
    def closed_um(self) -> np.ndarray:
        """The distance of each closed bin."""
        return self.distance_um[self.closed]

    def mean(self, kind: int) -> np.ndarray:
        """(bins,) mean value; not finite where there is no pixel."""
        return _per_pixel(self.total, kind)

    def lines(self, kind: int) -> np.ndarray | None:
        """(resamples, bins) mean values of each resample; None for no bootstrap."""
        return None if self.drawn is None else _per_pixel(self.drawn, kind)


def _per_pixel(sums: np.ndarray, kind: int) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        means: np.ndarray = sums[..., kind] / sums[..., 0]
    return means


def _pixels_by_bin(
    sums: np.ndarray, distance_sums: np.ndarray, bins: Bins, clusters: Clusters | None
) -> _PixelsByBin:
    """Add up the clusters, and their resamples; arguments as of :func:`make_profile`."""
    total = sums.sum(axis=0)
    drawn = None if clusters is None else np.tensordot(clusters.counts, sums, axes=1)
    lower, upper = bins.edges_um()
    with np.errstate(invalid="ignore"):
        distance = np.where(np.isfinite(upper), distance_sums / total[:, 0], lower)
    used = total[:, 0] >= FEWEST_PIXELS
    closed = used & (np.arange(bins.count) > 0) & np.isfinite(upper)
    return _PixelsByBin(lower, upper, distance, total, drawn, used, closed)


@dataclass(frozen=True)
class _Resampled:
    """A curve, and its metrics in each resample; none without a bootstrap."""

    curve: ProfileCurve
    metrics: dict[str, np.ndarray]


def _curve(pixels: _PixelsByBin, kind: int, limits: Limits, background: Background) -> _Resampled:
    """The curve of the true or of the predicted values."""
    mean, lines, closed = pixels.mean(kind), pixels.lines(kind), pixels.closed
    low, high = None, None
    if lines is not None and limits.filled.sum() >= FEWEST:
        low, high = np.nanpercentile(lines[:, pixels.used], [2.5, 97.5], axis=0)
    values, resampled = _metrics_of(
        pixels.closed_um,
        mean[None, closed],
        None if lines is None else lines[:, closed],
        pixels.count[closed],
        background,
    )
    metrics = {n: limits.metric(n, float(values[n][0]), resampled.get(n)) for n in values}
    return _Resampled(ProfileCurve(mean[pixels.used], low, high, metrics), resampled)


def _difference(true: _Resampled, pred: _Resampled, limits: Limits) -> dict[str, dict[str, Any]]:
    """Name of a depth: predicted minus true."""
    return {
        name: limits.difference(
            true.curve.metrics[name],
            pred.curve.metrics[name],
            (true.metrics[name], pred.metrics[name]) if name in true.metrics else None,
        )
        for name in DEPTHS
    }


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
