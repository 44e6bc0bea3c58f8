"""Count, mean, variance and peak of pixels, in a form that can be pooled exactly."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChannelMoments:
    """Count, mean, sum of squared deviations and peak of one role's pixels, grey levels.

    All are 0 where there is no pixel.
    """

    count: int
    mean: float
    squares: float
    largest: float

    @property
    def std(self) -> float:
        """Population standard deviation, grey levels; 0 where there is no pixel."""
        return float(np.sqrt(self.squares / self.count)) if self.count else 0.0


def pool(parts: Iterable[ChannelMoments]) -> ChannelMoments:
    """Moments of all pixels together (Chan, Golub and LeVeque, 1983; no cancellation)."""
    kept = [part for part in parts if part.count]
    if not kept:
        return ChannelMoments(0, 0.0, 0.0, 0.0)
    counts = np.array([part.count for part in kept], float)
    means = np.array([part.mean for part in kept])
    mean = float(np.average(means, weights=counts))
    squares = sum(part.squares for part in kept) + float(counts @ (means - mean) ** 2)
    largest = max(part.largest for part in kept)
    return ChannelMoments(sum(part.count for part in kept), mean, squares, largest)
