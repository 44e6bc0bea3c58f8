"""The range of intensities, measured and predicted, of slides of any size."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.evaluation.planes import Plane, Window
from hrpn_tf.slides import iter_windows

PERCENTILES = (0.1, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.9)
HISTOGRAM_BINS = 2**16
WINDOW = 1024


@dataclass(frozen=True)
class Extremes:
    """The lowest and the highest value of an image, grey levels."""

    low: float
    high: float

    def __or__(self, other: "Extremes") -> "Extremes":
        return Extremes(min(self.low, other.low), max(self.high, other.high))


def extremes(plane: Plane) -> Extremes:
    """Of all pixels of a plane."""
    found = Extremes(np.inf, -np.inf)
    for y, x, height, width in iter_windows(plane.height, plane.width, WINDOW):
        grey = Window(y, x, height, width).read(plane)
        found |= Extremes(float(grey.min()), float(grey.max()))
    return found


class Histogram:
    """Counts of grey levels in bins of equal width, which several slides may share.

    Integer grey levels of up to 16 bits are counted exactly; others, and predictions, to a 65 536th
    of the range.
    """

    def __init__(self, range_: Extremes) -> None:
        span = range_.high - range_.low
        whole = float(range_.low).is_integer() and float(range_.high).is_integer()
        # of whole numbers: bins of a whole share of a grey level, centred on it
        fine = int(HISTOGRAM_BINS // (span + 1)) if whole else 0
        self.step = 1.0 / fine if fine else max(span, 1e-12) / (HISTOGRAM_BINS - 1)
        self.low = range_.low
        self.counts = np.zeros(round(span / self.step) + 1, np.int64)
        self.total = self.squares = 0.0
        self.least, self.most = np.inf, -np.inf

    def add(self, values: np.ndarray) -> None:
        """Count grey levels of any shape."""
        if values.size == 0:
            return
        grey = values.astype(np.float64).ravel()
        index = np.rint((grey - self.low) / self.step).astype(np.intp)
        self.counts += np.bincount(
            np.clip(index, 0, len(self.counts) - 1), minlength=len(self.counts)
        )
        self.total += float(grey.sum())
        self.squares += float(grey @ grey)
        self.least, self.most = min(self.least, grey.min()), max(self.most, grey.max())

    def merge(self, other: "Histogram") -> None:
        """Add the counts of another one of the same bins."""
        self.counts += other.counts
        self.total, self.squares = self.total + other.total, self.squares + other.squares
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)

    def to_json(self) -> dict[str, Any]:
        """Minimum, maximum, percentiles, mean, standard deviation; empty without pixels."""
        count = int(self.counts.sum())
        if count == 0:
            return {}
        mean = self.total / count
        cumulated = np.cumsum(self.counts)
        # as numpy's inverted_cdf: the first value that so many per cent do not exceed
        places = np.searchsorted(cumulated, np.ceil(np.array(PERCENTILES) / 100 * count - 1e-9))
        return {
            "pixels": count,
            "min": float(self.least),
            "max": float(self.most),
            "mean": mean,
            "sd": float(np.sqrt(max(self.squares / count - mean**2, 0.0))),
            "percentiles": {
                f"{share:g}": float(self.low + place * self.step)
                for share, place in zip(PERCENTILES, places, strict=True)
            },
        }
