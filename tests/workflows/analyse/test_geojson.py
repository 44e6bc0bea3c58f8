"""The objects that ``hrpn-tf analyse`` writes for QuPath, read by its rules and by others."""

import csv
import json
import math
import re
import uuid
from pathlib import Path

import numpy as np
import pytest
import shapely
from geojson_pydantic import FeatureCollection
from support.command import hrpn_tf
from support.predicted_cohort import SHAPE, SLIDES, STRENGTH, Cohort, image

from hrpn_tf.evaluation.qupath.script import ScriptSlide, groovy_text, import_script
from hrpn_tf.slides import write_slide

ONE = ["--group", "m1", "--no-overlays", "--quiet"]


def analysed(cohort: Cohort, *arguments: object) -> Path:
    out = cohort.folder / "analysis"
    ended = hrpn_tf(
        "analyse", cohort.predictions, "--slides", cohort.slides, "--out", out, *ONE, *arguments
    )
    assert ended.exit_code == 0, ended.err
    return out


def features(out: Path, name: str = "a1") -> list[dict]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    text = (out / "qupath" / f"{name}.geojson").read_text()
    FeatureCollection.model_validate_json(text)  # RFC 7946: types, closed rings of 4 positions
    return json.loads(text, parse_constant=refuse)["features"]


def table(out: Path, name: str) -> list[dict[str, str]]:
    with (out / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def of_kind(found: list[dict], start: str) -> list[dict]:
    return [one for one in found if one["properties"]["classification"]["name"].startswith(start)]


def outline(feature: dict) -> shapely.Geometry:
    return shapely.from_geojson(json.dumps(feature["geometry"]))


@pytest.mark.usefixtures("no_pictures")
def test_qupath_and_shapely_read_them_and_they_agree_with_the_tables(cohort: Cohort) -> None:
    out = analysed(cohort, "--contours", "15,8")
    found = features(out)
    # what qupath.lib.io.PathObjectTypeAdapters reads
    ids = {str(uuid.UUID(one["id"])) for one in found}
    assert len(ids) == len(found)
    for one in found:
        properties = one["properties"]
        assert properties["objectType"] in ("annotation", "detection")
        assert properties.get("isLocked", False) is (properties["objectType"] == "annotation")
        assert all(0 <= part <= 255 for part in properties["classification"]["color"])
        assert len(properties["classification"]["color"]) == 3
        values = properties["measurements"].values()
        assert all(type(v) in (int, float) and math.isfinite(v) for v in values)
        area = outline(one)
        assert area.is_valid
        assert shapely.box(0, 0, SHAPE[1], SHAPE[0]).covers(area)
        rings = shapely.get_rings(shapely.get_parts(area))
        assert shapely.is_closed(rings).all()
        outer = shapely.get_exterior_ring(shapely.get_parts(area))
        assert shapely.is_ccw(outer).all()  # the right-hand rule of RFC 7946
    for kind, name in (("Vessel", "vessels"), ("Nucleus", "nuclei")):
        rows, own = table(out, name), of_kind(found, kind)
        assert len(own) == len(rows) > 5
        for one, row in zip(own, rows, strict=True):
            measured = one["properties"]["measurements"]
            for column, value in measured.items():
                assert value == pytest.approx(float(row[column]))
            left_out = set(row) - set(measured) - {"slide", "group", "condition"}
            assert all(row[column] == "" for column in left_out)
            area = outline(one)
            assert abs(area.area - measured["area_um2"] / 0.25) <= area.length
            if area.geom_type == "Polygon" and kind == "Nucleus":
                centre = shapely.Point(measured["x_um"] / 0.5, measured["y_um"] / 0.5)
                assert area.centroid.distance(centre) < 1
    positive = [row["positive"] == "1" for row in table(out, "nuclei")]
    kinds = [one["properties"]["classification"]["name"] for one in of_kind(found, "Nucleus")]
    assert kinds == [f"Nucleus: {'Positive' if yes else 'Negative'}" for yes in positive]
    target = image(0, STRENGTH[SLIDES["a1"][1]])[1]
    levels = of_kind(found, "qd >= ")
    assert [one["properties"]["name"] for one in levels] == ["qd >= 8", "qd >= 15"]
    for one, level in zip(levels, (8, 15), strict=True):
        measured, area = one["properties"]["measurements"], outline(one)
        assert measured["area_um2"] == pytest.approx((target >= level).sum() * 0.25, rel=0.1)
        assert abs(area.area - measured["area_um2"] / 0.25) <= area.length
        assert measured["mean"] > level
    spots = of_kind(found, "Hot spot") + of_kind(found, "Cold spot")
    rows = [row for row in table(out, "sub-areas") if row["spot"]]
    assert sum(one["properties"]["measurements"]["sub_areas"] for one in spots) == len(rows)


@pytest.mark.usefixtures("no_pictures")
def test_objects_keep_their_ids_and_lie_on_the_slide_at_full_resolution(cohort: Cohort) -> None:
    before = features(analysed(cohort))
    path = cohort.folder / "a1.ome.tif"
    # the same slide in pixels of half the size; its prediction keeps its own
    pixels = image(0, 20.0)[0].repeat(2, axis=0).repeat(2, axis=1)
    write_slide(
        path, pixels, channels=["vessels", "nuclei"], pixel_size_um=0.25, provenance={},
        overwrite=True,
    )  # fmt: skip
    cohort.write_prediction("a1", 20.0)
    after = features(analysed(cohort, "--overwrite"))
    assert [one["id"] for one in before] == [one["id"] for one in after]
    small, large = (np.array([outline(o).bounds for o in each]) for each in (before, after))
    np.testing.assert_allclose(large, small * 2, atol=0.02)


@pytest.mark.usefixtures("no_pictures")
def test_the_script_names_images_with_their_inputs_and_escapes_them(cohort: Cohort) -> None:
    combined = cohort.predictions / "with-inputs" / "a1.ome.tif"
    combined.parent.mkdir()
    combined.write_bytes((cohort.folder / "a1.ome.tif").read_bytes())
    script = (analysed(cohort) / "qupath" / "import.groovy").read_text()
    assert f"image: '{combined}'" in script
    assert "@" not in script
    slides = [ScriptSlide("µ '$x' ${y}", Path("/a b/it's é😀\\u0041.tif"), "a.geojson", 2.0)]
    text = import_script(Path("/out 'put'\n"), slides)
    assert text.isascii()
    strings = re.findall(r"(?:name|image): ('(?:[^'\\]|\\.)*')", text)
    assert [read_groovy(one) for one in strings] == [slides[0].name, str(slides[0].image)]
    assert "def folder = '/out \\'put\\'\\u000a'" in text
    assert groovy_text("\\u0041") == "'\\\\u0041'"


def read_groovy(text: str) -> str:
    """A string in single quotes, as Groovy reads it."""
    found = re.sub(
        r"\\u([0-9a-f]{4})|\\(.)", lambda m: chr(int(m[1], 16)) if m[1] else m[2], text[1:-1]
    )
    return found.encode("utf-16", "surrogatepass").decode("utf-16")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--contours", "5,x"], "--contours 5,x: give grey levels, such as 5,10,20"),
        (["--contours", "nan"], "--contours: give grey levels"),
        (["--contours", "900"], "--contours 900: outside the data, which go from"),
        (["--contours", "5", "--no-geojson"], "leave --no-geojson out"),
    ],
)
def test_bad_contours_are_one_line(cohort: Cohort, arguments: list[str], message: str) -> None:
    out = cohort.folder / "analysis"
    source = [cohort.predictions, "--slides", cohort.slides, "--out", out]
    ended = hrpn_tf("analyse", *source, *ONE, *arguments)
    assert ended.exit_code == 2
    assert message in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not out.exists()


@pytest.mark.usefixtures("no_pictures")
def test_nothing_is_written_without_geojson(cohort: Cohort) -> None:
    assert (analysed(cohort) / "qupath").is_dir()
    assert not (analysed(cohort, "--no-geojson", "--overwrite") / "qupath").exists()
