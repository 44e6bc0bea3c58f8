"""Statistics of sampled windows of a slide, by which slides are compared."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np

from hrpn_tf.evaluation.out_of_distribution.noise import noise_level

# Equally many pixels between neighbours, so that the mean difference of two slides' quantiles is
# the Wasserstein-1 distance of their histograms.
QUANTILES = 100
# Largest number of sampled windows, and their side length, px: half a million pixels.
WINDOWS, SIDE = 32, 128
# Windows with so much tissue are full; if there are fewer than a few, others are taken, too.
_FULL, _FEW = 0.95, 8
# Windows whose features are computed together: some megabytes of activations.
_BATCH = 8
# px; lags at which the semivariogram is taken. Structures larger than the last are not told apart.
_LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)

Windows = Sequence[np.ndarray]
Features = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SlideStatistics:
    """The statistics of one slide.

    Attributes:
        quantiles: (C, QUANTILES) float64, rising: grey levels of each input.
        structure_px: (C,) float64: see :func:`structure_size`; NaN for a constant channel.
        features: (W, D) float32, pooled features of the network in each window; None without a
            network.
        windows: number of sampled windows.
        noise: (C,) float64: see ``noise_level``; NaN where it cannot be told; None where it was not
            measured.
    """

    quantiles: np.ndarray
    structure_px: np.ndarray
    features: np.ndarray | None
    windows: int
    noise: np.ndarray | None = None

    @property
    def noise_or_nan(self) -> np.ndarray:
        """(C,) the noise; NaN where it was not measured."""
        return np.full(len(self.structure_px), np.nan) if self.noise is None else self.noise


def describe(
    windows: Windows, features: Features | None = None, resampled: bool = False
) -> SlideStatistics:
    """Measure a slide.

    Args:
        windows: at least one, each (h, w, C) finite grey levels; sizes may differ.
        features: of a batch (N, h, w, C) float32 grey levels to (N, D).
        resampled: whether pixels were averaged or interpolated, which changes their noise: it is
            not measured then.
    """
    channels = windows[0].shape[-1]
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    quantiles = np.empty((channels, QUANTILES))
    structure, noise = np.empty(channels), np.empty(channels)
    for channel in range(channels):
        planes = [window[..., channel].astype(np.float32) for window in windows]
        quantiles[channel] = np.quantile(np.concatenate([p.ravel() for p in planes]), levels)
        structure[channel] = structure_size(planes)
        noise[channel] = np.nan if resampled else noise_level(planes)
    found = None
    if features is not None:
        found = np.concatenate([features(batch) for batch in _batches(windows)])
    return SlideStatistics(quantiles, structure, found, len(windows), noise)


def structure_size(planes: Sequence[np.ndarray]) -> float:
    """Size of the structures that a channel shows: the lag at which pixels decorrelate, px.

    Where the semivariogram of the square roots of the grey levels (on which a gain has no effect
    but a factor) has risen half-way from its value at one pixel, which is mostly noise, to the
    variance (Matheron's range, by its half).

    Args:
        planes: windows (h, w) of one channel.

    Returns:
        1 to 32 px; NaN for a constant channel, or windows too small to tell.
    """
    roots = [np.sqrt(np.maximum(plane, 0)) for plane in planes]
    variance = float(np.mean([root.var(dtype=np.float64) for root in roots]))
    lags = [lag for lag in _LAGS if 2 * lag <= min(min(root.shape) for root in roots)]
    if len(lags) < 2 or variance <= 0:
        return float("nan")
    rises = np.array([np.mean([_semivariance(root, lag) for root in roots]) for lag in lags])
    half = (rises[0] + variance) / 2
    reached = np.flatnonzero(rises >= half)
    if variance <= rises[0]:
        return float(lags[0])
    if not len(reached):
        return float(lags[-1])
    # the first lag is below the half, and between two lags it is interpolated
    after = int(reached[0])
    ends = rises[after - 1 : after + 1]
    return float(np.exp(np.interp(half, ends, np.log(lags[after - 1 : after + 1]))))


def choose_windows(shares: np.ndarray, count: int = WINDOWS) -> np.ndarray:
    """Choose windows that are full of tissue and spread evenly over the slide.

    The empty share of a slide says nothing about its stain, but would change every statistic.

    Args:
        shares: (N,) share of tissue of each window, 0 to 1, in an order that follows the slide.
        count: how many at most.

    Returns:
        Numbers of windows, rising; of those without any tissue only if there are no others.
    """
    full = np.flatnonzero(shares >= _FULL)
    if len(full) >= min(_FEW, count):
        places = np.linspace(0, len(full) - 1, min(count, len(full)))
        return np.asarray(full[places.round().astype(int)])
    best = np.argsort(-shares, kind="stable")[: min(_FEW, count)]
    return np.sort(best[shares[best] > 0] if shares.any() else best)


def _batches(windows: Windows) -> Iterator[np.ndarray]:
    """Neighbours of one size together, (N, h, w, C) float32."""
    for _, same in groupby(windows, key=np.shape):
        while batch := list(islice(same, _BATCH)):
            yield np.stack(batch).astype(np.float32)


def _semivariance(plane: np.ndarray, lag: int) -> float:
    down = np.square(plane[lag:] - plane[:-lag]).mean(dtype=np.float64)
    across = np.square(plane[:, lag:] - plane[:, :-lag]).mean(dtype=np.float64)
    return float(down + across) / 4
