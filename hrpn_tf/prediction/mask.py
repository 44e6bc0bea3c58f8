"""Areas of a slide to predict, drawn in QuPath and exported as GeoJSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hrpn_tf.errors import MaskError
from hrpn_tf.prediction.geojson import (
    Outline,
    areas_of,
    named,
    outlines_of,
    read_geojson,
    repaired,
)
from hrpn_tf.prediction.outlines import crossings, refuse_tangled
from hrpn_tf.prediction.qupath import IGNORED
from hrpn_tf.text import printable

_NO_POLYGON = "holds no polygon; draw an area, and export it as GeoJSON"
_ONLY_IGNORED = f" (those of class {IGNORED} are cut out)"


@dataclass(frozen=True)
class PolygonMask:
    """Polygons on a slide.

    Attributes:
        area: the polygons, px; x to the right, y down, from the outer corner of the first pixel.
        united: number of outlines that it is made of.
        cut_out: number of outlines of QuPath's class ``Ignore*`` that were cut out.
    """

    area: BaseGeometry
    united: int = 1
    cut_out: int = 0

    def touches(self, y: int, x: int, height: int, width: int) -> bool:
        """Whether any part of a window may lie inside."""
        shapely.prepare(self.area)
        return bool(self.area.intersects(shapely.box(x, y, x + width, y + height)))

    def touched(self, y: np.ndarray, x: np.ndarray, height: int, width: int) -> np.ndarray:
        """(len(y), len(x)) bool: as :meth:`touches`, for a grid of windows of one size."""
        shapely.prepare(self.area)
        top, left = y[:, None], x[None, :]
        boxes = shapely.box(left, top, left + width, top + height)
        return np.asarray(shapely.intersects(self.area, boxes))

    def fill(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """(height, width) bool: the pixels whose centres lie inside.

        Even-odd rule along rows of pixel centres; the result does not depend on the window.
        """
        _, row, column = crossings(self._edges, y, x, height, width)
        turns = np.zeros((height, width + 1), np.intp)
        np.add.at(turns, (row, column), 1)
        inside: np.ndarray = np.cumsum(turns[:, :width], axis=1) % 2 == 1
        return inside

    @cached_property
    def _edges(self) -> np.ndarray:
        """(4, n): x and y of the first and second end of every edge of every ring, px."""
        rings = shapely.get_rings(shapely.get_parts(self.area))
        points, ring = shapely.get_coordinates(rings, return_index=True)
        same = ring[1:] == ring[:-1]
        edges: np.ndarray = np.hstack([points[:-1][same], points[1:][same]]).T
        return edges


def read_mask(path: Path, height: int, width: int, scale: float = 1.0) -> PolygonMask:
    """Read the polygons of a GeoJSON file.

    Annotations are united, whatever their class, but those of QuPath's class ``Ignore*`` are cut
    out.

    Args:
        path: a FeatureCollection, Feature, geometry, or list of features, as QuPath exports
            annotations: coordinates are px of the full-resolution slide.
        height, width: of that slide, px.
        scale: px of the result per px of that slide.

    Raises:
        MaskError: the file cannot be read, holds no area, lies outside the slide, or its outlines
            cross themselves too often.
    """
    with named(path):
        found = outlines_of(read_geojson(path), path)
        refuse_tangled([outline.geometry for outline in found], path)
        united, cut = ([o for o in found if o.ignored is ignored] for ignored in (False, True))
        whole = shapely.unary_union(repaired(united))
        if whole.is_empty:
            raise MaskError(f"{path}: {_NO_POLYGON}{_ONLY_IGNORED if cut else ''}")
        area = whole.difference(shapely.unary_union(repaired(cut))) if cut else whole
        if area.is_empty:
            raise MaskError(f"{path}: the annotations of class {IGNORED} cover all others")
        inside = area.intersection(shapely.box(0, 0, width, height))
        refuse_outside(path, area.bounds, area.area, inside.area, height, width)
        if scale != 1:
            inside = shapely.transform(inside, lambda points: points * scale)
        return PolygonMask(areas_of(inside), united=len(united), cut_out=len(cut))


def refuse_outside(
    path: Path,
    bounds: Sequence[float],
    area: float,
    inside: float,
    height: int,
    width: int,
) -> None:
    """Refuse outlines of another slide, or in other units than pixels.

    Args:
        path: the file.
        bounds: least x and y, largest x and y of the outlines.
        area: of the outlines, px.
        inside: of that the area on the slide.
        height, width: of the slide, px.

    Raises:
        MaskError: half of the area is outside, or it is less than a pixel.
    """
    if inside < 0.5 * area:
        left, top, right, bottom = bounds
        raise MaskError(
            f"{path}: lies {'mostly ' if inside else ''}outside the slide of {width} x "
            f"{height} px: it reaches from x {left:g}, y {top:g} to x {right:g}, y {bottom:g}; "
            "coordinates must be pixels of this slide at full resolution"
        )
    if inside < 1:
        raise MaskError(
            f"{path}: covers less than one pixel; coordinates must be pixels of the slide at full "
            "resolution, not shares of it or millimetres"
        )


def read_regions(
    path: Path,
    height: int,
    width: int,
    name_of: Callable[[Mapping[str, Any], int], str],
    scale: float = 1.0,
) -> dict[str, PolygonMask]:
    """Read the features of a GeoJSON file as separate areas, by name.

    Those of QuPath's class ``Ignore*`` are cut out of all others.

    Args:
        path: as for :func:`read_mask`.
        height, width: of the slide, px.
        name_of: gives the name of a feature and its number, from 1; features of one name are
            merged.
        scale: px of the result per px of that slide.

    Raises:
        MaskError: the file cannot be read, holds no area, an area lies outside the slide, or
            outlines cross themselves too often.
    """
    with named(path):
        value = read_geojson(path)
        features = value["features"] if isinstance(value, dict) and "features" in value else value
        parts: dict[str, list[Outline]] = {}
        cut: list[Outline] = []
        for number, one in enumerate(features if isinstance(features, list) else [features], 1):
            for outline in outlines_of(one, path):
                if outline.ignored:
                    cut.append(outline)
                elif repaired([outline]):
                    parts.setdefault(name_of(one, number), []).append(outline)
        if not parts:
            raise MaskError(f"{path}: {_NO_POLYGON}{_ONLY_IGNORED if cut else ''}")
        every = [outline for group in (*parts.values(), cut) for outline in group]
        refuse_tangled([outline.geometry for outline in every], path)
        slide, away = shapely.box(0, 0, width, height), shapely.unary_union(repaired(cut))
        regions = {}
        for name, areas in parts.items():
            area = shapely.unary_union(repaired(areas)).difference(away)
            inside = areas_of(area.intersection(slide))
            if inside.area < 1:
                raise MaskError(
                    f"{path}: the region '{printable(name)}' covers no pixel of the slide of "
                    f"{width} x {height} px; coordinates must be pixels of this slide at full "
                    "resolution"
                )
            if scale != 1:
                inside = areas_of(shapely.transform(inside, lambda points: points * scale))
            regions[name] = PolygonMask(inside, united=len(areas), cut_out=len(cut))
        return regions
