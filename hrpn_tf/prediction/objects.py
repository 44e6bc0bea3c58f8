"""Objects of a slide, as vessels or nuclei, that QuPath exported as GeoJSON, as a label image."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from hrpn_tf.errors import MaskError
from hrpn_tf.prediction.geojson import Outline, areas_of, named, outlines_of, read_geojson
from hrpn_tf.prediction.mask import refuse_outside
from hrpn_tf.prediction.outlines import crossings, refuse_tangled
from hrpn_tf.prediction.qupath import NUCLEUS, class_name, is_ignored, object_type
from hrpn_tf.text import counted

SUFFIXES = (".geojson", ".json")
_AREA = "export the objects alone, without the area that they were looked for in"
_MOST_OTHERS = 0.5  # of the other objects that one may enclose, from this number of others on
_FEWEST_OTHERS = 4


def holds_objects(path: Path) -> bool:
    """Whether a file is GeoJSON by its name, rather than an image.

    >>> holds_objects(Path("nuclei.GeoJSON")), holds_objects(Path("nuclei.tif"))
    (True, False)
    """
    return path.suffix.lower() in SUFFIXES


@dataclass(frozen=True, eq=False)
class OutlineLabels:
    """A label image that is drawn from outlines, window by window.

    A pixel belongs to an object if its centre lies inside (even-odd rule along rows of centres, so
    that the result does not depend on the window), and to the later one of two that overlap.

    Attributes:
        height, width: of the slide, px.
        outlines: (n,) areas of shapely, px; x to the right, y down, from the outer corner of the
            first pixel.
        numbers: (n,) int32, the label of each, 0 for what is cut out.
        remarks: what was left out or repaired, one line each.
    """

    height: int
    width: int
    outlines: np.ndarray
    numbers: np.ndarray
    remarks: tuple[str, ...] = ()

    @property
    def dtype(self) -> np.dtype:
        """Type of the labels."""
        return np.dtype(np.int32)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """(height, width) int32: labels of the window whose first pixel is (y, x); 0 for none."""
        labels = np.zeros(height * width, np.int32)
        near = np.sort(self._tree.query(shapely.box(x, y, x + width, y + height)))
        start, end, row, owner = _spans(self.outlines[near], y, x, height, width)
        length = end - start
        first = np.repeat(row * width + start - np.cumsum(length) + length, length)
        # assignments go in this order: the last of an overlap stays
        labels[first + np.arange(len(first))] = np.repeat(self.numbers[near][owner], length)
        return labels.reshape(height, width)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.outlines)


def _spans(
    outlines: np.ndarray, y: int, x: int, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Runs of pixels inside: first column, column after the last, row, and number of the outline.

    Columns and rows are those of the window; runs are sorted by outline.
    """
    polygons, polygon = shapely.get_parts(outlines, return_index=True)
    rings, ring_of = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    edges = np.hstack([points[:-1][same], points[1:][same]]).T
    owner = polygon[ring_of[ring[:-1][same]]] if len(points) else np.zeros(0, np.intp)
    edge, row, column = crossings(edges, y, x, height, width)
    order = np.lexsort((column, row, owner[edge]))  # closed rings cross each row an even number
    column, row, owner = column[order], row[order], owner[edge][order]
    return column[::2], column[1::2], row[::2], owner[::2]


def read_objects(
    path: Path,
    height: int,
    width: int,
    *,
    nuclei: bool = False,
    scale: float = 1.0,
    size: tuple[int, int] | None = None,
) -> OutlineLabels:
    """Read the objects of a GeoJSON file, each with a number of its own, from 1 in their order.

    In a file with detections or cells, annotations are the areas that these were looked for in,
    and left out. In a file with objects whose class begins with "Vessel" (or "Nucle", for
    ``nuclei``), all others are left out, too. Objects of QuPath's class ``Ignore*`` are cut out of
    the others. Outlines that cross themselves are repaired (``shapely.make_valid``), and objects
    without an area (points, lines, nothing) are left out; ``remarks`` says how many.

    Args:
        path: a FeatureCollection, Feature, geometry, or list of features, as QuPath exports
            objects: coordinates are px of the full-resolution slide.
        height, width: of that slide, px.
        nuclei: of cells, take the nucleus instead of the outline of the cell.
        scale: px of the result per px of that slide.
        size: height and width of the result, px; None for those of the slide.

    Raises:
        MaskError: the file cannot be read, holds no area, lies outside the slide, holds an object
            that encloses most others or is all nuclei, or outlines that cross themselves too
            often.
    """
    with named(path):
        found, empty = _objects(read_geojson(path), path, nuclei)
        outlines = np.array([outline.geometry for outline in found], object)
        outlines, repaired = _valid(outlines, path)
        area = shapely.area(outlines)
        kept = area > 0
        empty += int((~kept).sum())
        ignored = np.array([outline.ignored for outline in found], bool)[kept]
        outlines = outlines[kept]
        if ignored.all():
            raise MaskError(f"{path}: holds no outline of an object; export objects as GeoJSON")
        if nuclei:
            _refuse_one_of_many(outlines[~ignored], path)
        _refuse_enclosing(outlines[~ignored], path)
        _refuse_outside(outlines[~ignored], path, height, width)
        said = (
            (repaired, "self-crossing outline", "repaired"),
            (empty, "object", "left out, without an area (points, lines, no coordinates)"),
        )
        remarks = tuple(f"{path}: {counted(n, noun)} {what}" for n, noun, what in said if n)
        if scale != 1:
            outlines = shapely.transform(outlines, lambda points: points * scale)
        order = np.argsort(ignored, kind="stable")  # what is cut out is drawn last
        numbers = np.where(ignored, 0, np.cumsum(~ignored)).astype(np.int32)
        return OutlineLabels(*(size or (height, width)), outlines[order], numbers[order], remarks)


def _objects(value: Any, path: Path, nuclei: bool) -> tuple[list[Outline], int]:
    """One outline per object, as drawn, and the number of objects without one."""
    features = value.get("features") if isinstance(value, Mapping) else value
    features = features if isinstance(features, list) else [value]
    kinds = [object_type(feature) for feature in features]
    detected = any(kind in ("detection", "cell") for kind in kinds)
    classed = [_is_of(feature, "nucle" if nuclei else "vessel") for feature in features]
    found, empty = [], 0
    for feature, kind, wanted in zip(features, kinds, classed, strict=True):
        ignored = is_ignored(feature)
        if not ignored and ((detected and kind == "annotation") or (any(classed) and not wanted)):
            continue
        drawn = feature.get(NUCLEUS) if nuclei and isinstance(feature, Mapping) else None
        parts = outlines_of(feature if drawn is None else drawn, path)
        if parts:
            whole = shapely.GeometryCollection([part.geometry for part in parts])
            found.append(Outline(parts[0].geometry if len(parts) == 1 else whole, ignored))
        else:
            empty += 1
    return found, empty


def _is_of(feature: Any, begin: str) -> bool:
    """Whether the name of a feature's class begins so."""
    name = class_name(feature) if isinstance(feature, Mapping) else None
    return name is not None and name.strip().casefold().startswith(begin)


def _valid(outlines: np.ndarray, path: Path) -> tuple[np.ndarray, int]:
    """Their areas, and how many crossed themselves and were repaired."""
    with np.errstate(all="ignore"):  # of absurd coordinates
        wrong = np.flatnonzero(~shapely.is_valid(outlines))
        for number in wrong:
            refuse_tangled([outlines[number]], path)
        outlines[wrong] = shapely.make_valid(outlines[wrong])
    plain = np.isin(shapely.get_type_id(outlines), (3, 6))  # polygons and multipolygons
    for number in np.flatnonzero(~plain):
        outlines[number] = areas_of(outlines[number])
    return outlines, len(wrong)


def _refuse_one_of_many(outlines: np.ndarray, path: Path) -> None:
    """Refuse all nuclei drawn as one object."""
    parts = int(shapely.get_num_geometries(outlines[0]))
    if len(outlines) == 1 and parts > 1:
        raise MaskError(
            f"{path}: holds one object of {parts} parts, where each nucleus has an object of its "
            "own; split it first (QuPath: Objects > Annotations > Split annotations)"
        )


def _refuse_enclosing(outlines: np.ndarray, path: Path) -> None:
    """Refuse the outline of a tissue or a region among those of objects."""
    others = len(outlines) - 1
    if others < _FEWEST_OTHERS:
        return
    largest = int(np.argmax(shapely.area(outlines)))
    shapely.prepare(outlines[largest])
    inside = int(shapely.contains_properly(outlines[largest], outlines).sum())
    if inside > _MOST_OTHERS * others:
        raise MaskError(f"{path}: one outline encloses {inside} of the other {others}; {_AREA}")


def _refuse_outside(outlines: np.ndarray, path: Path, height: int, width: int) -> None:
    """Refuse objects of another slide, or in other units than px."""
    inside = shapely.intersection(outlines, shapely.box(0, 0, width, height))
    refuse_outside(
        path, shapely.total_bounds(outlines).tolist(), float(shapely.area(outlines).sum()),
        float(shapely.area(inside).sum()), height, width,
    )  # fmt: skip
