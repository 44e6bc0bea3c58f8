"""Coverage of intervals by band of intensity and of distance to the nearest vessel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["all", "predicted intensity", "measured intensity", "distance to vessel"]

# of the distance to the nearest vessel, um; 0 is inside of vessels
DISTANCE_EDGES = (0.0, 5.0, 10.0, 20.0, 30.0, 50.0)


@dataclass(frozen=True)
class Bands:
    """The bands that pixels are counted by.

    Attributes:
        intensity: edges between bands of intensity, grey levels; a value on an edge lies above.
        distance: edges between bands of distance, um; a value on an edge lies below.
    """

    intensity: tuple[float, ...]
    distance: tuple[float, ...] = DISTANCE_EDGES

    def names(self, kind: Kind) -> list[str]:
        """Names of the bands of a kind, in order."""
        if kind == "all":
            return ["all"]
        if kind == "distance to vessel":
            inner = zip(self.distance, self.distance[1:], strict=False)
            named = [f"{low:g} to {high:g} µm" for low, high in inner]
            return ["in vessels", *named, f"over {self.distance[-1]:g} µm"]
        if not self.intensity:
            return ["any"]
        inner = zip(self.intensity, self.intensity[1:], strict=False)
        named = [f"{low:.3g} to {high:.3g}" for low, high in inner]
        return [f"under {self.intensity[0]:.3g}", *named, f"from {self.intensity[-1]:.3g}"]


@dataclass
class CoverageCounts:
    """Sums over the pixels of each band, (bands,) each; add up by ``+``.

    Attributes:
        pixels: how many.
        under, over: how many lie below the lower and above the upper bound.
        width: sum of upper minus lower, grey levels.
    """

    pixels: np.ndarray
    under: np.ndarray
    over: np.ndarray
    width: np.ndarray

    def __add__(self, other: "CoverageCounts") -> "CoverageCounts":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return CoverageCounts(*(one + two for one, two in pairs))

    @property
    def coverage(self) -> np.ndarray:
        """Share of pixels within the bounds; NaN for a band without pixels."""
        with np.errstate(invalid="ignore"):
            return 1.0 - (self.under + self.over) / self.pixels

    @property
    def mean_width(self) -> np.ndarray:
        """Mean width, grey levels; NaN for a band without pixels."""
        with np.errstate(invalid="ignore"):
            return self.width / self.pixels


@dataclass(frozen=True)
class SlideCoverage:
    """What was counted on one slide.

    Attributes:
        name, group, subset: of the slide.
        counts: by kind of band.
    """

    name: str
    group: str
    subset: str
    counts: Mapping[Kind, CoverageCounts]


def count(
    bounds: np.ndarray, target: np.ndarray, distance: np.ndarray | None, bands: Bands
) -> dict[Kind, CoverageCounts]:
    """Count some pixels.

    Args:
        bounds: (pixels, 3) mean, lower and upper bound, grey levels.
        target: (pixels,) measured, grey levels.
        distance: (pixels,) to the nearest vessel, um; None if no input shows vessels.
        bands: that tell them apart.
    """
    mean, lower, upper = np.moveaxis(bounds, -1, 0)
    under, over, width = target < lower, target > upper, (upper - lower).astype(np.float64)

    def by(place: np.ndarray, size: int) -> CoverageCounts:
        def total(values: np.ndarray | None = None) -> np.ndarray:
            return np.bincount(place, values, size).astype(np.float64)

        return CoverageCounts(total(), total(under), total(over), total(width))

    intensity = len(bands.intensity) + 1
    found: dict[Kind, CoverageCounts] = {
        "all": by(np.zeros(len(mean), np.intp), 1),
        "predicted intensity": by(np.digitize(mean, bands.intensity), intensity),
        "measured intensity": by(np.digitize(target, bands.intensity), intensity),
    }
    if distance is not None:
        place = np.digitize(distance, bands.distance, right=True)
        found["distance to vessel"] = by(place, len(bands.distance) + 1)
    return found


def add(
    one: Mapping[Kind, CoverageCounts], other: Mapping[Kind, CoverageCounts]
) -> dict[Kind, CoverageCounts]:
    """Counts of both; the first may be empty."""
    return {kind: one[kind] + counts if kind in one else counts for kind, counts in other.items()}


def mean_over_slides(values: Sequence[np.ndarray]) -> np.ndarray:
    """(bands,): mean of those slides that have a value there; NaN if none has."""
    stacked = np.stack(values)
    there = np.isfinite(stacked)
    with np.errstate(invalid="ignore"):
        return np.where(there, stacked, 0.0).sum(axis=0) / there.sum(axis=0)
