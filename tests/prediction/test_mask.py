"""Masks drawn in QuPath, against shapely and scikit-image."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage.draw import polygon2mask

from hrpn_tf.errors import MaskError
from hrpn_tf.prediction.mask import PolygonMask, read_mask, read_regions

SQUARE = [[10, 20], [40, 20], [40, 60], [10, 60], [10, 20]]  # x, y
HOLE = [[20, 30], [30, 30], [30, 50], [20, 50], [20, 30]]
FAR = 90_000
points = st.tuples(st.floats(-20, 70), st.floats(-20, 70))
rings = st.lists(points, min_size=3, max_size=9)


def feature(geometry: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """As QuPath exports an annotation."""
    return {
        "type": "Feature",
        "id": "8c1c8d0a-7d51-4c8e-9c3b-0f9b3b1a2c3d",
        "geometry": geometry,
        "properties": {"objectType": "annotation", "name": "tumour"},
        **more,
    }


def polygon(*rings: list[list[float]], **more: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings), **more}


def read(tmp_path: Path, content: Any, height: int = 100, width: int = 80, **scale: float) -> Any:
    path = tmp_path / "mask.geojson"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_mask(path, height, width, **scale)


def by_shapely(area: Any, y: int, x: int, height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[y : y + height, x : x + width] + 0.5
    return shapely.contains_xy(area, columns, rows)


@settings(max_examples=60)
@given(st.lists(rings, min_size=1, max_size=4), st.sampled_from([0, FAR]))
def test_the_pixels_inside_are_those_whose_centre_shapely_finds_inside(
    outlines: list[list[tuple[float, float]]], away: int
) -> None:
    """Of any outlines, also such that cross themselves or each other."""
    # finer coordinates are below what GEOS can unite
    rings = [np.round(np.array(ring), 3) + away for ring in outlines]
    whole = shapely.get_parts([shapely.make_valid(shapely.Polygon(ring)) for ring in rings])
    flat = [part for one in whole for part in shapely.get_parts(one)]
    # an outline without an area becomes a line, which a mask leaves out
    area = shapely.unary_union([part for part in flat if part.geom_type == "Polygon"])
    found = PolygonMask(area).fill(away, away, 50, 60)
    rows, columns = np.mgrid[away : away + 50, away : away + 60] + 0.5
    clear = shapely.distance(shapely.boundary(area), shapely.points(columns, rows)) > 1e-6
    expected = by_shapely(area, away, away, 50, 60)
    np.testing.assert_array_equal(found[clear], expected[clear])


@settings(max_examples=40)
@given(
    st.lists(rings, min_size=1, max_size=3),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0, 7, FAR]),
)
def test_filling_by_windows_equals_filling_at_once(
    outlines: list[list[tuple[float, float]]], height: int, width: int, away: int
) -> None:
    area = shapely.unary_union(
        [shapely.make_valid(shapely.Polygon(np.array(ring) + away)) for ring in outlines]
    )
    mask = PolygonMask(area)
    whole = mask.fill(away, away, 50, 50)
    parts = np.zeros_like(whole)
    for y in range(0, 50, height):
        for x in range(0, 50, width):
            window = (away + y, away + x, min(height, 50 - y), min(width, 50 - x))
            part = mask.fill(*window)
            parts[y : y + height, x : x + width] = part
            assert mask.touches(*window) or not part.any(), "a block is never left out wrongly"
    np.testing.assert_array_equal(parts, whole)


@settings(max_examples=30)
@given(st.lists(points, min_size=3, max_size=5))
def test_it_agrees_with_scikit_image_away_from_outlines(ring: list[tuple[float, float]]) -> None:
    area = shapely.Polygon(ring)
    assume(area.is_valid)
    found = PolygonMask(area).fill(0, 0, 50, 50)
    # its pixels have their centres where ours have their corners
    theirs = polygon2mask((50, 50), np.array(ring)[:, ::-1] - 0.5)
    rows, columns = np.mgrid[:50, :50] + 0.5
    away = shapely.distance(shapely.LineString([*ring, ring[0]]), shapely.points(columns, rows)) > 1
    np.testing.assert_array_equal(found[away], theirs[away])


def test_outlines_that_reach_across_a_huge_slide_stay_exact() -> None:
    """A triangle of 90 000 px, at the far end of its longest side."""
    area = shapely.Polygon([(0.3, 0.2), (FAR, 60_000.7), (10.5, 60_003.1)])
    window = (59_800, FAR - 400, 300, 300)
    found = PolygonMask(area).fill(*window)
    np.testing.assert_array_equal(found, by_shapely(area, *window))
    assert 0.1 < found.mean() < 0.9


EXPORTS: list[Any] = [
    {"type": "FeatureCollection", "features": [feature(polygon(SQUARE))]},
    feature(polygon(SQUARE)),
    [feature(polygon(SQUARE))],
    polygon(SQUARE),
    feature(polygon(SQUARE, plane={"c": -1, "z": 0, "t": 0})),
    feature(polygon(SQUARE, isEllipse=False), nucleusGeometry=polygon(HOLE)),
    {"type": "GeometryCollection", "geometries": [polygon(SQUARE)]},
    {"type": "MultiPolygon", "coordinates": [[SQUARE]]},
    feature({"type": "Polygon", "coordinates": [[[*p, 0.0] for p in SQUARE]]}),
    [
        feature({"type": "LineString", "coordinates": SQUARE[:2], "isLine": True}),
        feature({"type": "Point", "coordinates": [1, 2]}),
        feature({"type": "MultiPoint", "coordinates": [[1, 2], [70, 90]]}),
        feature(None),
        feature(polygon(SQUARE)),
    ],
]


@pytest.mark.parametrize("content", EXPORTS)
def test_whatever_qupath_exports_is_read(tmp_path: Path, content: Any) -> None:
    expected = np.zeros((100, 80), bool)
    expected[20:60, 10:40] = True
    np.testing.assert_array_equal(read(tmp_path, content).fill(0, 0, 100, 80), expected)


def test_holes_overlaps_and_crossings(tmp_path: Path) -> None:
    found = read(tmp_path, polygon(SQUARE, HOLE)).fill(0, 0, 100, 80)
    assert found.sum() == 30 * 40 - 10 * 20
    assert not found[30:50, 20:30].any()
    twice = [feature(polygon(SQUARE)), feature(polygon([[20, 20], [50, 20], [50, 60], [20, 60]]))]
    assert read(tmp_path, twice).fill(0, 0, 100, 80).sum() == 40 * 40, "two outlines are a union"
    bow_tie = [[0, 0], [40, 40], [40, 0], [0, 40], [0, 0]]
    assert abs(int(read(tmp_path, polygon(bow_tie)).fill(0, 0, 100, 80).sum()) - 800) < 45


def test_a_mask_is_seen_at_the_scale_of_the_result(tmp_path: Path) -> None:
    found = read(tmp_path, polygon(SQUARE, HOLE), scale=0.5).fill(0, 0, 50, 40)
    assert found.sum() == (30 * 40 - 10 * 20) / 4
    assert found[10, 5]
    assert not found[15:25, 10:15].any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"not GeoJSON; export"),
        ("\0\xff", r"not GeoJSON"),
        ("[" * 100_000, r"not GeoJSON"),
        ("[" * 700 + "]" * 700, r"GeoJSON"),
        ("3", r"not GeoJSON"),
        ([3], r"not GeoJSON"),
        ([], r"holds no polygon"),
        ({"type": "FeatureCollection", "features": None}, r"holds no polygon"),
        ({"type": "Polygon", "coordinates": []}, r"holds no polygon"),
        ({"type": "Polygon"}, r"geometry in it cannot be read"),
        ({"type": "Circle", "coordinates": [1, 2]}, r"geometry in it cannot be read"),
        (polygon([[1, 2], [3, "x"], [5, 6], [1, 2]]), r"geometry in it cannot be read"),
        (polygon([[1, 2], [3, 4]]), r"geometry in it cannot be read"),
        ('{"type": "Polygon", "coordinates": [[[0,0],[1e999,0],[5,5],[0,0]]]}', r"cannot be read"),
        ('{"type": "Polygon", "coordinates": [[[0,0],[NaN,0],[5,5],[0,0]]]}', r"cannot be read"),
        (feature({"type": "LineString", "coordinates": SQUARE[:2], "isLine": True}), r"no polygon"),
        (polygon([[0, 0], [9, 9], [0, 0]]), r"no polygon|cannot be read"),
        # shares of the slide, and millimetres
        (polygon([[0.1, 0.1], [0.8, 0.1], [0.8, 0.9], [0.1, 0.1]]), r"less than one pixel"),
        # micrometres of a slide of 0.25 um/px, nanometres, and another slide's pixels
        (polygon([[c * 4 for c in p] for p in SQUARE]), r"mostly outside.*80 x 100 px"),
        (polygon([[c * 1000 for c in p] for p in SQUARE]), r"lies outside the slide.*x 10000, y 2"),
        (polygon([[-p[0], -p[1]] for p in SQUARE]), r"lies outside the slide"),
    ],
)
def test_what_is_no_mask_of_this_slide_is_refused(
    tmp_path: Path, content: Any, message: str
) -> None:
    with pytest.raises(MaskError) as error:
        read(tmp_path, content)
    assert re.search(message, str(error.value))
    assert str(error.value).startswith(str(tmp_path / "mask.geojson"))
    assert len(str(error.value)) < 400


def test_a_mask_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="No such file"):
        read_mask(tmp_path / "none.geojson", 10, 10)
    with pytest.raises(MaskError, match="not a regular file"):
        read_mask(tmp_path, 10, 10)
    (tmp_path / "zip.geojson").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(MaskError, match=r"zip.geojson: not a text file in UTF-8"):
        read_mask(tmp_path / "zip.geojson", 10, 10)


def test_a_region_whose_outline_crosses_itself_keeps_both_halves(tmp_path: Path) -> None:
    bow = [[10, 10], [50, 50], [50, 10], [10, 50], [10, 10]]  # the halves turn opposite ways
    path = tmp_path / "regions.geojson"
    path.write_text(json.dumps(feature(polygon(bow))))
    regions = read_regions(path, 100, 80, lambda *_: "bow")
    assert regions["bow"].area.area == pytest.approx(800)
