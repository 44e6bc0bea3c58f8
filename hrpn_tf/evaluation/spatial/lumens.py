"""Lumens: dark areas that a stained wall surrounds, closed or not, also at the edge of a slide."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.evaluation.planes import Plane, PlaneOfSize, Window
from hrpn_tf.evaluation.spatial.components import Components, label_components
from hrpn_tf.slides import iter_windows

SMOOTHING_UM = 0.5  # standard deviation; noise would break a dark area into pieces
TRUNCATE = 4.0
WALL_UM = 2.0  # farthest wall from the outline of a lumen, which the point spread rounds off
WALL_SHARE = 0.5  # least share of the outline beside a wall
# the same of an area at the edge of the slide, which may be glass with vessels open towards it
WALL_SHARE_AT_EDGE = 0.9
CLOSED_UM = 1.0  # what blur leaves between lumen and wall
WINDOW = 1024


@dataclass(frozen=True)
class GrownAreas:
    """Areas with a margin, in which blur hides that a wall begins.

    Attributes:
        areas: number of the area that a pixel is in, or 0.
        margin_px: of the result.
    """

    areas: Plane
    margin_px: float

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.areas.height

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.areas.width

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(bool)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        from scipy.ndimage import distance_transform_edt

        window = Window(y, x, height, width)
        outer = window.grown(int(np.ceil(self.margin_px)), self.areas)
        outside = outer.read(self.areas) == 0
        if outside.all():
            return ~outside[window.within(outer)]
        grown: np.ndarray = distance_transform_edt(outside) <= self.margin_px
        return grown[window.within(outer)]


@dataclass(frozen=True)
class DarkPixels(PlaneOfSize):
    """The pixels of a plane that are as dark as a place without tissue, after smoothing.

    Attributes:
        level: highest grey level of such a pixel.
        sigma_px: standard deviation of the Gaussian, px.
    """

    level: float
    sigma_px: float

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(bool)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        from scipy.ndimage import gaussian_filter

        window = Window(y, x, height, width)
        outer = window.grown(int(np.ceil(TRUNCATE * self.sigma_px)) + 1, self.plane)
        grey = outer.read(self.plane).astype(np.float32)
        smooth = gaussian_filter(grey, self.sigma_px, mode="reflect", truncate=TRUNCATE)
        dark: np.ndarray = smooth[window.within(outer)] <= self.level
        return dark


def find_lumens(
    stain: Plane,
    wall: Plane,
    dark_level: float,
    *,
    pixel_size_um: float,
    least_um2: float,
    largest_um2: float,
    scratch: Path,
) -> Plane:
    """Dark areas whose outline has a wall beside it along at least half its length.

    The edge of a slide is no outline, so that a lumen that it cuts is found too.

    Args:
        stain: vessel channel, grey levels.
        wall: pixels other than 0 are vessel wall.
        dark_level: highest grey level of a pixel without tissue.
        pixel_size_um: um per pixel.
        least_um2, largest_um2: areas of a lumen.
        scratch: folder to make for labels.

    Returns:
        Mask of the lumens with a margin of ``CLOSED_UM``; it does not depend on windows.
    """
    dark = DarkPixels(stain, dark_level, SMOOTHING_UM / pixel_size_um)
    found = label_components(dark, scratch, diagonal=False)
    area = found.area_px * pixel_size_um**2
    found = found.keep((area >= least_um2) & (area <= largest_um2))
    outline, walled, at_edge = _outlines(found, wall, WALL_UM / pixel_size_um)
    share = np.where(at_edge, WALL_SHARE_AT_EDGE, WALL_SHARE)
    lumens = found.keep(walled >= share * np.maximum(outline, 1))
    return GrownAreas(lumens.labels, CLOSED_UM / pixel_size_um)


def _outlines(
    areas: Components, wall: Plane, reach_px: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Length of the outline of each area in pixel edges, that beside a wall, and if it is cut."""
    from scipy.ndimage import distance_transform_edt

    count = len(areas) + 1
    outline, walled, at_edge = np.zeros(count), np.zeros(count), np.zeros(count, bool)
    for place in iter_windows(wall.height, wall.width, WINDOW):
        window = Window(*place)
        beside = window.grown(1, wall)  # with the neighbours of the pixels at its edge
        labels = beside.read(areas.labels)
        if not labels.any():
            continue
        outer = beside.grown(int(np.ceil(reach_px)), wall)
        is_wall = outer.read(wall) != 0
        near = distance_transform_edt(~is_wall) <= reach_px if is_wall.any() else is_wall
        near, own = near[beside.within(outer)], window.within(beside)
        at_edge[_at_edge(labels, beside, wall)] = True
        for axis, step in ((0, -1), (0, 1), (1, -1), (1, 1)):
            inside, neighbour, neighbour_near = _shifted(labels, near, own, axis, step)
            edge = (inside > 0) & (neighbour == 0)
            outline += np.bincount(inside[edge], minlength=count)
            walled += np.bincount(inside[edge & neighbour_near], minlength=count)
    return outline[1:], walled[1:], at_edge[1:]


def _at_edge(labels: np.ndarray, window: Window, plane: Plane) -> np.ndarray:
    """The areas of a window that touch the edge of the plane."""
    sides = [
        labels[0] if window.y == 0 else None,
        labels[-1] if window.y + window.height == plane.height else None,
        labels[:, 0] if window.x == 0 else None,
        labels[:, -1] if window.x + window.width == plane.width else None,
    ]
    return np.unique(
        np.concatenate([np.zeros(1, labels.dtype), *(s for s in sides if s is not None)])
    )


def _shifted(
    labels: np.ndarray, near: np.ndarray, own: tuple[slice, slice], axis: int, step: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Own pixels that have a neighbour on one side, and label and wall of that neighbour."""
    here, there = list(own), list(own)
    length, part = labels.shape[axis], own[axis]
    start, stop = max(part.start, -step), min(part.stop, length - max(step, 0))
    here[axis], there[axis] = slice(start, stop), slice(start + step, stop + step)
    return labels[tuple(here)], labels[tuple(there)], near[tuple(there)]
