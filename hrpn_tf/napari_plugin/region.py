"""Places: what a window shows, as pixels of a slide, and outlines that were drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.errors import RegionError, UsageError

if TYPE_CHECKING:
    from hrpn_tf.prediction.mask import PolygonMask

_ELLIPSE = 96  # corners of a drawn ellipse
_ROUNDING = 1e-6  # px


@dataclass(frozen=True)
class PixelRegion:
    """A rectangle of a slide, px at full resolution, as ``predict --region`` takes it.

    Attributes:
        x, y, width, height: px.
    """

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @classmethod
    def parse(cls, text: str) -> "PixelRegion":
        """The region that :meth:`__str__` wrote.

        Raises:
            ValueError: something else.

        >>> PixelRegion.parse("10,20,300,200")
        PixelRegion(x=10, y=20, width=300, height=200)
        """
        x, y, width, height = (int(part) for part in text.split(","))
        return cls(x, y, width, height)


def seen_region(
    centre: Sequence[float],
    zoom: float,
    canvas: tuple[int, int],
    corner_um: Sequence[float],
    size_um: float,
    shape: tuple[int, int],
) -> PixelRegion:
    """The part of a slide that the window shows, widened to whole px and cut at the slide's edge.

    Args:
        centre: (y, x) of the window's centre, um.
        zoom: px of the window per um.
        canvas: (height, width) of the window, px.
        corner_um: (y, x) of the outer corner of the slide's first pixel, um.
        size_um: um per pixel of the slide.
        shape: (height, width) of the slide, px.

    Raises:
        RegionError: nothing of the slide is in the window.

    >>> seen_region((50.0, 60.0), 2.0, (100, 40), (0.0, 0.0), 0.5, (400, 400))
    PixelRegion(x=100, y=50, width=40, height=100)
    """
    middle = (np.asarray(centre, float) - np.asarray(corner_um)) / size_um
    half = np.asarray(canvas, float) / (2 * zoom * size_um)
    top, left = np.maximum(np.floor(middle - half + _ROUNDING), 0).astype(int)
    bottom, right = np.minimum(np.ceil(middle + half - _ROUNDING), shape).astype(int)
    if bottom <= top or right <= left:
        raise RegionError("nothing of the slide is in the window; move or zoom it into view")
    return PixelRegion(int(left), int(top), int(right - left), int(bottom - top))


def outline_px(
    shapes: Sequence[np.ndarray], kinds: Sequence[str], corner_um: Sequence[float], size_um: float
) -> "PolygonMask":
    """The area of drawn shapes on the pixels of a slide.

    Args:
        shapes: corners (n, 2) of each, (y, x) um; of a rectangle and an ellipse the four corners.
        kinds: of each, as napari names them.
        corner_um: (y, x) of the outer corner of the slide's first pixel, um.
        size_um: um per pixel of the slide.

    Raises:
        UsageError: no shape has an area.
    """
    import shapely

    from hrpn_tf.prediction.mask import PolygonMask

    areas = []
    for corners, kind in zip(shapes, kinds, strict=True):
        if kind in ("line", "path") or len(corners) < 3:
            continue
        points = _ellipse(corners) if kind == "ellipse" else np.asarray(corners, float)
        drawn = (points - np.asarray(corner_um)) / size_um
        area = shapely.make_valid(shapely.Polygon(drawn[:, ::-1]))
        areas += [part for part in shapely.get_parts(area) if part.geom_type.endswith("Polygon")]
    whole = shapely.unary_union(areas)
    if whole.area < 1:
        raise UsageError("no area is drawn; draw a rectangle, an ellipse or a polygon")
    return PolygonMask(whole)


def window_of(area: "PolygonMask", height: int, width: int) -> tuple[int, int, int, int]:
    """The pixels (y, x, height, width) that may lie in an area, within a slide.

    Raises:
        RegionError: the area lies outside.
    """
    left, top, right, bottom = area.area.bounds
    y, x = max(0, math.floor(top)), max(0, math.floor(left))
    h, w = min(height, math.ceil(bottom)) - y, min(width, math.ceil(right)) - x
    if h < 1 or w < 1:
        raise RegionError("the drawn area lies outside of the image that is to be measured")
    return y, x, h, w


def _ellipse(corners: np.ndarray) -> np.ndarray:
    """Points on the ellipse within a rectangle, which may be turned."""
    centre = corners.mean(axis=0)
    one, other = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    turn = np.linspace(0, 2 * np.pi, _ELLIPSE, endpoint=False)[:, None]
    points: np.ndarray = centre + np.cos(turn) * one + np.sin(turn) * other
    return points
