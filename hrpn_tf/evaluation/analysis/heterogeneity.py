"""Heterogeneity between the sub-areas of a slide: spread, spatial autocorrelation, hot spots."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

FEWEST_AREAS = 9
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True)
class Moran:
    """Moran's I and its null, by which values are permuted over the places.

    Attributes:
        i: the statistic; None where values do not vary or places are too few.
        expected, sd: of the null.
        p: two-sided, by the normal approximation.
    """

    i: float | None
    expected: float | None = None
    sd: float | None = None
    p: float | None = None

    @property
    def z(self) -> float | None:
        """Standard deviations of the null above what it expects."""
        if self.i is None or self.expected is None or not self.sd:
            return None
        return (self.i - self.expected) / self.sd


@dataclass(frozen=True)
class HotSpots:
    """Getis and Ord's Gi* of each place.

    Attributes:
        z: (n,) standard scores, NaN where undefined.
        q: (n,) two-sided p-values, corrected for their number.
    """

    z: np.ndarray
    q: np.ndarray

    @property
    def kind(self) -> np.ndarray:
        """(n,) int: 1 hot, -1 cold, 0 neither, at a false discovery rate of 5 %."""
        with np.errstate(invalid="ignore"):
            found: np.ndarray = np.where(self.q <= FALSE_DISCOVERIES, np.sign(self.z), 0)
        return found.astype(int)


def neighbours(row: np.ndarray, column: np.ndarray) -> sparse.csr_array:
    """Which squares of a grid touch, at an edge or a corner; (n, n) of 0 and 1.

    Args:
        row, column: (n,) place of each square, no two alike.
    """
    width = int(column.max()) + 3 if len(column) else 1
    place = (row.astype(np.int64) + 1) * width + column + 1
    order = np.argsort(place)
    known = place[order]
    pairs = []
    for step in (1, width - 1, width, width + 1):
        at = np.minimum(np.searchsorted(known, place + step), len(known) - 1)
        there = known[at] == place + step if len(known) else np.zeros(0, bool)
        pairs.append(np.stack([np.flatnonzero(there), order[at[there]]]))
    one, other = np.concatenate(pairs, axis=1)
    ones = np.ones(2 * len(one))
    where = (np.concatenate([one, other]), np.concatenate([other, one]))
    return sparse.csr_array(sparse.coo_array((ones, where), shape=(len(place), len(place))))


def moran(values: np.ndarray, touching: sparse.csr_array) -> Moran:
    """Moran's I of values at places.

    Each place has the mean of its neighbours beside it (weights are standardised by row), as in
    PySAL and squidpy. Moments of the null: Cliff and Ord (1981), Spatial Processes, section 2.3,
    under randomisation. Places without a neighbour are left out.

    Args:
        values: (n,).
        touching: see :func:`neighbours`.
    """
    degree = np.asarray(touching.sum(axis=1)).ravel()
    kept = degree > 0
    values, n = values[kept], int(kept.sum())
    off = values - values.mean() if n else values
    square = float(off @ off)
    if n < FEWEST_AREAS or square <= 1e-12 * n * float(np.abs(values).max()) ** 2:
        return Moran(None)
    w = sparse.csr_array(sparse.diags_array(1 / degree[kept]) @ touching[kept][:, kept])
    s0 = float(w.sum())
    both = w + w.T
    s1 = float((both**2).sum()) / 2
    s2 = float(((np.asarray(w.sum(axis=1)).ravel() + np.asarray(w.sum(axis=0)).ravel()) ** 2).sum())
    i = n / s0 * float(off @ (w @ off)) / square
    kurtosis = n * float((off**4).sum()) / square**2
    expected = -1 / (n - 1)
    first = n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    second = kurtosis * ((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
    variance = (first - second) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - expected**2
    sd = float(np.sqrt(max(variance, 0.0)))
    p = float(2 * stats.norm.sf(abs(i - expected) / sd)) if sd else None
    return Moran(i, expected, sd, p)


def hot_spots(values: np.ndarray, touching: sparse.csr_array) -> HotSpots:
    """Places that have, with their neighbours, more or less than the slide.

    Source: Getis and Ord (1992), Geographical Analysis 24:189, and Ord and Getis (1995), ibid.
    27:286, equation 14 (Gi*, weights of 0 and 1, the place itself among its neighbours).

    Args:
        values: (n,).
        touching: see :func:`neighbours`.
    """
    n = len(values)
    nothing = HotSpots(np.full(n, np.nan), np.full(n, np.nan))
    if n < FEWEST_AREAS or not values.std() > 1e-9 * max(float(np.abs(values).max()), 1e-300):
        return nothing
    count = np.asarray(touching.sum(axis=1)).ravel() + 1
    total = touching @ values + values
    spread = values.std() * np.sqrt((n * count - count**2) / (n - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(spread > 0, (total - values.mean() * count) / spread, np.nan)
    known = np.isfinite(z)
    q = np.full(n, np.nan)
    q[known] = stats.false_discovery_control(2 * stats.norm.sf(np.abs(z[known])))
    return HotSpots(z, q)
