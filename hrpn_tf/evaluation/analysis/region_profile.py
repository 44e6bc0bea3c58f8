"""Intensity by distance to the nearest vessel within one area of a slide, such as a drawn one."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.errors import RegionError
from hrpn_tf.evaluation.analysis.measures import SlideAnalysis
from hrpn_tf.evaluation.planes import Plane, Window
from hrpn_tf.evaluation.spatial.intensity import extremes
from hrpn_tf.evaluation.spatial.measure import Area, SpatialSlide, measure_slide
from hrpn_tf.evaluation.spatial.profile import FEWEST_PIXELS
from hrpn_tf.evaluation.spatial.vessels import find_stain, find_vessels

_LARGEST_SHOWN = 4096 * 4096  # px of found vessels that are given back


@dataclass(frozen=True)
class PlacedPlane:
    """An image on the pixels of a larger one; outside of it, its values are 0.

    Attributes:
        plane: the image.
        top, left: where its first pixel lies, px; negative where it begins outside.
        height, width: of the larger image, px.
    """

    plane: Plane
    top: int
    left: int
    height: int
    width: int

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.plane.dtype

    @property
    def covered(self) -> Window:
        """The pixels of the larger image that the image has."""
        image = Window(self.top, self.left, self.plane.height, self.plane.width)
        return image.overlap(Window(0, 0, self.height, self.width))

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        window, inner = np.zeros((height, width), self.dtype), self.covered
        first, left = max(y, inner.y), max(x, inner.x)
        end = min(y + height, inner.y + inner.height)
        right = min(x + width, inner.x + inner.width)
        if first < end and left < right:
            window[first - y : end - y, left - x : right - x] = self.plane.read(
                first - self.top, left - self.left, end - first, right - left
            )
        return window


@dataclass(frozen=True)
class _Part:
    """A plane as large as a window."""

    part: Window

    @property
    def height(self) -> int:
        return self.part.height

    @property
    def width(self) -> int:
        return self.part.width


@dataclass(frozen=True)
class _Cut(_Part):
    """A part of a plane, as a plane."""

    plane: Plane

    @property
    def dtype(self) -> np.dtype:
        return self.plane.dtype

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        return self.plane.read(self.part.y + y, self.part.x + x, height, width)


@dataclass(frozen=True)
class _Inside(_Part):
    """The pixels of a window that lie in an area and that an image covers."""

    area: Area
    covered: Window

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(bool)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        top, left, covered = self.part.y + y, self.part.x + x, self.covered
        rows, columns = np.arange(top, top + height), np.arange(left, left + width)
        there = (rows >= covered.y) & (rows < covered.y + covered.height)
        across = (columns >= covered.x) & (columns < covered.x + covered.width)
        inside: np.ndarray = self.area.fill(top, left, height, width)
        return inside & there[:, None] & across


@dataclass(frozen=True)
class RegionProfile:
    """The profile of an area.

    Attributes:
        analysis: measures of the pixels in the area; ``analysis.profile`` is the profile. With a
            measured image, its curve ``true`` is of that image.
        threshold: grey level above which a pixel is vessel.
        pixels: that lie in the area.
        window: pixels of the slide in which vessels were looked for.
        vessels: (height, width) of ``window``: number of the vessel of each pixel, 0 for none; None
            where that would be large.
    """

    analysis: SlideAnalysis
    threshold: float
    pixels: int
    window: Window
    vessels: np.ndarray | None


def region_profile(
    image: PlacedPlane,
    vessels: Plane,
    area: Area,
    bounds: Window,
    *,
    pixel_size_um: float,
    config: SpatialConfig,
    measured: PlacedPlane | None = None,
    name: str = "region",
) -> RegionProfile:
    """Measure the pixels of an image within an area, by their distance to the nearest vessel.

    The threshold of vessels is that of the whole slide. Vessels within ``max_distance_um`` of the
    area count, so that the distances are those of the whole slide. Memory does not depend on the
    size of the area.

    Args:
        image: grey levels, such as a prediction, on the pixels of ``vessels``.
        vessels: the vessel channel.
        area: the area.
        bounds: a rectangle that holds the area, px of ``vessels``.
        pixel_size_um: um per pixel of ``vessels``.
        config: bins, thresholds, areas of vessels.
        measured: another image to show beside, such as a measured target.
        name: of the area, for tables.

    Raises:
        RegionError: too few pixels of the image lie in the area.
        VesselsError: no vessel is found near the area, or nothing but vessel.

    Example:
        >>> region_profile(image, vessels, area, bounds, pixel_size_um=0.5,
        ...                config=SpatialConfig()).analysis.profile.pred.mean  # doctest: +SKIP
    """
    window = bounds.grown(int(np.ceil(config.max_distance_um / pixel_size_um)), vessels)
    covered = image.covered if measured is None else image.covered.overlap(measured.covered)
    inside = _Inside(window, area, covered)
    pixels = _enough_pixels(inside, name)
    stain = find_stain(vessels, config)  # of the whole slide
    near = replace(stain, plane=_Cut(window, vessels))
    pred, true = _Cut(window, image), None if measured is None else _Cut(window, measured)
    with tempfile.TemporaryDirectory(prefix="hrpn-tf-") as scratch:
        found = find_vessels(near.wall, pixel_size_um, config, Path(scratch), name, near)
        range_ = extremes(pred) if true is None else extremes(pred) | extremes(true)
        slide = SpatialSlide(
            name=name,
            group="",
            true=true,
            pred=pred,
            tissue=inside,
            vessels=found,
            vessel_source="vessel channel",
            nuclei=None,
            nucleus_source="",
            positive=range_.high,
            regions={},
            pixel_size_um=pixel_size_um,
        )
        analysis = SlideAnalysis(measure_slide(slide, config, range_), None, config, range_)
        labels = _small(found.labels, window)
    return RegionProfile(analysis, stain.vessel, pixels, window, labels)


def _enough_pixels(inside: _Inside, name: str) -> int:
    """The number of pixels in an area.

    Raises:
        RegionError: they are too few for a profile.
    """
    pixels = int(sum(int(band.read(inside).sum()) for band in _rows(inside.part)))
    if pixels < FEWEST_PIXELS:
        raise RegionError(
            f"{name}: {pixels} pixels of the image lie in it; at least {FEWEST_PIXELS} are needed"
        )
    return pixels


def _small(labels: Plane, window: Window) -> np.ndarray | None:
    """The labels of a window in memory; None where they would be large."""
    if window.height * window.width > _LARGEST_SHOWN:
        return None
    return labels.read(0, 0, window.height, window.width).astype(np.int32)


def _rows(window: Window, rows: int = 512) -> list[Window]:
    """A window from its own first pixel on, in bands."""
    return [
        Window(y, 0, min(rows, window.height - y), window.width)
        for y in range(0, window.height, rows)
    ]
