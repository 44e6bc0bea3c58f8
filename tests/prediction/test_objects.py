"""Vessels and nuclei in GeoJSON of QuPath, drawn as label images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from skimage.measure import regionprops

from hrpn_tf.errors import MaskError
from hrpn_tf.prediction.mask import PolygonMask
from hrpn_tf.prediction.objects import OutlineLabels, read_objects

HEIGHT, WIDTH = 100, 120


def square(x: float, y: float, side: float) -> list[list[float]]:
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def blob(x: float, y: float, radius: float, seed: int) -> list[list[float]]:
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    far = radius * np.random.default_rng(seed).uniform(0.6, 1.2, 20)
    points = np.round(np.stack([x + far * np.cos(angle), y + far * np.sin(angle)], -1), 2).tolist()
    return [*points, points[0]]


def feature(*rings: list[list[float]], kind: str = "detection", **more: Any) -> dict[str, Any]:
    properties = {"objectType": kind, **more.pop("properties", {})}
    geometry = {"type": "Polygon", "coordinates": list(rings)}
    return {"type": "Feature", "geometry": geometry, "properties": properties, **more}


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def read(folder: Path, value: Any, **options: Any) -> OutlineLabels:
    path = folder / "objects.geojson"
    text = value if isinstance(value, str) else json.dumps(value)
    path.write_text("\ufeff" + text, encoding="utf-8")  # as some programs on Windows do
    return read_objects(path, HEIGHT, WIDTH, **options)


def whole(labels: OutlineLabels) -> np.ndarray:
    return labels.read(0, 0, labels.height, labels.width)


def test_each_object_is_drawn_as_its_mask_alone_would_be_in_any_window(tmp_path: Path) -> None:
    places = [(x, y) for y in range(5, HEIGHT, 18) for x in range(5, WIDTH, 18)]
    rings = [blob(x, y, 7, seed) for seed, (x, y) in enumerate(places)]
    labels = read(tmp_path, collection(*map(feature, rings)))
    found = whole(labels)
    assert found.dtype == np.int32
    for number, ring in enumerate(rings, 1):
        alone = PolygonMask(shapely.Polygon(ring)).fill(0, 0, HEIGHT, WIDTH)
        np.testing.assert_array_equal(found == number, alone)
    for y, x, height, width in ((0, 0, 1, 1), (13, 7, 40, 31), (60, 90, 40, 30), (0, 0, 7, 120)):
        window = labels.read(y, x, height, width)
        np.testing.assert_array_equal(window, found[y : y + height, x : x + width])


def test_holes_parts_and_what_is_cut_out(tmp_path: Path) -> None:
    two_parts = feature()
    two_parts["geometry"] = {
        "type": "MultiPolygon", "coordinates": [[square(50, 0, 4)], [square(60, 0, 4)]],
    }  # fmt: skip
    ignored = feature(square(50, 0, 2), properties={"classification": {"name": "Ignore*"}})
    found = whole(
        read(tmp_path, collection(ignored, feature(square(0, 0, 10), square(3, 3, 4)), two_parts))
    )
    assert [int((found == n).sum()) for n in (1, 2)] == [100 - 16, 32 - 4]
    assert found[5, 5] == found[1, 51] == 0


def test_cells_have_nuclei_and_the_annotation_around_them_is_no_object(tmp_path: Path) -> None:
    nucleus = {"type": "Polygon", "coordinates": [square(12, 12, 4)]}
    cells = collection(
        feature(square(0, 0, 90), kind="annotation", properties={"name": "tumour"}),
        feature(square(10, 10, 9), kind="cell", nucleusGeometry=nucleus),
        feature(square(40, 10, 9), kind="cell"),  # its nucleus was not found
    )
    by_cell = {int(r.label): int(r.area) for r in regionprops(whole(read(tmp_path, cells)))}
    assert by_cell == {1: 81, 2: 81}
    by_nucleus = whole(read(tmp_path, cells, nuclei=True))
    assert {int(r.label): int(r.area) for r in regionprops(by_nucleus)} == {1: 16, 2: 81}
    only = collection(cells["features"][0])  # drawn by hand: annotations are the objects
    assert whole(read(tmp_path, only)).sum() == 8100


def test_vessels_and_nuclei_of_one_file_are_told_by_their_class(tmp_path: Path) -> None:
    """As in the file for QuPath that ``hrpn-tf analyse`` writes."""

    def of(name: str, place: float, side: float) -> dict[str, Any]:
        return feature(square(place, 5, side), properties={"classification": {"name": name}})

    both = collection(of("Vessel", 5, 9), of("Nucleus: Positive", 30, 4), of("nuclei", 50, 4))
    assert whole(read(tmp_path, both)).sum() == 81
    assert np.unique(whole(read(tmp_path, both, nuclei=True))).tolist() == [0, 1, 2]
    others = collection(of("Endothelium", 5, 9), of("Stroma", 30, 4))  # any class will do
    assert np.unique(whole(read(tmp_path, others))).tolist() == [0, 1, 2]


def test_outlines_are_drawn_in_the_pixels_of_the_measurement(tmp_path: Path) -> None:
    value = collection(feature(square(20, 40, 10)))
    labels = read(tmp_path, value, scale=0.5, size=(HEIGHT // 2, WIDTH // 2))
    found = whole(labels)
    assert found.shape == (50, 60)
    assert (found[20:25, 10:15] == 1).all()
    assert found.sum() == 25


def test_what_is_left_out_or_repaired_is_said_once_each(tmp_path: Path) -> None:
    bow = [[60, 60], [80, 80], [80, 60], [60, 80], [60, 60]]
    nothing = {"type": "Feature", "geometry": None, "properties": {"objectType": "detection"}}
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [3, 3]}}
    empty = feature()
    labels = read(
        tmp_path, collection(feature(square(0, 0, 9)), feature(bow), nothing, point, empty)
    )
    found = whole(labels)
    assert set(np.unique(found)) == {0, 1, 2}
    assert (found == 2).sum() == pytest.approx(200, abs=12)
    crossed, left_out = labels.remarks
    assert "1 self-crossing outline repaired" in crossed
    assert "3 objects left out, without an area" in left_out


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (collection(), "holds no outline of an object"),
        (collection({"type": "Feature", "geometry": None}), "holds no outline of an object"),
        (collection(feature(square(900, 900, 30))), "outside the slide of 120 x 100 px"),
        (collection(feature(square(0.1, 0.1, 0.4))), "less than one pixel"),
        (collection(feature([[0, 0], [1, "x"], [2, 2], [0, 0]])), "cannot be read"),
        (collection(feature([[0, 0], [1, 9], [float("inf"), 2], [0, 0]])), "infinite coordinates"),
        (
            collection(
                feature(square(0, 0, 99), kind="annotation"),
                *(feature(square(9 * i + 1, 5, 4), kind="annotation") for i in range(9)),
            ),
            "one outline encloses 9 of the other 9",
        ),
        ('{"type": "FeatureCollection", "features": [', "not GeoJSON"),
        ("[" * 100_000, "nested without end"),
        ("[3]", "not GeoJSON"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(MaskError, match=message) as raised:
        read(tmp_path, value)
    assert len(str(raised.value).splitlines()) == 1
    assert "objects.geojson" in str(raised.value)


def test_all_nuclei_in_one_object_are_refused_and_all_vessels_are_not(tmp_path: Path) -> None:
    parts = feature()
    parts["geometry"] = {
        "type": "MultiPolygon", "coordinates": [[square(9 * i, 0, 4)] for i in range(9)],
    }  # fmt: skip
    with pytest.raises(MaskError, match="one object of 9 parts, where each nucleus has"):
        read(tmp_path, collection(parts), nuclei=True)
    assert (whole(read(tmp_path, collection(parts))) == 1).sum() == 9 * 16


def test_outlines_that_cross_without_end_are_refused(tmp_path: Path) -> None:
    tangle = np.random.default_rng(0).uniform(0, 90, (400, 2)).round(1).tolist()
    with pytest.raises(MaskError, match="cross too often"):
        read(tmp_path, collection(feature([*tangle, tangle[0]])))
