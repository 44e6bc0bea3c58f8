"""Bins of the distance to the nearest vessel."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bins:
    """Bins of distance: 0 is vessel, i holds ((i - 1) width, i width], the last one all beyond.

    Attributes:
        width_um: of each.
        count: of all, the first and the last among them.
    """

    width_um: float
    count: int

    def index(self, distance_um: np.ndarray) -> np.ndarray:
        """The bin of each distance; infinity goes to the last."""
        bins = np.ceil(np.minimum(distance_um / self.width_um, self.count - 1.0) - 1e-9)
        return bins.astype(np.intp)

    def edges_um(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper edge of each bin, um; the last upper edge is infinite."""
        upper = np.arange(self.count) * self.width_um
        lower = np.maximum(upper - self.width_um, 0)
        return lower, np.where(np.arange(self.count) == self.count - 1, np.inf, upper)


def make_bins(width_um: float, max_um: float) -> Bins:
    """Bins whose last but one ends at ``max_um``, or just before it."""
    return Bins(width_um, int(np.floor(max_um / width_um + 1e-9)) + 2)
