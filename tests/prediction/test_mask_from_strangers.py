"""Masks of other people: classes of QuPath, tangled outlines, and files that are none."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from hrpn_tf.errors import MaskError
from hrpn_tf.prediction.mask import read_mask, read_regions
from hrpn_tf.prediction.outlines import refuse_tangled


def square(low: int, high: int, kind: Any = None, name: str = "") -> dict[str, Any]:
    ring = [[low, low], [high, low], [high, high], [low, high], [low, low]]
    properties = {"objectType": "annotation", "name": name}
    if kind is not None:
        properties["classification"] = kind
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def saved(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "kind",
    [{"name": "Ignore*"}, {"names": ["Tumour", "Ignore*"]}, {"name": "Ignore*: old"}, "Ignore*"],
)
def test_annotations_of_the_class_ignore_are_cut_out(tmp_path: Path, kind: Any) -> None:
    features = [square(10, 50, {"name": "Tumour"}), square(20, 30, kind), square(40, 60)]
    mask = read_mask(saved(tmp_path / "m.geojson", features), 80, 80)
    inside = mask.fill(0, 0, 80, 80)
    assert inside.sum() == 40 * 40 + 20 * 20 - 10 * 10 - 10 * 10
    assert not inside[20:30, 20:30].any()
    assert (mask.united, mask.cut_out) == (2, 1)


def test_regions_lose_what_is_ignored(tmp_path: Path) -> None:
    features = [square(10, 50, name="a"), square(20, 30, {"name": "Ignore*"}, name="b")]
    regions = read_regions(
        saved(tmp_path / "m.geojson", features), 80, 80, lambda one, _: one["properties"]["name"]
    )
    assert list(regions) == ["a"]
    assert regions["a"].fill(0, 0, 80, 80).sum() == 1600 - 100


def test_nothing_but_ignored_annotations_is_no_mask(tmp_path: Path) -> None:
    only = saved(tmp_path / "m.geojson", [square(10, 50, {"name": "Ignore*"})])
    with pytest.raises(MaskError, match=r"holds no polygon; .*Ignore. are cut out"):
        read_mask(only, 80, 80)
    covered = [square(10, 50), square(0, 60, {"name": "Ignore*"})]
    with pytest.raises(MaskError, match=r"class Ignore. cover all others"):
        read_mask(saved(tmp_path / "m.geojson", covered), 80, 80)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "m.geojson"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(square(10, 50)).encode())
    assert read_mask(file, 80, 80).fill(0, 0, 80, 80).sum() == 1600


def test_devices_and_pipes_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(MaskError, match="not a regular file"):
            read_mask(path, 80, 80)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"type": "Polygon", "coordinates": [[[1' + "0" * 5000 + ", 2], [3, 4], [5, 7]]]}",
        '{"type": "Polygon", "coordinates": [[[1e999, 2], [3, 4], [5, 7], [1e999, 2]]]}',
        '{"type": "Polygon", "coordinates": [[[1e300, 2], [-1e300, 4], [5, 1e300], [1e300, 2]]]}',
        '{"type": "FeatureCollection", "features": 3}',
        '{"type": "Feature", "geometry": "Polygon"}',
        '{"type": "Polygon", "coordinates": {"a": 1}}',
        '{"type": "Feature", "geometry": {"type": "Polygon"}, "properties": {}}',
    ],
)
def test_malformed_geojson_is_a_named_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "m.geojson"
    file.write_text(text, encoding="utf-8")
    for read in (read_mask, lambda *of: read_regions(*of, lambda _, number: str(number))):
        with pytest.raises(MaskError, match=r"m.geojson") as caught:
            read(file, 80, 80)
        assert "\n" not in str(caught.value)


def tangled(kind: str) -> list[shapely.Polygon]:
    random = np.random.default_rng(0)
    if kind == "random":
        return [shapely.Polygon(random.random((4000, 2)) * 200)]
    if kind == "to and fro":
        return [shapely.Polygon([(0, 0), (100, 100)] * 2000 + [(50, 0)])]
    if kind == "close lines":
        zigzag = np.array([(i, 0) if i % 2 else (i + 20_000, 20_000) for i in range(20_000)])
        return [shapely.Polygon(zigzag)]
    rows = [(x, 4 * i + y) for i in range(500) for x, y in ((0, 0), (2000, 0), (2000, 2), (0, 2))]
    comb = np.array([*rows, (-5, 2000), (-5, 0)])
    return [shapely.Polygon(comb), shapely.Polygon(comb[:, ::-1])]


@pytest.mark.parametrize("kind", ["random", "to and fro", "close lines", "two combs"])
def test_outlines_that_cross_thousands_of_times_are_refused_quickly(kind: str) -> None:
    started = time.process_time()
    with pytest.raises(MaskError, match=r"m.geojson: its outlines cross too often"):
        refuse_tangled(tangled(kind), Path("m.geojson"))
    assert time.process_time() - started < 5


def test_outlines_of_a_brush_and_of_cells_are_no_tangle() -> None:
    turn = np.linspace(0, 2 * np.pi, 20_001)
    radius = 5000 + 4 * np.sin(turn * 3000)
    brush = shapely.Polygon(np.stack([np.cos(turn) * radius, np.sin(turn) * radius], 1))
    cells = [shapely.Point(12 * x, 12 * y).buffer(7, 4) for x in range(20) for y in range(20)]
    steps = np.repeat(np.arange(3000), 2)  # the outline of single pixels
    stairs = shapely.Polygon([*zip(steps[1:], steps[:-1], strict=True), (0, 2999)])
    refuse_tangled([brush, stairs, *cells], Path("m.geojson"))
