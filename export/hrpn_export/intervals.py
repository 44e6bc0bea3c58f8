"""Prediction intervals: a session without them, and their coverage."""

from dataclasses import dataclass

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.session import Session, largest_side


class WithoutIntervals:
    """A session of a network with intervals that returns the predictions without the bounds.

    Args:
        session: session of the network.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.contract: Contract = session.contract.without_intervals()
        self.largest_side = largest_side(session)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``."""
        return self._session(batch)[..., : len(self.contract.outputs)]


@dataclass
class Coverage:
    """Coverage of prediction intervals, as sums over pixels that are added in any pieces.

    Attributes:
        pixels: number of pixels.
        within: number of pixels whose truth is within the bounds.
        width: sum of upper minus lower bound, grey levels.
    """

    pixels: int = 0
    within: int = 0
    width: float = 0.0

    def add(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Add pixels.

        Args:
            prediction: (..., 3) mean, lower and upper bound, grey levels.
            truth: (..., 1) measured, grey levels.
        """
        lower, upper = prediction[..., 1:2], prediction[..., 2:3]
        self.pixels += truth.size
        # NaN compares false with everything, so it counts as not covered
        self.within += int(np.count_nonzero((lower <= truth) & (truth <= upper)))
        self.width += float((upper - lower).astype(np.float64).sum())

    @property
    def share(self) -> float:
        """Share of the pixels whose truth is within the bounds."""
        return self.within / self.pixels

    @property
    def mean_width(self) -> float:
        """Mean of upper minus lower bound, grey levels."""
        return self.width / self.pixels
