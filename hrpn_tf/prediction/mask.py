"""Which part of a slide is wanted, drawn in QuPath and exported as GeoJSON."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from hrpn_tf.errors import MaskError

_MAX_BYTES = 512 * 2**20
_SHIFT = 4  # bits of a fraction of a pixel, when polygons are filled


@dataclass(frozen=True)
class PolygonMask:
    """Polygons on a slide.

    Attributes:
        area: what is inside, px; x to the right, y down, from the outer corner of the first pixel.
    """

    area: BaseGeometry

    def touches(self, y: int, x: int, height: int, width: int) -> bool:
        """Whether any of a window may be inside."""
        shapely.prepare(self.area)
        # pixels that an outline crosses count as inside, so look one pixel further
        return bool(self.area.intersects(shapely.box(x - 1, y - 1, x + width + 1, y + height + 1)))

    def fill(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """(height, width) bool: the pixels inside, those that an outline crosses included."""
        out = np.zeros((height, width), np.uint8)
        window = shapely.box(x - 2, y - 2, x + width + 2, y + height + 2)
        for polygon in self._polygons:
            if not polygon.intersects(window):
                continue
            rings = [polygon.exterior, *polygon.interiors]
            # pixel (0, 0) of OpenCV has its centre there, ours its outer corner
            lines = [
                np.round((np.asarray(ring.coords)[:, :2] - (x + 0.5, y + 0.5)) * 2**_SHIFT)
                for ring in rings
            ]
            layer = np.zeros_like(out)
            cv2.fillPoly(layer, [line.astype(np.int32) for line in lines], 1, shift=_SHIFT)
            out |= layer
        return out.astype(bool)

    @cached_property
    def _polygons(self) -> list[Any]:
        return list(getattr(self.area, "geoms", [self.area]))


def read_mask(path: Path, height: int, width: int, scale: float = 1.0) -> PolygonMask:
    """Read the polygons of a GeoJSON file.

    Args:
        path: a FeatureCollection, Feature, geometry, or list of features, as QuPath exports
            annotations: coordinates are px of the full-resolution slide.
        height, width: of that slide, px.
        scale: px of the result per px of that slide.

    Raises:
        MaskError: it cannot be read, holds no area, or lies outside the slide.
    """
    area = shapely.unary_union([g for g in _geometries(_read(path), path) if g.area > 0])
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
    """All geometries in what GeoJSON may be, made valid (hand-drawn outlines cross themselves)."""
    if isinstance(value, list):
        return [g for one in value for g in _geometries(one, path)]
    if not isinstance(value, dict):
        raise MaskError(f"{path}: not GeoJSON; export annotations from QuPath as GeoJSON")
    if value.get("type") == "FeatureCollection":
        return _geometries(value.get("features") or [], path)
    if value.get("type") == "Feature":
        return [] if value.get("geometry") is None else _geometries(value["geometry"], path)
    try:
        geometry = shape(value)
        if not np.isfinite(geometry.bounds).all() and not geometry.is_empty:
            raise ValueError("infinite coordinates")
        return [_areas(shapely.make_valid(geometry))]
    except Exception as error:  # noqa: BLE001 (whatever a stranger's file leads to)
        reason = " ".join(str(error).split())[:120]
        raise MaskError(f"{path}: a geometry in it cannot be read ({reason})") from None


def _areas(geometry: Any) -> Any:
    """The polygons of a geometry, without the points and lines that repairs leave behind."""
    parts = shapely.get_parts(geometry, return_index=False)
    flat = [p for part in parts for p in shapely.get_parts(part)]
    return shapely.unary_union([p for p in flat if p.geom_type == "Polygon"])
