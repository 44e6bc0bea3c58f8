"""Weighted least squares of the image by the tracer of all vessels, for one diffusion length."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import nnls

from hrpn_tf.simulation.inversion.columns import Diffusion, colour_vessels, vessel_columns
from hrpn_tf.simulation.inversion.observed import Observed

POLISH = 3  # steps with the exact gradient
RIDGE = 1e-9  # of the largest entry of the diagonal; keeps the matrix positive definite


@dataclass(frozen=True)
class Fit:
    """The best non-negative flows of a window, with nuisances.

    Attributes:
        length_um: diffusion length.
        flow: (vessels,) float64, flow through the wall, grey levels per um.
        nuisance: (m,) float64, factors of the nuisances.
        tracer, background: (n,) float64, the two parts of the fitted image, grey levels.
        normal: (vessels + m, vessels + m) normal matrix of the weighted least squares.
        spread: covariance of the gradient if cells were independent, of the same shape.
        gradient: (vessels + m,) of minus half the weighted sum of squares, at the solution.
        seen: (vessels,) bool, vessels with tissue that is compared.
        length_scores: (n,) float64, what each cell adds to the derivative by log L of minus half
            the weighted sum of squares, the other parameters following.
        length_precision: minus its second derivative.
    """

    length_um: float
    flow: np.ndarray
    nuisance: np.ndarray
    tracer: np.ndarray
    background: np.ndarray
    normal: np.ndarray
    spread: np.ndarray
    gradient: np.ndarray
    seen: np.ndarray
    length_scores: np.ndarray
    length_precision: float

    @property
    def image(self) -> np.ndarray:
        """The fitted image, (n,)."""
        return self.tracer + self.background


def fit_flows(
    observed: Observed, length_um: float, weight: np.ndarray, variance: np.ndarray | None = None
) -> Fit:
    """Fit the flow through the wall of each vessel.

    The normal matrix is made from columns that end ``REACH`` diffusion lengths from a vessel; the
    solution is then improved with the gradient of the whole problem, by the adjoint of the solver.

    Args:
        observed: the window.
        length_um: diffusion length.
        weight: (n,) weight of each cell; 0 where it is not compared.
        variance: (n,) of each cell, for ``spread``; 1/weight if None.
    """
    diffusion = Diffusion(observed.grid, length_um)
    columns = vessel_columns(diffusion, colour_vessels(observed.grid, length_um))
    vessels = columns.shape[1]
    design = sparse.hstack([columns, sparse.csc_matrix(observed.nuisance)]).tocsc()
    weighted = sparse.diags(weight) @ design
    normal = np.asarray((design.T @ weighted).todense())
    seen = np.diag(normal) > 0
    scale = np.sqrt(np.where(seen, np.diag(normal), 1))
    scaled = normal / np.outer(scale, scale) + RIDGE * np.eye(len(normal))
    solution = _non_negative(scaled, weighted.T @ observed.image / scale) / scale
    solution[~seen] = 0

    def gradient_at(solution: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tracer = diffusion.tracer(solution[:vessels])
        rest = weight * (observed.image - tracer - observed.nuisance @ solution[vessels:])
        return tracer, np.append(diffusion.gradient(rest), observed.nuisance.T @ rest)

    tracer, gradient = gradient_at(solution)
    for _ in range(POLISH):
        free = seen & ((solution > 0) | (gradient > 0))
        step = np.zeros(len(solution))
        step[free] = np.linalg.solve(scaled[np.ix_(free, free)], (gradient / scale)[free])
        solution = np.maximum(solution + step / scale, 0)
        tracer, gradient = gradient_at(solution)
    flow, nuisance = solution[:vessels], solution[vessels:]
    background = observed.nuisance @ nuisance
    by_length = diffusion.by_length(tracer)
    cross = weighted.T @ by_length
    free = seen & (solution > 0)
    known = np.zeros(len(solution))
    known[free] = np.linalg.solve(scaled[np.ix_(free, free)], (cross / scale)[free])
    direction = by_length - design @ (known / scale)
    return Fit(
        length_um=length_um,
        flow=flow,
        nuisance=nuisance,
        tracer=tracer,
        background=background,
        normal=normal,
        spread=_spread(weighted, variance) if variance is not None else normal,
        gradient=gradient,
        seen=seen[:vessels],
        length_scores=weight * (observed.image - tracer - background) * direction,
        length_precision=float(weight @ direction**2),
    )


def _non_negative(normal: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Minimise x'Nx/2 - r'x over x >= 0."""
    lower = np.linalg.cholesky(normal)
    target = np.linalg.solve(lower, right)
    solution: np.ndarray = nnls(lower.T, target, maxiter=30 * len(right))[0]
    return solution


def _spread(weighted: sparse.csc_matrix, variance: np.ndarray) -> np.ndarray:
    return np.asarray((weighted.T @ (sparse.diags(variance) @ weighted)).todense())
