"""Vessels, nuclei, hot spots and contours of a slide as GeoJSON features that QuPath opens.

GeoJSON is RFC 7946, but for its coordinates: px of the slide at full resolution, y downwards.
What QuPath reads beside it is in its ``PathObjectTypeAdapters``: a UUID as ``id``, and the
properties ``objectType``, ``name``, ``classification`` (name and colour), ``isLocked`` and
``measurements`` (finite numbers by name, since QuPath 0.4).
"""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.polygon import orient

from hrpn_tf.evaluation.analysis.measures import SlideAnalysis
from hrpn_tf.evaluation.analysis.objects import Table, nucleus_table, vessel_table
from hrpn_tf.evaluation.qupath.contours import Contour
from hrpn_tf.evaluation.qupath.outlines import merged, outlines_by_label, simplified
from hrpn_tf.text import printable

Colour = tuple[int, int, int]
VESSEL: Colour = (0, 200, 255)
POSITIVE: Colour = (255, 90, 20)
NEGATIVE: Colour = (110, 130, 255)
SPOTS: Mapping[int, tuple[str, Colour]] = {
    1: ("Hot spot", (230, 0, 60)),
    -1: ("Cold spot", (60, 110, 230)),
}
_CONTOURS = "plasma"  # colours of contours, from low to high
_NAMESPACE = uuid.UUID("6a7b0c52-6ff4-5d0e-9c3a-1c0d3a4b7e11")  # of the ids, so that they stay


@dataclass(frozen=True)
class SlideObjects:
    """What is written of a slide.

    Attributes:
        analysis: of the slide, with its labels open.
        target: name of what was predicted.
        contours: of the prediction, px of the measurement, from low to high.
        nuclei: outlines, px of the measurement, in the order of their table.
        scale: px of the slide at full resolution per px of the measurement.
        height, width: of the slide at full resolution, px.
    """

    analysis: SlideAnalysis
    target: str
    contours: Sequence[Contour]
    nuclei: Iterable[Any]
    scale: float
    height: int
    width: int


def write_features(objects: SlideObjects, path: Path) -> int:
    """Write a GeoJSON file, feature by feature; how many there are.

    Contours and hot spots are annotations, vessels and nuclei detections. Measurements have the
    names and units of the columns of the tables; what is undefined is left out.
    """
    count, place = 0, _placed(objects)
    with path.open("w", encoding="ascii") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for feature in _features(objects):
            geometry = place(feature.geometry)
            file.write(",\n" if count else "\n")
            head = json.dumps({"type": "Feature", "id": feature.identity(objects.analysis.name)})
            properties = json.dumps(feature.properties, allow_nan=False)
            shape = shapely.to_geojson(geometry)
            file.write(f'{head[:-1]}, "geometry": {shape}, "properties": {properties}}}')
            count += 1
        file.write("\n]}\n")
    return count


@dataclass(frozen=True)
class _Feature:
    """A geometry, px of the measurement, and what QuPath is told of it."""

    geometry: Any
    annotation: bool
    name: str
    kind: str
    colour: Colour
    measurements: Mapping[str, float]

    @property
    def properties(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "objectType": "annotation" if self.annotation else "detection",
            "name": self.name,
            "classification": {"name": self.kind, "color": list(self.colour)},
            "measurements": dict(self.measurements),
        }
        return found | ({"isLocked": True} if self.annotation else {})

    def identity(self, slide: str) -> str:
        """The same for the same object of the same slide, so that an import can replace it."""
        return str(uuid.uuid5(_NAMESPACE, f"{printable(slide)}\n{self.name}"))


def _features(objects: SlideObjects) -> Iterator[_Feature]:
    yield from _contours(objects)
    yield from _hot_spots(objects.analysis)
    yield from _vessels(objects.analysis)
    yield from _nuclei(objects.analysis, objects.nuclei)


def _contours(objects: SlideObjects) -> Iterator[_Feature]:
    size = objects.analysis.measures.slide.pixel_size_um
    for contour, colour in zip(objects.contours, _colours(len(objects.contours)), strict=True):
        name = printable(f"{objects.target} >= {contour.level:g}").replace(":", " ")
        found = {
            "level": contour.level,
            "area_um2": contour.area_px * size**2,
            "mean": contour.mean,
        }
        yield _Feature(_simple(contour.geometry), True, name, name, colour, found)


def _colours(count: int) -> list[Colour]:
    """Of contours, from dark to bright."""
    from matplotlib import colormaps

    scale = colormaps[_CONTOURS]
    found = [scale(0.25 + 0.7 * (index + 0.5) / max(count, 1))[:3] for index in range(count)]
    return [(round(r * 255), round(g * 255), round(b * 255)) for r, g, b in found]


def _hot_spots(slide: SlideAnalysis) -> Iterator[_Feature]:
    """Sub-areas that are hot, or cold, and touch at an edge, as one annotation."""
    areas, found = slide.sub_areas, slide.measures
    size, side = found.slide.pixel_size_um, found.cells.side_px
    height, width = found.slide.pred.height, found.slide.pred.width
    y, x = areas.y_um / size - side / 2, areas.x_um / size - side / 2
    boxes = shapely.box(x, y, np.minimum(x + side, width), np.minimum(y + side, height))
    for kind, (name, colour) in SPOTS.items():
        own = np.flatnonzero(areas.spots.kind == kind)
        if not len(own):
            continue
        spots = shapely.get_parts(shapely.union_all(boxes[own]))
        points: Any = shapely.points(x[own] + 0.25, y[own] + 0.25)
        tree = shapely.STRtree(points)
        members: list[list[int]] = [[] for _ in spots]
        for spot, member in tree.query(spots, predicate="contains").T.tolist():
            members[spot].append(int(own[member]))
        for number, (spot, held) in enumerate(zip(spots, members, strict=True), start=1):
            values = {
                "sub_areas": len(held),
                "area_um2": spot.area * size**2,
                "mean": areas.mean[held].mean(),
                "gi_z": areas.spots.z[held][np.abs(areas.spots.z[held]).argmax()],
                "gi_q": areas.spots.q[held].min(),
            }
            label = f"{name.lower()} {number}"
            yield _Feature(spot, True, label, name, colour, _finite(values))


def _vessels(slide: SlideAnalysis) -> Iterator[_Feature]:
    vessels, rows = slide.measures.slide.vessels, _rows(vessel_table(slide))
    outlines = outlines_by_label(vessels.labels, len(vessels))
    for (number, pieces), row in zip(outlines, rows, strict=True):
        outline = _simple(merged(pieces))
        yield _Feature(outline, False, f"vessel {number}", "Vessel", VESSEL, row)


def _nuclei(slide: SlideAnalysis, outlines: Iterable[Any]) -> Iterator[_Feature]:
    rows = _rows(nucleus_table(slide))
    for number, (outline, row) in enumerate(zip(outlines, rows, strict=True), start=1):
        kind, colour = ("Positive", POSITIVE) if row["positive"] else ("Negative", NEGATIVE)
        yield _Feature(outline, False, f"nucleus {number}", f"Nucleus: {kind}", colour, row)


def _rows(table: Table) -> Iterator[dict[str, float]]:
    """The numbers of each row; texts and what is undefined are left out."""
    numbers = {name: column for name, column in table.items() if column.dtype != object}
    names = list(numbers)
    for row in zip(*(column.tolist() for column in numbers.values()), strict=True):
        yield _finite(dict(zip(names, row, strict=True)))


def _finite(values: Mapping[str, Any]) -> dict[str, float]:
    """As QuPath keeps measurements: finite numbers, truth as 0 and 1."""
    found = {name: float(value) for name, value in values.items()}
    return {
        name: int(value) if value.is_integer() else value
        for name, value in found.items()
        if np.isfinite(value)
    }


def _simple(geometry: Any) -> Any:
    return simplified(np.array([geometry], object))[0]


def _placed(objects: SlideObjects) -> Callable[[Any], Any]:
    """Moves a geometry to the pixels of the slide, with rings as RFC 7946 wants them."""
    end = np.array([objects.width, objects.height], float)

    def onto_slide(points: np.ndarray) -> np.ndarray:
        scaled = points if objects.scale == 1 else np.round(points * objects.scale, 2)
        return np.minimum(scaled, end)

    def place(geometry: Any) -> Any:
        parts = [
            orient(part) for part in shapely.get_parts(shapely.transform(geometry, onto_slide))
        ]
        return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)

    return place
