"""How far image and model differ, as a variance that depends on the tracer."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.simulation.inversion.fit import Fit
from hrpn_tf.simulation.inversion.observed import Observed

FIT_SHARE = 0.05
BLOCK = 2.0  # side of a block, diffusion lengths
LEAST_SHARE_OF_FLOOR = 0.05  # the constant part never falls below this share of where it began


@dataclass(frozen=True)
class Misfit:
    """Variance of a cell's difference from the model: ``floor + (share * tracer)^2``.

    The first part is noise and uneven background. The second is what the model leaves out, such as
    a diffusion coefficient that changes with crowding; it grows with the tracer.

    Attributes:
        floor: grey levels^2.
        share: of the tracer.
        together: variance of sums over blocks of two diffusion lengths, over that of independent
            cells; neighbours differ from the model alike.
    """

    floor: float
    share: float
    together: float = 1.0

    def variance(self, tracer: np.ndarray) -> np.ndarray:
        """Variance of each cell, (n,), grey levels^2."""
        found: np.ndarray = self.floor + (self.share * tracer) ** 2
        return found

    def weight(self, tracer: np.ndarray, compared: np.ndarray) -> np.ndarray:
        """Weight of each cell in the fit, (n,); 0 where it is not compared.

        1/variance with a share of ``FIT_SHARE``, whatever was estimated: a larger one would leave
        the strong vessels, which say most, almost without weight.
        """
        return np.where(compared, 1 / (self.floor + (FIT_SHARE * tracer) ** 2), 0.0)


def first_misfit(windows: list[Observed]) -> Misfit:
    """A beginning: the floor is a hundredth of the variance of the image, the share a tenth."""
    image = np.concatenate([each.image[each.compared] for each in windows])
    return Misfit(max(float(image.var()) * 1e-2, 1e-12), 0.1)


def estimate_misfit(windows: list[Observed], fits: list[Fit], before: Misfit) -> Misfit:
    """Estimate the variance from residuals by weighted least squares of their squares.

    Args:
        windows, fits: the windows of a slide, and what was fitted.
        before: an earlier estimate, which gives the weights.
    """
    matrix, right = np.zeros((2, 2)), np.zeros(2)
    for window, fit in zip(windows, fits, strict=True):
        seen = window.compared
        terms = np.stack([np.ones(int(seen.sum())), fit.tracer[seen] ** 2])
        weight = 1 / before.variance(fit.tracer[seen]) ** 2
        square = (window.image - fit.image)[seen] ** 2
        matrix += (weight * terms) @ terms.T
        right += (weight * terms) @ square
    floor, share = np.linalg.lstsq(matrix, right, rcond=None)[0]
    least = LEAST_SHARE_OF_FLOOR * before.floor
    found = Misfit(max(float(floor), least), float(np.sqrt(max(share, 1e-6))))
    sums, singles = 0.0, 0.0
    for window, fit in zip(windows, fits, strict=True):
        rest = np.where(window.compared, window.image - fit.image, 0.0)
        score = rest / np.sqrt(found.variance(fit.tracer))
        block = blocks_of(window, BLOCK * fit.length_um)
        sums += float((np.bincount(block, score) ** 2).sum())
        singles += float((score**2).sum())
    return Misfit(found.floor, found.share, max(1.0, sums / singles if singles else 1.0))


def blocks_of(window: Observed, side_um: float) -> np.ndarray:
    """Number of the square block that each cell lies in, (n,) int64."""
    side = max(1, round(side_um / window.grid.cell_um))
    row, column = np.nonzero(window.grid.index >= 0)
    blocks: np.ndarray = row // side * (window.grid.index.shape[1] // side + 1) + column // side
    return blocks
