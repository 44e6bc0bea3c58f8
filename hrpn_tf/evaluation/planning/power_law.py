"""The power law by which errors fall with the number of training groups.

Errors of learners fall as a + b n^-c (Hestness et al. 2017, arXiv:1712.00409; Viering and Loog
2023, *The Shape of Learning Curves*, IEEE TPAMI 45:7799): a is what no number of examples removes.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar, nnls

# Exponents between these are told apart. Theory gives 0.5 to 1, and measurements 0.1 to 1; a curve
# steeper than n^-3 is one that has ended after its first point.
EXPONENTS = (0.1, 3.0)
_GRID = np.geomspace(*EXPONENTS, 24)


@dataclass(frozen=True)
class PowerLaw:
    """``floor + scale * n ** -exponent``.

    Attributes:
        floor: error that remains however many groups train, at least 0; in the unit of the error.
        scale: error above the floor with one group, at least 0; in the same unit.
        exponent: between the two ``EXPONENTS``.
    """

    floor: float
    scale: float
    exponent: float

    def at(self, groups: np.ndarray | float) -> np.ndarray:
        """The error with so many groups, of the shape of ``groups``."""
        return np.asarray(self.floor + self.scale * np.asarray(groups, float) ** -self.exponent)


def fit_power_law(groups: np.ndarray, errors: np.ndarray) -> PowerLaw:
    """The power law with the least sum of squared relative differences.

    Differences are relative to the mean of the errors with as many groups: relative to each error,
    the small ones would weigh most, and the law would lie too low.

    For a given exponent the law is linear in floor and scale, which non-negative least squares
    find (variable projection, Golub and Pereyra 1973). The exponent is searched on a grid and then
    between its neighbours, so that no start decides.

    Args:
        groups: (P,) number of training groups of each measurement, of at least three values.
        errors: (P,) above 0.

    Example:
        >>> n = np.array([1.0, 2, 4, 8])
        >>> law = fit_power_law(n, 3 + 8 * n**-0.7)
        >>> round(law.floor, 2), round(law.scale, 2), round(law.exponent, 2)
        (3.0, 8.0, 0.7)
    """
    sizes, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    means = np.bincount(place, errors) / counts
    roots = np.sqrt(counts)

    def solve(exponent: float) -> tuple[np.ndarray, float]:
        design = np.stack([roots / means, roots * sizes**-exponent / means], axis=1)
        return nnls(design, roots)

    rests = np.array([solve(exponent)[1] for exponent in _GRID])
    best = int(np.argmin(rests))
    ends = _GRID[max(best - 1, 0)], _GRID[min(best + 1, len(_GRID) - 1)]
    found = minimize_scalar(lambda c: solve(c)[1], bounds=ends, method="bounded")
    exponent = float(found.x) if found.fun < rests[best] else float(_GRID[best])
    floor, scale = solve(exponent)[0]
    return PowerLaw(float(floor), float(scale), exponent)
