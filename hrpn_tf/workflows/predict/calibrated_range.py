"""Compare a slide with the grey levels that an int8 network was calibrated on, while it is read."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hrpn_export.calibrated_range import CalibratedRange

from hrpn_tf.text import printable
from hrpn_tf.workflows.networks.network import Network

logger = logging.getLogger(__name__)

# A larger share of the pixels of a channel outside the range gives a warning; fewer may be defects
# of the camera.
_SHARE = 1e-5


@dataclass
class RangeWatch:
    """Grey levels of a slide outside the calibrated range, counted tile by tile.

    Attributes:
        calibrated: range of the calibration.
        channels: names of the input channels.
        pixels: number of pixels seen; those in the halo of several tiles count each time.
        outside: number of them outside, per channel.
        low, high: smallest and largest grey level seen, per channel.
    """

    calibrated: CalibratedRange
    channels: tuple[str, ...]
    pixels: int = 0
    outside: list[int] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def see(self, pixels: np.ndarray) -> None:
        """Add the input (h, w, channels) of a tile."""
        flat = pixels.reshape(-1, len(self.channels))
        low, high = flat.min(axis=0), flat.max(axis=0)
        self._add(len(flat), self.calibrated.outside(flat).tolist(), low.tolist(), high.tolist())

    def add(self, other: "RangeWatch") -> None:
        """Add what another process has seen of the same slide."""
        if other.pixels:
            self._add(other.pixels, other.outside, other.low, other.high)

    def in_words(self) -> str:
        """What lies outside, in one line; empty if nothing does."""
        parts = [
            f"{name} holds {self.low[i]:g} to {self.high[i]:g} where the calibration held "
            f"{self.calibrated.minimum[i]:g} to {self.calibrated.maximum[i]:g} "
            f"({self.outside[i] / self.pixels:.2g} of the pixels are outside)"
            for i, name in enumerate(self.channels)
            if self.pixels and self.outside[i] > _SHARE * self.pixels
        ]
        return "; ".join(parts)

    def _add(
        self, pixels: int, outside: Sequence[int], low: Sequence[float], high: Sequence[float]
    ) -> None:
        if not self.pixels:
            self.outside, self.low, self.high = list(outside), list(low), list(high)
        else:
            self.outside = [a + b for a, b in zip(self.outside, outside, strict=True)]
            self.low = [min(a, b) for a, b in zip(self.low, low, strict=True)]
            self.high = [max(a, b) for a, b in zip(self.high, high, strict=True)]
        self.pixels += pixels


def watch_of(network: Network, channels: Sequence[str]) -> RangeWatch | None:
    """A watch of a slide's grey levels, for a network with a calibrated range; else None."""
    calibrated = network.calibrated_range()
    return None if calibrated is None else RangeWatch(calibrated, tuple(channels))


def warn(name: str, seen: RangeWatch | None) -> None:
    """Warn in one line about a slide outside the calibrated range.

    Args:
        name: name of the slide.
        seen: its grey levels; None for a network without a calibrated range.
    """
    if seen is not None and (text := seen.in_words()):
        logger.warning(
            f"{printable(name)}: outside the grey levels that this int8 network was calibrated on: "
            f"{printable(text)}; the result is clipped there; predict with --precision fp32 or fp16"
        )
