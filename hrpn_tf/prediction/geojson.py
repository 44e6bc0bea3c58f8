"""GeoJSON as QuPath exports it: its geometries, whatever a stranger put into the file."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from hrpn_tf.errors import HrpnError, MaskError
from hrpn_tf.prediction.qupath import is_ignored
from hrpn_tf.text import printable
from hrpn_tf.untrusted import read_text

_MAX_BYTES = 128 * 2**20
_MAX_PARSED_BYTES = 800 * 2**20


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn whatever is raised on a malformed file into a named error."""
    try:
        yield
    except RecursionError:
        raise MaskError(f"{path}: not GeoJSON: its lists are nested without end") from None
    except HrpnError:
        raise
    except Exception as error:  # noqa: BLE001 (a malformed file can raise anything)
        reason = printable(error, 120)
        raise MaskError(f"{path}: a geometry in it cannot be read ({reason})") from None


def read_geojson(path: Path) -> Any:
    """The value of a GeoJSON file, with or without a byte-order mark.

    Raises:
        MaskError: it cannot be read, is too large, or is no JSON.
    """
    text = read_text(path, MaskError, _MAX_BYTES)
    # each list of two numbers takes ten times its text
    if 72 * (text.count("[") + text.count("{")) + 32 * text.count(",") > _MAX_PARSED_BYTES:
        raise MaskError(f"{path}: holds too many points; simplify the outlines")
    try:
        return json.loads(text)
    except ValueError:
        raise MaskError(f"{path}: not GeoJSON; export annotations from QuPath as GeoJSON") from None


@dataclass(frozen=True)
class Outline:
    """A geometry of shapely as drawn, and whether its class is cut out of all others."""

    geometry: Any
    ignored: bool


def outlines_of(value: Any, path: Path, ignored: bool = False) -> list[Outline]:
    """All geometries of a GeoJSON value; none of them has been made valid.

    Raises:
        MaskError: it is no GeoJSON.
        ValueError: infinite coordinates; :func:`named` turns it into a MaskError.
    """
    if isinstance(value, list):
        return [outline for one in value for outline in outlines_of(one, path, ignored)]
    if not isinstance(value, dict):
        raise MaskError(f"{path}: not GeoJSON; export annotations from QuPath as GeoJSON")
    if value.get("type") == "FeatureCollection":
        return outlines_of(value.get("features") or [], path)
    if value.get("type") == "Feature":
        geometry = value.get("geometry")
        return [] if geometry is None else outlines_of(geometry, path, is_ignored(value))
    if not {"coordinates", "geometries"} & value.keys():
        raise ValueError("it has no coordinates")
    with np.errstate(all="ignore"):  # numpy would also warn about NaN
        geometry = shape(value)
        if not np.isfinite(shapely.get_coordinates(geometry)).all():
            raise ValueError("infinite coordinates")
    return [Outline(geometry, ignored)]


def repaired(outlines: Sequence[Outline]) -> list[Any]:
    """The areas of outlines, made valid: hand-drawn ones cross themselves."""
    with np.errstate(all="ignore"):  # of absurd coordinates
        areas = [areas_of(shapely.make_valid(outline.geometry)) for outline in outlines]
    return [area for area in areas if area.area > 0]


def areas_of(geometry: Any) -> Any:
    """The polygons of a geometry, without points and lines left by the repair."""
    parts = shapely.get_parts(geometry, return_index=False)
    flat = [p for part in parts for p in shapely.get_parts(part)]
    return shapely.unary_union([p for p in flat if p.geom_type == "Polygon"])
