"""Coverage and mean width of prediction intervals."""

from dataclasses import dataclass, field

import numpy as np

from hrpn_tf.evaluation.density import bins_of


@dataclass
class ReportCoverage:
    """Counts that pixels are added to, by predicted value.

    Attributes:
        edges: (n + 1,) ascending, equally spaced; values outside count in the outer bins.
        pixels: (n,) how many.
        below, above: (n,) how many are measured below the lower, above the upper bound.
        width: (n,) sum of upper minus lower bound, grey levels.
    """

    edges: np.ndarray
    pixels: np.ndarray = field(init=False)
    below: np.ndarray = field(init=False)
    above: np.ndarray = field(init=False)
    width: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.edges) - 1
        self.pixels, self.below, self.above = (np.zeros(n, np.int64) for _ in range(3))
        self.width = np.zeros(n)

    def add(
        self, measured: np.ndarray, predicted: np.ndarray, lower: np.ndarray, upper: np.ndarray
    ) -> None:
        """Count pixels: four arrays of one shape. A value on a bound lies within."""
        index, n = bins_of(predicted, self.edges).ravel(), len(self.edges) - 1
        self.pixels += np.bincount(index, minlength=n)
        self.below += np.bincount(index[(measured < lower).ravel()], minlength=n)
        self.above += np.bincount(index[(measured > upper).ravel()], minlength=n)
        width = np.subtract(upper, lower, dtype=np.float64)
        self.width += np.bincount(index, weights=width.ravel(), minlength=n)

    def merge(self, other: "ReportCoverage") -> None:
        """Add the counts of another one with the same edges."""
        for name in ("pixels", "below", "above", "width"):
            getattr(self, name).__iadd__(getattr(other, name))

    @property
    def share(self) -> float | None:
        """Share of pixels whose measured value lies within; None without pixels."""
        total = int(self.pixels.sum())
        return 1 - int(self.below.sum() + self.above.sum()) / total if total else None

    @property
    def mean_width(self) -> float | None:
        """Mean of upper minus lower bound, grey levels; None without pixels."""
        total = int(self.pixels.sum())
        return float(self.width.sum()) / total if total else None
