"""Differences between two predictions, and of both from the truth, as sums over pixels."""

import math
from dataclasses import dataclass

import numpy as np

from hrpn_export.errors import ContractError

# A pixel mismatches if it differs by more than ABSOLUTE grey levels of 256 plus RELATIVE times its
# value (as bioimageio.core defines parity).
ABSOLUTE, RELATIVE = 0.05, 0.005


@dataclass
class Sums:
    """Sums over pixels of a reference r, a candidate c and the truth t, added in any pieces.

    Attributes:
        grey_max: largest grey level, which is the peak of PSNR.
    """

    grey_max: float
    pixels: int = 0
    largest: float = 0.0
    absolute: float = 0.0
    mismatches: int = 0
    candidate_squares: float = 0.0
    reference_squares: float = 0.0
    # of the truth minus its first value, so that a constant truth has a variance of exactly 0
    origin: float = 0.0
    truth: float = 0.0
    truth_squares: float = 0.0

    def add(self, reference: np.ndarray, candidate: np.ndarray, truth: np.ndarray) -> None:
        """Add pixels: three arrays of the same shape, grey levels.

        Raises:
            ContractError: the shapes differ.
        """
        r, c, t = (np.asarray(a, np.float64) for a in (reference, candidate, truth))
        if not r.shape == c.shape == t.shape:
            raise ContractError(
                f"a prediction {c.shape} cannot be compared with a reference {r.shape} and a "
                f"truth {t.shape}"
            )
        if self.pixels == 0 and t.size:
            self.origin = float(t.flat[0])
        differences = np.abs(c - r)
        # NaN compares false with everything, so count it as the largest difference
        differences[~np.isfinite(differences)] = math.inf
        allowed = ABSOLUTE * self.grey_max / 255 + RELATIVE * np.abs(r)
        self.pixels += differences.size
        self.largest = max(self.largest, float(differences.max(initial=0.0)))
        self.absolute += float(differences.sum())
        self.mismatches += int(np.count_nonzero(differences > allowed))
        self.candidate_squares += float(np.square(c - t).sum())
        self.reference_squares += float(np.square(r - t).sum())
        self.truth += float((t - self.origin).sum())
        self.truth_squares += float(np.square(t - self.origin).sum())

    @property
    def mean(self) -> float:
        """Mean absolute difference between candidate and reference, grey levels."""
        return self.absolute / self.pixels

    @property
    def mismatching(self) -> float:
        """Share of mismatching pixels."""
        return self.mismatches / self.pixels

    @property
    def mse(self) -> tuple[float, float]:
        """Mean squared error of the reference and of the candidate, grey levels squared."""
        return self.reference_squares / self.pixels, self.candidate_squares / self.pixels

    @property
    def r2(self) -> tuple[float, float]:
        """R² of both: 1 - squared error / variance of the truth; NaN if the truth is constant."""
        spread = self.truth_squares / self.pixels - (self.truth / self.pixels) ** 2
        before, after = (1 - mse / spread if spread > 0 else math.nan for mse in self.mse)
        return before, after

    @property
    def psnr(self) -> tuple[float, float]:
        """PSNR of both: 10 log10(grey_max^2 / MSE), dB; infinite if the error is zero."""
        peak = self.grey_max**2
        before, after = (_decibel(peak, mse) for mse in self.mse)
        return before, after

    @property
    def mse_change(self) -> float:
        """Change of the MSE from the reference to the candidate, relative; 0.01 is 1 % more."""
        before, after = self.mse
        if before == after:
            return 0.0
        return after / before - 1 if before > 0 else math.inf


def _decibel(peak: float, mse: float) -> float:
    if math.isnan(mse):
        return math.nan
    if mse == 0:
        return math.inf
    return 10 * math.log10(peak / mse) if math.isfinite(mse) else -math.inf
