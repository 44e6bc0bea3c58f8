"""Areas of a slide to predict, drawn in QuPath and exported as GeoJSON."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from hrpn_tf.errors import MaskError

_MAX_BYTES = 512 * 2**20


@dataclass(frozen=True)
class PolygonMask:
    """Polygons on a slide.

    Attributes:
        area: the polygons, px; x to the right, y down, from the outer corner of the first pixel.
    """

    area: BaseGeometry

    def touches(self, y: int, x: int, height: int, width: int) -> bool:
        """Whether any part of a window may lie inside."""
        shapely.prepare(self.area)
        return bool(self.area.intersects(shapely.box(x, y, x + width, y + height)))

    def fill(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """(height, width) bool: the pixels whose centres lie inside.

        Even-odd rule along rows of pixel centres. Crossings are computed in the coordinates of the
        slide, so that the result does not depend on the window.
        """
        x0, y0, x1, y1 = self._edges
        # rows that an edge crosses: their centres lie from its upper end on to above its lower end
        first = np.clip(np.ceil(np.minimum(y0, y1) - 0.5) - y, 0, height).astype(np.intp)
        end = np.clip(np.ceil(np.maximum(y0, y1) - 0.5) - y, 0, height).astype(np.intp)
        edge = np.repeat(np.arange(len(x0)), end - first)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(end - first) - end, end - first)
        slope = (x1[edge] - x0[edge]) / (y1[edge] - y0[edge])
        crossing = x0[edge] + (row + y + 0.5 - y0[edge]) * slope
        column = np.clip(np.ceil(crossing - 0.5) - x, 0, width).astype(np.intp)
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

    Args:
        path: a FeatureCollection, Feature, geometry, or list of features, as QuPath exports
            annotations: coordinates are px of the full-resolution slide.
        height, width: of that slide, px.
        scale: px of the result per px of that slide.

    Raises:
        MaskError: the file cannot be read, holds no area, or lies outside the slide.
    """
    try:
        geometries = _geometries(_read(path), path)
    except RecursionError:
        raise MaskError(f"{path}: not GeoJSON: its lists are nested without end") from None
    area = shapely.unary_union([g for g in geometries if g.area > 0])
    if area.is_empty:
        raise MaskError(f"{path}: holds no polygon; draw an area, and export it as GeoJSON")
    slide = shapely.box(0, 0, width, height)
    inside = area.intersection(slide)
    if inside.area < 0.5 * area.area:
        left, top, right, bottom = area.bounds
        raise MaskError(
            f"{path}: lies {'mostly ' if inside.area else ''}outside the slide of {width} x "
            f"{height} px: it reaches from x {left:g}, y {top:g} to x {right:g}, y {bottom:g}; "
            "coordinates must be pixels of this slide at full resolution"
        )
    if inside.area < 1:
        raise MaskError(
            f"{path}: covers less than one pixel; coordinates must be pixels of the slide at full "
            "resolution, not shares of it or millimetres"
        )
    if scale != 1:
        inside = shapely.transform(inside, lambda points: points * scale)
    return PolygonMask(_areas(inside))


def read_regions(
    path: Path,
    height: int,
    width: int,
    name_of: Callable[[Mapping[str, Any], int], str],
    scale: float = 1.0,
) -> dict[str, PolygonMask]:
    """Read the features of a GeoJSON file as separate areas, by name.

    Args:
        path: as for :func:`read_mask`.
        height, width: of the slide, px.
        name_of: gives the name of a feature and its number, from 1; features of one name are
            merged.
        scale: px of the result per px of that slide.

    Raises:
        MaskError: the file cannot be read, holds no area, or an area lies outside the slide.
    """
    value = _read(path)
    features = value.get("features") if isinstance(value, dict) and "features" in value else value
    parts: dict[str, list[Any]] = {}
    try:
        for number, one in enumerate(features if isinstance(features, list) else [features], 1):
            found = [g for g in _geometries(one, path) if g.area > 0]
            if found:
                parts.setdefault(name_of(one, number), []).extend(found)
    except RecursionError:
        raise MaskError(f"{path}: not GeoJSON: its lists are nested without end") from None
    if not parts:
        raise MaskError(f"{path}: holds no polygon; draw an area, and export it as GeoJSON")
    slide, regions = shapely.box(0, 0, width, height), {}
    for name, areas in parts.items():
        inside = _areas(shapely.unary_union(areas).intersection(slide))
        if inside.area < 1:
            raise MaskError(
                f"{path}: the region '{name}' covers no pixel of the slide of {width} x {height} "
                "px; coordinates must be pixels of this slide at full resolution"
            )
        if scale != 1:
            inside = _areas(shapely.transform(inside, lambda points: points * scale))
        regions[name] = PolygonMask(inside)
    return regions


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise MaskError(f"{path}: larger than {_MAX_BYTES // 2**20} MiB; that is no mask")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MaskError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise MaskError(f"{path}: not GeoJSON; export annotations from QuPath as GeoJSON") from None


def _geometries(value: Any, path: Path) -> list[Any]:
    """All geometries of a GeoJSON value, made valid (hand-drawn outlines cross themselves)."""
    if isinstance(value, list):
        return [g for one in value for g in _geometries(one, path)]
    if not isinstance(value, dict):
        raise MaskError(f"{path}: not GeoJSON; export annotations from QuPath as GeoJSON")
    if value.get("type") == "FeatureCollection":
        return _geometries(value.get("features") or [], path)
    if value.get("type") == "Feature":
        return [] if value.get("geometry") is None else _geometries(value["geometry"], path)
    try:
        with np.errstate(all="ignore"):  # numpy would also warn about NaN
            geometry = shape(value)
        if not np.isfinite(geometry.bounds).all() and not geometry.is_empty:
            raise ValueError("infinite coordinates")
        return [_areas(shapely.make_valid(geometry))]
    except Exception as error:  # noqa: BLE001 (a malformed file can raise anything)
        reason = " ".join(str(error).split())[:120]
        raise MaskError(f"{path}: a geometry in it cannot be read ({reason})") from None


def _areas(geometry: Any) -> Any:
    """The polygons of a geometry, without points and lines left by the repair."""
    parts = shapely.get_parts(geometry, return_index=False)
    flat = [p for part in parts for p in shapely.get_parts(part)]
    return shapely.unary_union([p for p in flat if p.geom_type == "Polygon"])
