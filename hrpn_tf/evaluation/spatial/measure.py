"""Spatial measurements of one slide, in one pass over its windows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np

from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.evaluation.planes import Plane, Window
from hrpn_tf.evaluation.spatial.bins import Bins, make_bins
from hrpn_tf.evaluation.spatial.components import Components
from hrpn_tf.evaluation.spatial.intensity import Extremes, Histogram
from hrpn_tf.evaluation.spatial.layout import Squares, make_squares
from hrpn_tf.evaluation.spatial.nuclei import (
    LEAST_AREA,
    Nuclei,
    NucleusMeans,
    joined,
    measure_nuclei,
)
from hrpn_tf.evaluation.spatial.vessel_sums import VesselSums
from hrpn_tf.evaluation.spatial.vessels import NearestVessel
from hrpn_tf.slides import iter_windows

LEAST_WINDOW, LARGEST_WINDOW = 1024, 2048
MOST_BLOCKS = 1000  # of a slide; larger ones have larger blocks
Progress = Callable[[int], object]
T = TypeVar("T")


class Area(Protocol):
    """An area that is drawn on a slide."""

    def touches(self, y: int, x: int, height: int, width: int) -> bool:
        """Whether any of a window may be inside."""
        ...

    def fill(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """(height, width) bool: the pixels inside."""
        ...


@dataclass(frozen=True)
class SpatialSlide:
    """A slide and all that its spatial evaluation needs.

    Attributes:
        name, group: of the slide.
        true: measured target; None for a slide on which it was not measured, whose sums of the
            measured target are then those of the predicted one.
        pred: predicted target.
        tissue: mask of the pixels that count; None for all.
        vessels: found or given.
        vessel_source, nucleus_source: where they come from, in words.
        nuclei: None if there are none to look at.
        positive: grey level above which a pixel or nucleus is positive.
        regions: name: area, drawn by the user.
        pixel_size_um: um per pixel.
        stain: vessel channel, of which the mean in each vessel is taken; None for none.
        per_vessel: whether to measure the outline and the profile of each vessel.
    """

    name: str
    group: str
    true: Plane | None
    pred: Plane
    tissue: Plane | None
    vessels: Components
    vessel_source: str
    nuclei: Nuclei | None
    nucleus_source: str
    positive: float
    regions: Mapping[str, Area]
    pixel_size_um: float
    stain: Plane | None = None
    per_vessel: bool = False


@dataclass(frozen=True)
class SlideMeasures:
    """Sums over one slide.

    Attributes:
        slide: what was measured.
        bins: of distance.
        blocks, cells: squares of the bootstrap, and sub-areas.
        by_distance: (blocks, bins, 6) sums of 1, t, p, t^2, p^2, t p over pixels.
        distance_sums: (bins,) sum of distances, um.
        by_cell: (cells, 3) sums of 1, t, p.
        positive_by_cell: (cells, 4): positive pixels outside vessels and the sum of their
            distances, um, measured then predicted.
        by_vessel: (vessels, 3) sums of 1, t, p over the surroundings of each.
        by_region: region: sums of 1, t, p.
        nuclei: all of the slide.
        nucleus_distance_um: (nuclei,) distance of each centroid to the nearest vessel, um;
            infinite beyond the largest that is measured.
        true_range, pred_range: histograms of the pixels that count.
        vessels: outline and profile of each vessel; None unless ``slide.per_vessel``.
    """

    slide: SpatialSlide
    bins: Bins
    blocks: Squares
    cells: Squares
    by_distance: np.ndarray
    distance_sums: np.ndarray
    by_cell: np.ndarray
    positive_by_cell: np.ndarray
    by_vessel: np.ndarray
    by_region: dict[str, np.ndarray]
    nuclei: NucleusMeans
    nucleus_distance_um: np.ndarray
    true_range: Histogram
    pred_range: Histogram
    vessels: VesselSums | None = None


def measure_slide(
    slide: SpatialSlide,
    config: SpatialConfig,
    range_: Extremes,
    progress: Progress | None = None,
) -> SlideMeasures:
    """Compute all sums of a slide. Memory does not depend on its size.

    Args:
        slide: open.
        config: bins, squares, thresholds.
        range_: of the grey levels of all slides.
        progress: called with the number of pixels finished since the last call.
    """
    return measure_together([slide], config, range_, progress)[0]


def measure_together(
    slides: Sequence[SpatialSlide],
    config: SpatialConfig,
    range_: Extremes,
    progress: Progress | None = None,
) -> list[SlideMeasures]:
    """The sums of several images of one slide, such as a prediction and its bounds.

    Distances and nuclei are those of the first; they are found once for all.

    Args:
        slides: the same slide, with other planes.
        config, range_, progress: see :func:`measure_slide`.
    """
    first = slides[0]
    found = NearestVessel(first.vessels.labels, first.pixel_size_um, config.max_distance_um)
    nearest = LastWindow(found.read)
    nuclei = None if first.nuclei is None else LastNuclei(LastWindow(first.nuclei.label))
    sums = [_Sums(replace(slide, nuclei=nuclei), config, range_) for slide in slides]
    side = int(np.clip(2 * found.halo, LEAST_WINDOW, LARGEST_WINDOW))
    for place in iter_windows(first.pred.height, first.pred.width, side):
        window = Window(*place)
        for each in sums:
            each.add(window, nearest)
        if progress is not None:
            progress(window.height * window.width)
    return [each.measures() for each in sums]


def least_nucleus(config: SpatialConfig, pixel_size_um: float) -> float:
    """Pixels of the smallest nucleus that counts."""
    diameter = config.nucleus_diameter_um / pixel_size_um
    return LEAST_AREA * float(np.pi) * diameter**2 / 4


class LastWindow(Generic[T]):
    """What was computed for the last window, so that several images of a slide share it."""

    def __init__(self, compute: Callable[[Window], T]) -> None:
        self._compute = compute
        self._last: tuple[Window, T] | None = None

    def __call__(self, window: Window) -> T:
        """What was computed for a window."""
        if self._last is None or self._last[0] != window:
            self._last = window, self._compute(window)
        return self._last[1]


@dataclass(frozen=True)
class LastNuclei:
    """Nuclei of the last window; see ``Nuclei``."""

    found: LastWindow[tuple[np.ndarray, Window]]

    def label(self, window: Window) -> tuple[np.ndarray, Window]:
        """See ``Nuclei``."""
        return self.found(window)


Nearest = LastWindow[tuple[np.ndarray, np.ndarray]]


class _Sums:
    """The running sums of one slide; see ``SlideMeasures``."""

    def __init__(self, slide: SpatialSlide, config: SpatialConfig, range_: Extremes) -> None:
        self.slide, self.config = slide, config
        self.bins = make_bins(config.bin_um, config.max_distance_um)
        shape = (slide.pixel_size_um, slide.pred.height, slide.pred.width)
        side = config.block_um
        while len(make_squares(side, *shape)) > MOST_BLOCKS:
            side *= 1.25
        self.blocks = make_squares(side, *shape)
        self.cells = make_squares(config.grid_um, *shape)
        self.by_distance = np.zeros((len(self.blocks) * self.bins.count, 6))
        self.distance_sums = np.zeros(self.bins.count)
        self.by_cell = np.zeros((len(self.cells), 3))
        self.positive_by_cell = np.zeros((len(self.cells), 4))
        self.by_vessel = np.zeros((len(slide.vessels) + 1, 3))
        self.by_region = {name: np.zeros(3) for name in slide.regions}
        self.nuclei: list[NucleusMeans] = []
        self.nucleus_distance: list[np.ndarray] = [np.zeros(0)]
        self.vessels = VesselSums(len(slide.vessels), self.bins.count) if slide.per_vessel else None
        self.true_range, self.pred_range = Histogram(range_), Histogram(range_)

    def add(self, window: Window, nearest: Nearest) -> None:
        """Add the pixels and nuclei of one window."""
        slide = self.slide
        pred = window.read(slide.pred).astype(np.float64)
        true = pred if slide.true is None else window.read(slide.true).astype(np.float64)
        self._add_regions(window, true, pred)
        self._add_nuclei(window, nearest)
        if self.vessels is not None:
            self.vessels.add_outlines(window, slide.vessels.labels, slide.stain)
        counts = np.ones(pred.shape, bool) if slide.tissue is None else window.read(slide.tissue)
        if not counts.any():
            return
        distance, vessel = (part[counts] for part in nearest(window))
        true, pred = true[counts], pred[counts]
        self.true_range.add(true)
        self.pred_range.add(pred)
        self._add_profile(self.blocks.index(window)[counts], distance, true, pred)
        self._add_cells(self.cells.index(window)[counts], distance, true, pred)
        close = (distance > 0) & (distance <= self.config.perivascular_um)
        _add_to(self.by_vessel, vessel[close], true[close], pred[close])
        if self.vessels is not None:
            near = (distance > 0) & np.isfinite(distance)
            self.vessels.add_profiles(vessel[near], distance[near], pred[near], self.bins)

    def _add_profile(
        self, block: np.ndarray, distance: np.ndarray, true: np.ndarray, pred: np.ndarray
    ) -> None:
        index = self.bins.index(distance)
        known = np.isfinite(distance)
        self.distance_sums += np.bincount(index[known], distance[known], self.bins.count)
        place = block * self.bins.count + index
        _add_to(self.by_distance, place, true, pred, true * true, pred * pred, true * pred)

    def _add_cells(
        self, cell: np.ndarray, distance: np.ndarray, true: np.ndarray, pred: np.ndarray
    ) -> None:
        _add_to(self.by_cell, cell, true, pred)
        near = np.minimum(distance, self.config.max_distance_um)
        for column, values in ((0, true), (2, pred)):
            positive = (values > self.slide.positive) & (distance > 0)
            part = self.positive_by_cell[:, column : column + 2]
            _add_to(part, cell[positive], near[positive])

    def _add_regions(self, window: Window, true: np.ndarray, pred: np.ndarray) -> None:
        place = (window.y, window.x, window.height, window.width)
        for name, area in self.slide.regions.items():
            if area.touches(*place):
                inside = area.fill(*place)
                self.by_region[name] += (inside.sum(), true[inside].sum(), pred[inside].sum())

    def _add_nuclei(self, window: Window, nearest: Nearest) -> None:
        slide = self.slide
        if slide.nuclei is None:
            return
        found = measure_nuclei(
            slide.nuclei,
            window,
            slide.pred if slide.true is None else slide.true,
            slide.pred,
            least_px=least_nucleus(self.config, slide.pixel_size_um),
            grown_px=self.config.perinuclear_um / slide.pixel_size_um,
        )
        self.nuclei.append(found)
        if len(found):
            row, column = (np.floor(at + 0.5).astype(np.intp) for at in (found.y_px, found.x_px))
            distance, _ = nearest(window)
            self.nucleus_distance.append(distance[row - window.y, column - window.x])

    def measures(self) -> SlideMeasures:
        """Everything that was added."""
        return SlideMeasures(
            slide=self.slide,
            bins=self.bins,
            blocks=self.blocks,
            cells=self.cells,
            by_distance=self.by_distance.reshape(len(self.blocks), self.bins.count, 6),
            distance_sums=self.distance_sums,
            by_cell=self.by_cell,
            positive_by_cell=self.positive_by_cell,
            by_vessel=self.by_vessel[1:],
            by_region=self.by_region,
            nuclei=joined(self.nuclei),
            nucleus_distance_um=np.concatenate(self.nucleus_distance),
            true_range=self.true_range,
            pred_range=self.pred_range,
            vessels=self.vessels,
        )


def _add_to(sums: np.ndarray, place: np.ndarray, *values: np.ndarray) -> None:
    """Add 1 and values to the rows of ``sums`` (rows, 1 + values), in place."""
    sums[:, 0] += np.bincount(place, minlength=len(sums))
    for column, terms in enumerate(values, start=1):
        sums[:, column] += np.bincount(place, terms, len(sums))
