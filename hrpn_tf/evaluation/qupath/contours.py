"""Contours of a predicted slide: the areas where it reaches a grey level."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.evaluation.planes import Plane, PlaneOfSize
from hrpn_tf.evaluation.qupath.outlines import merged, outlines_by_label
from hrpn_tf.evaluation.spatial.components import Components, label_components
from hrpn_tf.slides import iter_windows

LEAST_UM2 = 20.0  # smaller areas and holes are noise on this scale: a tenth of a nucleus
WINDOW = 1024


@dataclass(frozen=True)
class Contour:
    """The area of a slide that reaches a grey level.

    Attributes:
        level: grey level.
        geometry: of shapely, px.
        area_px: pixels within.
        mean: of these pixels, grey levels.
    """

    level: float
    geometry: Any
    area_px: float
    mean: float


@dataclass(frozen=True)
class _Reached(PlaneOfSize):
    """The pixels of a plane from a grey level on, within a mask."""

    level: float
    within: Plane | None

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(bool)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        reached: np.ndarray = self.plane.read(y, x, height, width) >= self.level
        if self.within is not None:
            reached &= self.within.read(y, x, height, width) != 0
        return reached


@dataclass(frozen=True)
class _Outside(PlaneOfSize):
    """The pixels that are in no area."""

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(bool)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        outside: np.ndarray = self.plane.read(y, x, height, width) == 0
        return outside


@dataclass(frozen=True)
class _Filled(PlaneOfSize):
    """1 where a pixel is in an area or in one of its small holes."""

    holes: Plane

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(np.int64)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        inside = self.plane.read(y, x, height, width) != 0
        return (inside | (self.holes.read(y, x, height, width) != 0)).astype(np.int64)


def find_contour(
    image: Plane, level: float, pixel_size_um: float, scratch: Path, within: Plane | None = None
) -> Contour | None:
    """The area where an image reaches a grey level; None where it does not.

    Areas and holes below ``LEAST_UM2`` are left out. Memory grows with the length of the outline.

    Args:
        image: grey levels.
        level: grey level.
        pixel_size_um: um per pixel.
        scratch: an existing folder, for labels.
        within: mask; None for all of the slide.
    """
    least = LEAST_UM2 / pixel_size_um**2
    found = label_components(_Reached(image, level, within), scratch / "areas", diagonal=False)
    areas = found.keep(found.area_px >= least)
    if len(areas) == 0:
        return None
    holes = label_components(_Outside(areas.labels), scratch / "holes", diagonal=True)
    filled = _Filled(areas.labels, _small(holes, least).labels)
    pixels, total = 0.0, 0.0
    for place in iter_windows(image.height, image.width, WINDOW):
        inside = filled.read(*place) != 0
        pixels += float(inside.sum())
        total += float(image.read(*place)[inside].sum(dtype=np.float64))
    ((_, pieces),) = outlines_by_label(filled, 1)
    return Contour(level, merged(pieces), pixels, total / pixels)


def _small(holes: Components, least: float) -> Components:
    return holes.keep(holes.area_px < least)
