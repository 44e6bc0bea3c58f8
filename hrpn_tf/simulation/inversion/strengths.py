"""From flows through pieces of wall to the strength of each vessel, with an interval."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.simulation.inversion.fit import RIDGE, Fit
from hrpn_tf.simulation.inversion.misfit import Misfit
from hrpn_tf.simulation.inversion.observed import Observed

NORMAL = 1.959964  # half width of a 95 % interval in standard deviations
# Two constants chosen on four simulated slides, none of which is in the benchmark, so that 95 %
# intervals hold the truth: a factor on standard deviations, since the model errs alike over whole
# surroundings, and what residuals cannot show (a diffusion coefficient of its own around each
# vessel, backflow, errors of the outline), as a standard deviation in decades.
WIDENING = 3.0
UNSEEN_DECADES = 0.2
MOST_SHARED = 10.0  # largest factor by which other vessels may raise the variance of one


@dataclass(frozen=True)
class Strengths:
    """Flow per length of wall of each vessel of a window; arrays are (vessels,) float64.

    Attributes:
        vessel: numbers of the vessels, from 1, int64.
        strength: mean over the wall, grey levels per um; NaN where no tissue beside it is compared.
        lower, upper: 95 % interval; the lower end is 0 where no leakage is shown.
        inflation: variance over that if all other vessels were known.
        wall_um: length of the wall beside tissue.
        at_wall: mean fitted tracer beside the wall, grey levels.
    """

    vessel: np.ndarray
    strength: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    inflation: np.ndarray
    wall_um: np.ndarray
    at_wall: np.ndarray

    @property
    def identifiable(self) -> np.ndarray:
        """(vessels,) bool, whether the image tells a vessel from its neighbours."""
        return np.isfinite(self.strength) & (self.inflation <= MOST_SHARED)


def strengths(window: Observed, fit: Fit, misfit: Misfit) -> Strengths:
    """Strength of each vessel, from the normal matrix and the misfit.

    Args:
        window: with its pieces.
        fit: with the weights of ``misfit``.
        misfit: its ``together`` widens the intervals.
    """
    wall = np.asarray(window.grid.wall.sum(axis=0)).ravel() * fit.seen
    vessel, number = np.unique(window.vessel, return_inverse=True)
    length = np.bincount(number, wall, len(vessel))
    share = np.divide(wall, length[number], out=np.zeros_like(wall), where=length[number] > 0)
    mean = np.zeros((len(vessel), len(fit.normal)))
    mean[number, np.arange(len(wall))] = share
    inverse = _inverse(fit.normal)
    covariance = inverse @ fit.spread @ inverse
    variance = np.einsum("vp,pq,vq->v", mean, covariance, mean)
    whole = (mean > 0).astype(float)
    alone = 1 / np.maximum(np.einsum("vp,pq,vq->v", whole, fit.normal, whole), 1e-300)
    shared = np.einsum("vp,pq,vq->v", mean, inverse, mean)
    best = mean @ np.append(fit.flow, fit.nuisance)
    sd = WIDENING * np.sqrt(variance * misfit.together)
    lower, upper = interval(best, sd)
    tracer = np.asarray(window.grid.wall.T @ fit.tracer).ravel() * fit.seen
    beside = np.bincount(number, tracer, len(vessel))
    seen = length > 0
    return Strengths(
        vessel=vessel,
        strength=np.where(seen, best, np.nan),
        lower=np.where(seen, lower, 0.0),
        upper=np.where(seen, upper, np.nan),
        inflation=np.where(seen, shared / alone, np.inf),
        wall_um=length,
        at_wall=np.divide(beside, length, out=np.full(len(vessel), np.nan), where=seen),
    )


def interval(best: np.ndarray, sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of values of at least 0 with an additive and a relative error.

    Both ends lie as far from the best value, on a logarithmic scale, as the two errors together
    (root of the sum of squares). The lower end is 0 if the additive error alone reaches it.
    """
    unseen = NORMAL * UNSEEN_DECADES * np.log(10)
    above = best + NORMAL * sd
    below = best - NORMAL * sd
    with np.errstate(divide="ignore", invalid="ignore"):
        up = np.exp(np.hypot(np.log(above / best), unseen))
        down = np.exp(-np.hypot(np.log(best / below), unseen))
        upper = np.where(best > 0, best * up, above)
        lower = np.where(below > 0, best * down, 0.0)
    return lower, upper


def _inverse(normal: np.ndarray) -> np.ndarray:
    diagonal = np.diag(normal)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1))
    scaled = normal / np.outer(scale, scale) + RIDGE * np.eye(len(normal))
    inverse: np.ndarray = np.linalg.inv(scaled) / np.outer(scale, scale)
    return inverse
