"""Agreement of pairs of values: bias, limits of agreement, Pearson, intraclass correlation.

All metrics follow from six sums over the pairs. So pixels of slides of any size can be added up,
and a bootstrap resample is a weighted sum of the sums of its clusters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from hrpn_tf.evaluation.bootstrap import defined
from hrpn_tf.evaluation.spatial.resampling import Clusters

LIMITS = 1.96  # standard deviations that hold 95 % of normal differences
LEVEL = 0.95
FEWEST = 3  # pairs below which nothing is said
_BOOTSTRAPPED = ("bias", "limit_low", "limit_high", "pearson", "icc2", "icc3")


@dataclass(frozen=True)
class Agreement:
    """Predicted against true values of one kind.

    Attributes:
        count: of pairs.
        values: name: metric, None where it is not defined; see ``pair_metrics``.
        parametric: name: (low, high), 95 %, as if pairs were independent; empty for pixels.
        bootstrap: name: (low, high), 95 %, over clusters of pairs, of metrics that they resolve.
        unresolved: name: why it has no such interval.
        undefined: why metrics are missing, or "".
    """

    count: int
    values: Mapping[str, float | None]
    parametric: Mapping[str, tuple[float, float]]
    bootstrap: Mapping[str, tuple[float, float]]
    unresolved: Mapping[str, str]
    undefined: str

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "count": self.count,
            **self.values,
            "interval_if_independent": {k: list(v) for k, v in self.parametric.items()},
            "interval_bootstrap": {k: list(v) for k, v in self.bootstrap.items()},
            "unresolved": dict(self.unresolved),
            "undefined": self.undefined,
        }


def pair_sums(true: np.ndarray, pred: np.ndarray, cluster: np.ndarray, clusters: int) -> np.ndarray:
    """Sums over the pairs of each cluster: 1, t, p, t^2, p^2, t p; (clusters, 6) float64.

    Args:
        true, pred: (n,) values of one unit.
        cluster: (n,) integer, 0 to ``clusters`` - 1.
        clusters: how many there are.
    """
    true, pred = true.astype(np.float64), pred.astype(np.float64)
    terms = (np.ones_like(true), true, pred, true * true, pred * pred, true * pred)
    return np.stack([np.bincount(cluster, t, clusters) for t in terms], axis=-1)


def pair_metrics(sums: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics of pairs that have these sums.

    Bland and Altman (1986), Lancet 327:307, for bias and limits of agreement; McGraw and Wong
    (1996), Psychological Methods 1:30, for ICC(A,1) and ICC(C,1), which Shrout and Fleiss (1979)
    call ICC(2,1) and ICC(3,1): two raters, the truth and the prediction.

    Args:
        sums: (..., 6) as of ``pair_sums``.

    Returns:
        Name: (...) float64, NaN where it is not defined: true_mean, pred_mean, bias (predicted
        minus true), sd (of differences), limit_low, limit_high, pearson, icc2, icc3.
    """
    ms = _mean_squares(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        sd = np.sqrt(2 * ms.error)
        icc3 = (ms.rows - ms.error) / (ms.rows + ms.error)
        icc2 = (ms.rows - ms.error) / (
            ms.rows + ms.error + 2 / ms.count * (ms.columns - ms.error)
        )  # fmt: skip
        pearson = ms.cross / np.sqrt(ms.var_true * ms.var_pred)
    bias = ms.pred_mean - ms.true_mean
    return {
        "true_mean": ms.true_mean,
        "pred_mean": ms.pred_mean,
        "bias": bias,
        "sd": sd,
        "limit_low": bias - LIMITS * sd,
        "limit_high": bias + LIMITS * sd,
        "pearson": pearson,
        "icc2": icc2,
        "icc3": icc3,
    }


def agreement(sums: np.ndarray, clusters: Clusters | None, independent: bool = True) -> Agreement:
    """All metrics of pairs with their intervals.

    Args:
        sums: (clusters, 6) as of ``pair_sums``; clusters without pairs have zeros.
        clusters: what the bootstrap draws; None for no bootstrap.
        independent: whether to give the parametric intervals, too; for pixels they mean nothing.
    """
    total = sums.sum(axis=0)
    count = round(float(total[0]))
    if count < FEWEST:
        return Agreement(count, {}, {}, {}, {}, f"fewer than {FEWEST} pairs")
    single = {name: float(value) for name, value in pair_metrics(total).items()}
    values = {name: v if np.isfinite(v) else None for name, v in single.items()}
    ms = _mean_squares(total)
    reason = ""
    if not ms.var_true > _nothing(ms.true_mean):
        reason = "the true values are constant: no correlation"
    elif not ms.var_pred > _nothing(ms.pred_mean):
        reason = "the predicted values are constant: no correlation"
    if reason:
        values |= dict.fromkeys(("pearson", "icc2", "icc3"))
    resampled, unresolved = _resampled(sums, values, clusters)
    parametric = _parametric(total, values) if independent else {}
    return Agreement(count, values, parametric, resampled, unresolved, reason)


def _resampled(
    sums: np.ndarray, values: Mapping[str, float | None], clusters: Clusters | None
) -> tuple[dict[str, tuple[float, float]], dict[str, str]]:
    """The intervals over clusters, and why metrics that have a value have none."""
    resampled, unresolved = {}, {}
    drawn = {} if clusters is None else pair_metrics(clusters.counts @ sums)
    for name in (name for name in _BOOTSTRAPPED if values[name] is not None):
        if clusters is None:
            unresolved[name] = "pairs of one slide that have no place on it"
            continue
        bounds, reason = clusters.interval(defined(drawn[name]), sums[:, 0] > 0)
        if bounds is None:
            unresolved[name] = reason
        else:
            resampled[name] = bounds
    return resampled, unresolved


@dataclass(frozen=True)
class _MeanSquares:
    count: np.ndarray
    true_mean: np.ndarray
    pred_mean: np.ndarray
    var_true: np.ndarray
    var_pred: np.ndarray
    cross: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    error: np.ndarray


def _mean_squares(sums: np.ndarray) -> _MeanSquares:
    """Mean squares of the two-way analysis of variance of pairs (n rows, 2 columns)."""
    n, t, p, tt, pp, tp = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_t, mean_p = t / n, p / n
        var_t = np.maximum(tt / n - mean_t**2, 0) * n / (n - 1)
        var_p = np.maximum(pp / n - mean_p**2, 0) * n / (n - 1)
        cross = (tp / n - mean_t * mean_p) * n / (n - 1)
    return _MeanSquares(
        n, mean_t, mean_p, var_t, var_p, cross,
        rows=(var_t + var_p + 2 * cross) / 2,
        columns=n * (mean_p - mean_t) ** 2 / 2,
        error=np.maximum(var_t + var_p - 2 * cross, 0) / 2,
    )  # fmt: skip


def _nothing(mean: np.ndarray) -> float:
    """A variance that is nothing but rounding beside a mean."""
    return float(1e-12 * mean**2)


def _parametric(
    total: np.ndarray, values: Mapping[str, float | None]
) -> dict[str, tuple[float, float]]:
    """Intervals as if pairs were independent and normal."""
    ms, found = _mean_squares(total), {}
    n, sd, bias = float(ms.count), values["sd"], values["bias"]
    assert sd is not None
    assert bias is not None
    t = float(stats.t.ppf((1 + LEVEL) / 2, n - 1))
    if sd <= _nothing(ms.true_mean) ** 0.5:
        return {}  # no pair differs from another: an interval of no width
    found["bias"] = (bias - t * sd / n**0.5, bias + t * sd / n**0.5)
    # Bland and Altman (1999), Statistical Methods in Medical Research 8:135, section 2.1
    width = t * sd * (1 / n + LIMITS**2 / (2 * (n - 1))) ** 0.5
    for name, sign in (("limit_low", -1), ("limit_high", 1)):
        limit = bias + sign * LIMITS * sd
        found[name] = (limit - width, limit + width)
    if values["pearson"] is not None and n > 3 and abs(values["pearson"]) < 1:
        z, step = np.arctanh(values["pearson"]), stats.norm.ppf((1 + LEVEL) / 2) / (n - 3) ** 0.5
        found["pearson"] = (float(np.tanh(z - step)), float(np.tanh(z + step)))
    if values["icc3"] is not None and ms.error > 0:
        found |= {"icc2": _icc2_interval(ms, values["icc2"]), "icc3": _icc3_interval(ms)}
    return found


def _icc3_interval(ms: _MeanSquares) -> tuple[float, float]:
    """McGraw and Wong (1996), table 7, ICC(C,1), k = 2."""
    n, ratio = float(ms.count), float(ms.rows / ms.error)
    quantile = float(stats.f.ppf((1 + LEVEL) / 2, n - 1, n - 1))
    low, high = ratio / quantile, ratio * quantile
    return (low - 1) / (low + 1), (high - 1) / (high + 1)


def _icc2_interval(ms: _MeanSquares, icc: float | None) -> tuple[float, float]:
    """McGraw and Wong (1996), table 7, ICC(A,1), k = 2; degrees of freedom by Satterthwaite."""
    assert icc is not None
    n, k = float(ms.count), 2
    rows, columns, error = float(ms.rows), float(ms.columns), float(ms.error)
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * columns + b * error) ** 2 / (
        (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    )
    upper = float(stats.f.ppf((1 + LEVEL) / 2, n - 1, freedom))
    lower = float(stats.f.ppf((1 + LEVEL) / 2, freedom, n - 1))
    rest = k * columns + (k * n - k - n) * error
    return (
        n * (rows - upper * error) / (upper * rest + n * rows),
        n * (lower * rows - error) / (rest + n * lower * rows),
    )
