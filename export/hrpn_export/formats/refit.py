"""What an int8 network gives at its end, brought back to what the float32 one gives.

Rounded weights and clipped activations do not only add noise: they make bright places a little
darker, always to the same side (0.7 % in a trained ``hrpn-m``), and shift the mean. That costs
more than the noise does, and a gain and an offset of each channel of the last convolution, which
is float32 anyway, take it back.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Refit:
    """Least squares over pixels, for each channel: before = gain * after + offset.

    Attributes:
        sums: of 1, after, before, after squared, after times before; (5, channels).
    """

    sums: np.ndarray = field(default_factory=lambda: np.zeros((5, 1)))

    def add(self, before: np.ndarray, after: np.ndarray) -> None:
        """Add pixels (..., channels) of the float32 network and of the int8 one."""
        f, q = (a.reshape(-1, a.shape[-1]).astype(np.float64) for a in (before, after))
        parts = (np.ones_like(f), q, f, q * q, q * f)
        self.sums = self.sums + np.stack([part.sum(0) for part in parts])

    @property
    def gain_and_offset(self) -> tuple[np.ndarray, np.ndarray]:
        """Each (channels,) float64; gain 1 for a channel that is constant."""
        count, q, f, qq, qf = self.sums
        spread = qq - q * q / count
        shared = qf - q * f / count
        gain = np.divide(shared, spread, out=np.ones_like(spread), where=spread > 1e-12 * count)
        return gain, (f - gain * q) / count
