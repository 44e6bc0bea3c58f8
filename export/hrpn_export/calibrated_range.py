"""The grey levels that an int8 file was calibrated on."""

from dataclasses import dataclass

import numpy as np

from hrpn_export.manifest import Artefact

# Pixels up to this share of the range beyond its ends lose nothing worth a warning.
_MARGIN = 0.05
# Key of ``details`` of an artefact in ``bundle.json``.
RANGE = "calibrated_range"
# Gains of the patches besides 1; see ``hrpn_export.gains``.
CALIBRATED_GAINS = "calibrated_gains"


@dataclass(frozen=True)
class CalibratedRange:
    """The smallest and largest grey level of each input channel that was calibrated.

    Gains are included.

    Attributes:
        minimum, maximum: per channel, in the contract's order.
    """

    minimum: tuple[float, ...]
    maximum: tuple[float, ...]

    @classmethod
    def of(cls, artefact: Artefact, channels: int) -> "CalibratedRange | None":
        """The range that a bundle states of an artefact; None if it states none."""
        stated = artefact.details.get(RANGE)
        if not isinstance(stated, dict):
            return None
        ends = [stated.get(name) for name in ("minimum", "maximum")]
        if not all(_numbers(each, channels) for each in ends):
            return None
        minimum, maximum = (tuple(map(float, each)) for each in ends if each is not None)
        return cls(minimum, maximum)

    def outside(self, pixels: np.ndarray) -> np.ndarray:
        """Number of pixels of each channel that are clearly outside the range.

        Args:
            pixels: (..., channels) grey levels.

        Returns:
            (channels,) int64.
        """
        low, high = np.asarray(self.minimum), np.asarray(self.maximum)
        margin = _MARGIN * (high - low)
        beyond = (pixels < low - margin) | (pixels > high + margin)
        return np.asarray(beyond.reshape(-1, len(low)).sum(axis=0, dtype=np.int64))


def _numbers(values: object, count: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
    )
