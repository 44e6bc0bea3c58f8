"""Positive pixels and nuclei: their number and their distance to vessels."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hrpn_tf.evaluation.bootstrap import defined
from hrpn_tf.evaluation.spatial.resampling import Clusters

Figure = Callable[[np.ndarray], np.ndarray]


def positive_distances(sums: np.ndarray, clusters: Clusters) -> dict[str, Any]:
    """Mean distance of positive pixels to the nearest vessel.

    Args:
        sums: (clusters, 4): pixels and sum of distances, um, measured then predicted.
        clusters: what the bootstrap draws.

    Returns:
        pixels, measured and predicted; mean distances, their difference, um, with intervals.
    """
    total = sums.sum(axis=0)
    return {
        "true_pixels": int(total[0]),
        "pred_pixels": int(total[2]),
        "true_um": estimate_of(sums, clusters, lambda s: s[:, 1] / s[:, 0]),
        "pred_um": estimate_of(sums, clusters, lambda s: s[:, 3] / s[:, 2]),
        "difference_um": estimate_of(
            sums, clusters, lambda s: s[:, 3] / s[:, 2] - s[:, 1] / s[:, 0]
        ),
    }  # fmt: skip


def nuclei_shares(sums: np.ndarray, clusters: Clusters) -> dict[str, Any]:
    """How many nuclei are positive, and whether the same ones are.

    Args:
        sums: (clusters, 4) nuclei that are neither, only predicted, only measured, both positive.
        clusters: what the bootstrap draws.

    Returns:
        count, the four numbers, shares and Cohen's kappa (1960), with intervals.
    """
    neither, only_pred, only_true, both = (int(n) for n in sums.sum(axis=0))
    return {
        "count": neither + only_pred + only_true + both,
        "both_positive": both,
        "only_true_positive": only_true,
        "only_pred_positive": only_pred,
        "true_share": estimate_of(sums, clusters, lambda s: (s[:, 2] + s[:, 3]) / s.sum(axis=1)),
        "pred_share": estimate_of(sums, clusters, lambda s: (s[:, 1] + s[:, 3]) / s.sum(axis=1)),
        "sensitivity": estimate_of(sums, clusters, lambda s: s[:, 3] / (s[:, 2] + s[:, 3])),
        "specificity": estimate_of(sums, clusters, lambda s: s[:, 0] / (s[:, 0] + s[:, 1])),
        "kappa": estimate_of(sums, clusters, _kappa),
    }


def _kappa(sums: np.ndarray) -> np.ndarray:
    share = sums / sums.sum(axis=1, keepdims=True)
    observed = share[:, 0] + share[:, 3]
    true, pred = share[:, 2] + share[:, 3], share[:, 1] + share[:, 3]
    expected = true * pred + (1 - true) * (1 - pred)
    kappa: np.ndarray = (observed - expected) / (1 - expected)
    return kappa


def estimate_of(sums: np.ndarray, clusters: Clusters, figure: Figure) -> dict[str, Any]:
    """A metric of all clusters together, with its interval over resamples of the clusters.

    Args:
        sums: (clusters, n) that add up over clusters.
        clusters: what the bootstrap draws.
        figure: metric of sums (resamples, n); (resamples,).

    Returns:
        value and interval, None where undefined, and why ("unresolved").
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(figure(sums.sum(axis=0, keepdims=True))[0])
        drawn = figure(clusters.counts @ sums)
    if not np.isfinite(value):
        return {"value": None, "interval": None, "unresolved": "there are none"}
    bounds, reason = clusters.interval(defined(drawn), np.any(sums, axis=1))
    return {
        "value": value,
        "interval": None if bounds is None else list(bounds),
        "unresolved": reason,
    }
