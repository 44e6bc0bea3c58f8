"""Penetration depth: the distance over which the excess at the vessel wall falls."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Background = float | Literal["auto", "fit", "far"]

SHORTEST, LONGEST, STEPS = 0.5, 2.0, 400  # decay lengths tried, of a bin and of the farthest bin
FAR_SHARE = 0.01  # of the pixels outside vessels that give the background
EXPONENTIAL = 0.995  # share of a profile's variance that the fit of an exponential explains
DEPTHS = {"depth_1_e": float(np.exp(-1)), "depth_10_percent": 0.1}


@dataclass(frozen=True)
class Penetration:
    """How the excess over the background falls with the distance.

    Attributes:
        background: grey level far from vessels.
        wall: excess at the wall, extrapolated from the two nearest bins, grey levels.
        decay_um: length of the exponential that fits the profile best.
        depths_um: name: distance at which the excess falls to a share of that at the wall, um;
            infinite if it does not within the profile, NaN without an excess.
    """

    background: np.ndarray
    wall: np.ndarray
    decay_um: np.ndarray
    depths_um: dict[str, np.ndarray]


def penetration(
    distance_um: np.ndarray, means: np.ndarray, pixels: np.ndarray, background: Background
) -> Penetration:
    """Penetration depths of profiles, each result (profiles,) float64, NaN where undefined.

    Args:
        distance_um: (bins,) mean distance of the pixels of each bin, rising, > 0.
        means: (profiles, bins) mean intensity, grey levels.
        pixels: (bins,) how many there are, the weights of the fit.
        background: grey level, or how to find it; see ``choose_background`` for "auto".

    The exponential b + a exp(-d / length) is fitted by weighted least squares, over lengths on a
    logarithmic grid with a and, unless it is known, b in closed form. Depths do not come from the
    fit: they are read off the profile, of which the logarithm of the excess is interpolated
    linearly between bins.
    """
    if background == "fit":
        decay, base, _ = fit_exponential(distance_um, means, pixels)
    else:
        far = _far_mean(means, pixels)
        base = far if background == "far" else np.full(len(means), float(background))
        decay = _fit_length(distance_um, means - base[:, None], pixels)
    excess = means - base[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        step = distance_um[0] / (distance_um[1] - distance_um[0])
        wall = excess[:, 0] * (excess[:, 0] / excess[:, 1]) ** step
    # gone within the second bin, it cannot be extrapolated and is that of the first
    wall = np.where(excess[:, 1] > 0, wall, excess[:, 0])
    wall = np.where(excess[:, 0] > 0, wall, np.nan)
    depths = {name: _crossing(distance_um, excess, wall, share) for name, share in DEPTHS.items()}
    return Penetration(base, wall, decay, depths)


def choose_background(
    distance_um: np.ndarray, mean: np.ndarray, pixels: np.ndarray
) -> Literal["fit", "far"]:
    """How to find the background of a measured profile (bins,), and of the predicted one beside it.

    The offset of an exponential is exact where the profile is one, even if there is still an
    excess at the farthest pixels; where it is none, as between vessels that differ, the offset is
    extrapolated and means nothing, and the mean of the farthest pixels is all that is known.
    """
    decay, _, explained = fit_exponential(distance_um, mean[None], pixels)
    farthest = float(distance_um[_far(pixels)][0])
    return "fit" if explained[0] >= EXPONENTIAL and decay[0] <= farthest else "far"


def fit_exponential(
    distance: np.ndarray, means: np.ndarray, pixels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Length, offset, and explained share of the variance, of the best falling exponentials.

    Arguments as of ``penetration``. Length NaN, offset the least mean, and 0 where none falls.
    """
    weights = pixels / pixels.sum()
    centred = means - (means @ weights)[:, None]
    lengths, shapes = _shapes(distance)
    centred_shapes = shapes - (shapes @ weights)[:, None]
    cross = centred @ (weights * centred_shapes).T  # (profiles, lengths)
    amplitude = cross / (weights * centred_shapes**2).sum(axis=1)
    explained = np.where(amplitude > 0, cross * amplitude, -np.inf)
    best, row = explained.argmax(axis=1), np.arange(len(means))
    falls = amplitude[row, best] > 0
    offset = means @ weights - amplitude[row, best] * (shapes @ weights)[best]
    variance = np.maximum((weights * centred**2).sum(axis=1), np.finfo(float).tiny)
    return (
        np.where(falls, lengths[best], np.nan),
        np.where(falls, offset, means.min(axis=1)),
        np.where(falls, explained[row, best] / variance, 0.0),
    )


def _fit_length(distance: np.ndarray, excess: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Length of the best exponential of each excess (profiles, bins), NaN where none falls."""
    weights = pixels / pixels.sum()
    lengths, shapes = _shapes(distance)
    cross = excess @ (weights * shapes).T
    explained = np.where(cross > 0, cross**2 / (weights * shapes**2).sum(axis=1), -np.inf)
    best = explained.argmax(axis=1)
    return np.where(cross[np.arange(len(excess)), best] > 0, lengths[best], np.nan)


def _shapes(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths that are tried, and the exponential of each; (lengths,), (lengths, bins)."""
    shortest = SHORTEST * (distance[1] - distance[0])
    lengths = np.geomspace(shortest, LONGEST * distance[-1], STEPS)
    return lengths, np.exp(-distance[None, :] / lengths[:, None])


def _far(pixels: np.ndarray) -> np.ndarray:
    """The bins that hold the farthest hundredth of the pixels; (bins,) bool."""
    beyond = np.cumsum(pixels[::-1])[::-1] - pixels  # pixels farther than each bin
    return beyond < FAR_SHARE * pixels.sum()


def _far_mean(means: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    far = _far(pixels)
    mean: np.ndarray = means[:, far] @ pixels[far] / pixels[far].sum()
    return mean


def _crossing(
    distance: np.ndarray, excess: np.ndarray, wall: np.ndarray, share: float
) -> np.ndarray:
    """Where each profile first falls to a share of the excess at the wall."""
    level = share * wall
    with np.errstate(invalid="ignore"):
        below = excess <= level[:, None]
    k, row = below.argmax(axis=1), np.arange(len(excess))
    inner = np.maximum(k - 1, 0)
    near = np.where(k == 0, 0.0, distance[inner])
    high = np.where(k == 0, wall, excess[row, inner])
    low = excess[row, k]
    with np.errstate(divide="ignore", invalid="ignore"):
        by_log = np.log(high / level) / np.log(high / low)
        part = np.where(low > 0, by_log, (high - level) / (high - low))  # or gone within this bin
    found = near + part * (distance[k] - near)
    found = np.where(below.any(axis=1), found, np.inf)
    return np.where(np.isfinite(wall), found, np.nan)
