"""Counts of (measured, predicted) values over all pixels, and what follows from them."""

from dataclasses import dataclass, field

import numpy as np

BINS = 128


@dataclass
class Density:
    """Counts that pixels are added to.

    Attributes:
        edges: (n + 1,) ascending, equally spaced, of both axes; values outside count in the outer
            bins.
        counts: (n, n) pixels by measured and predicted value.
    """

    edges: np.ndarray
    counts: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros((len(self.edges) - 1,) * 2, np.int64)

    def add(self, measured: np.ndarray, predicted: np.ndarray) -> None:
        """Count pixels: two arrays of one shape."""
        n = len(self.edges) - 1
        index = bins_of(measured, self.edges) * n + bins_of(predicted, self.edges)
        self.counts += np.bincount(index.ravel(), minlength=n * n).reshape(n, n)

    def merge(self, other: "Density") -> None:
        """Add the counts of another one with the same edges."""
        self.counts += other.counts

    @property
    def centres(self) -> np.ndarray:
        """(n,) of the bins, grey levels."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    def reliability(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean and standard deviation of the measured values by predicted value, and pixels.

        (n,) each; NaN where no pixel is. A network that is right on average gives the mean that
        it predicts; measured values count with the centre of their bin.
        """
        pixels = self.counts.sum(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.centres @ self.counts / pixels
            square = self.centres**2 @ self.counts / pixels
        return mean, np.sqrt(np.maximum(square - mean**2, 0)), pixels


def shared_edges(low: float, high: float, integers: bool, bins: int = BINS) -> np.ndarray:
    """Edges that hold whole grey levels of an integer target, so that no stripes appear.

    >>> shared_edges(0, 3, True)
    array([-0.5,  0.5,  1.5,  2.5,  3.5])
    """
    if not integers:
        return np.linspace(low, max(high, low + 1e-6), bins + 1)
    step = max(1, int(np.ceil((high - low + 1) / bins)))
    start = np.floor(low) - 0.5
    count = int(np.ceil((high + 0.5 - start) / step))
    return start + step * np.arange(count + 1)


def bins_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The bin that each value is in; those outside are in the outer bins."""
    step = (edges[-1] - edges[0]) / (len(edges) - 1)
    index = np.floor((values.astype(np.float64) - edges[0]) / step).astype(np.int64)
    return np.clip(index, 0, len(edges) - 2)
