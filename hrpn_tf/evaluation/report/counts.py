"""Counts over all pixels of all slides."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.evaluation.density import Density
from hrpn_tf.evaluation.report.coverage import ReportCoverage
from hrpn_tf.evaluation.report.layers import PREDICTION, TRUTH
from hrpn_tf.evaluation.report.pyramid import Tile


@dataclass(frozen=True)
class ReportCounts:
    """Counts that tiles are added to.

    Attributes:
        density: of measured and predicted values.
        coverage: of the intervals, of slides that have a lower and an upper bound.
    """

    density: Density
    coverage: ReportCoverage

    def add(self, tile: Tile) -> None:
        """Count the pixels of a tile of full resolution."""
        self.density.add(tile[TRUTH], tile[PREDICTION])
        if "lower" in tile and "upper" in tile:
            self.coverage.add(tile[TRUTH], tile[PREDICTION], tile["lower"], tile["upper"])

    def merge(self, other: "ReportCounts") -> None:
        """Add those of a slide that was read to its end."""
        self.density.merge(other.density)
        self.coverage.merge(other.coverage)


def no_counts(edges: np.ndarray) -> ReportCounts:
    """Nothing counted yet, in bins of (n + 1,) edges."""
    return ReportCounts(Density(edges), ReportCoverage(edges))
