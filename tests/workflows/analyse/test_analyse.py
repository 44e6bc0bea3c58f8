"""``hrpn-tf analyse``, from the command line and from Python."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.command import hrpn_tf
from support.predicted_cohort import SHAPE, SLIDES, STRENGTH, Cohort, analyse, image

import hrpn_tf as ht
from hrpn_tf.slides import write_slide


def measured_slide(
    cohort: Cohort, inputs: np.ndarray, target: np.ndarray, pixel_size_um: float | None
) -> Path:
    """A slide with inputs and target, (H, W, 2) and (H, W), as uint8."""
    path = cohort.folder / "measured.ome.tif"
    stacked = np.concatenate([inputs, np.rint(target)[..., None].astype(np.uint8)], axis=-1)
    write_slide(path, stacked, channels=["vessels", "nuclei", "qd"], pixel_size_um=pixel_size_um,
                provenance={})  # fmt: skip
    return path


def rows(cohort: Cohort, name: str) -> list[dict[str, str]]:
    with (cohort.folder / "analysis" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_everything_is_written_and_agrees_with_the_predictions(cohort: Cohort) -> None:
    ended = analyse(cohort, "--group", "m1", "--group", "m4")
    assert ended.exit_code == 0
    assert "penetration depth" in ended.out
    names = {path.name for path in (cohort.folder / "analysis").iterdir()}
    assert names >= {"analysis.html", "analysis.md", "analysis.json", "profile.png", "slides",
                     "conditions.png", "vessels.csv", "nuclei.csv", "sub-areas.csv"}  # fmt: skip
    assert not [name for name in names if name.startswith(".")]
    slides = rows(cohort, "slides")
    assert [row["slide"] for row in slides] == ["a1", "d1"]
    _, target = image(0, 20.0)
    assert float(slides[0]["mean_intensity"]) == pytest.approx(target.mean(), rel=1e-5)
    assert float(slides[0]["mean_intensity_lower"]) == pytest.approx(0.9 * target.mean(), rel=1e-5)
    assert float(slides[0]["mean_intensity_upper"]) == pytest.approx(1.2 * target.mean(), rel=1e-5)
    assert float(slides[0]["depth_1_e_um"]) == pytest.approx(4, rel=0.15)
    assert {row["threshold"] for row in slides} == {slides[0]["threshold"]}  # one for all slides
    vessels, nuclei = rows(cohort, "vessels"), rows(cohort, "nuclei")
    assert len(vessels) == sum(int(row["vessels"]) for row in slides)
    assert len(nuclei) == sum(int(row["nuclei"]) for row in slides)
    positive = [row["positive"] == "1" for row in nuclei if row["slide"] == "d1"]
    share = next(row for row in slides if row["slide"] == "d1")["positive_nuclei_share"]
    assert float(share) == pytest.approx(np.mean(positive))
    page = (cohort.folder / "analysis" / "analysis.html").read_text()
    assert "data:image/png;base64," in page
    assert 'src="http' not in page


@pytest.mark.usefixtures("no_pictures")
def test_conditions_are_compared_by_animal(cohort: Cohort) -> None:
    assert analyse(cohort, "--no-overlays").exit_code == 0
    found = {row["measure"]: row for row in rows(cohort, "conditions")}
    mean = found["mean_intensity"]
    assert (mean["one"], mean["other"], mean["animals_one"]) == ("control", "treated", "3")
    assert float(mean["difference"]) > 5
    assert float(mean["low"]) > 0
    assert float(mean["p"]) == pytest.approx(0.1)  # 2 of 20 arrangements
    assert float(mean["q"]) >= 0.1
    depth = found["depth_1_e_um"]
    assert float(depth["low"]) < 0 < float(depth["high"])


@pytest.mark.usefixtures("no_pictures")
def test_parquet_holds_the_same_with_types(cohort: Cohort) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert analyse(cohort, "--no-overlays", "--group", "m1", "--parquet").exit_code == 0
    table = parquet.read_table(cohort.folder / "analysis" / "nuclei.parquet")
    text = rows(cohort, "nuclei")
    assert table.column("value").to_pylist() == [float(row["value"]) for row in text]
    assert str(table.schema.field("positive").type) == "bool"
    distances = [float(r["distance_um"]) if r["distance_um"] else None for r in text]
    assert table.column("distance_um").to_pylist() == distances


@pytest.mark.usefixtures("no_pictures")
def test_a_measured_slide_is_analysed_like_a_predicted_one(cohort: Cohort) -> None:
    inputs, target = image(3, 60.0)
    path = measured_slide(cohort, inputs, target, 0.5)
    settings = {"spatial": {"max_distance_um": 20, "block_um": 12, "vessel_min_um2": 1}}
    found = ht.analyse(
        path, cohort.folder / "out", overlays=False, threshold=20,
        settings={**settings, "spatial.region": "whole"},
    )  # fmt: skip
    assert found.slides[0]["depth_1_e_um"] == pytest.approx(4, rel=0.15)
    assert found.slides[0]["threshold"] == 20
    assert "mean_intensity_lower" not in found.slides[0]
    assert found.conditions == ()


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.usefixtures("no_pictures")
def test_a_measured_slide_without_a_pixel_size_is_given_one(cohort: Cohort) -> None:
    inputs, target = image(0, 20.0)
    path = measured_slide(cohort, inputs, target, None)
    settings = ("max_distance_um=20", "block_um=12", "vessel_min_um2=1", "region=whole")
    options = [f"--set=spatial.{each}" for each in settings]
    refused = analyse(cohort, "--no-overlays", *options, path=path)
    assert refused.exit_code == 2
    assert "states no pixel size; correct the file or, where" in refused.err
    options += ["--no-overlays", "--pixel-size", "0.5"]
    assert analyse(cohort, *options, path=path).exit_code == 0
    assert float(rows(cohort, "slides")[0]["depth_1_e_um"]) == pytest.approx(4, rel=0.25)


def test_a_run_gives_margins_from_animals_that_it_never_saw(cohort: Cohort) -> None:
    run = cohort.run()
    measured = ["slide,group"]
    for seed, (name, (group, condition)) in enumerate(SLIDES.items()):
        inputs, target = image(seed, STRENGTH[condition])
        off = target * (1 + 0.01 * seed)  # what was measured is so much more than predicted
        path = cohort.folder / f"{name}.ome.tif"
        stacked = np.concatenate([inputs.astype(np.float32), off[..., None]], axis=-1)
        write_slide(
            path, stacked, channels=["vessels", "nuclei", "qd"], pixel_size_um=0.5, provenance={},
            overwrite=True,
        )  # fmt: skip
        cohort.write_prediction(name, STRENGTH[condition])
        measured.append(f"{name}.ome.tif,{group}")
    (cohort.folder / "held.csv").write_text("\n".join(measured))
    ended = analyse(
        cohort, "--slides", cohort.slides, "--held-back", cohort.folder / "held.csv",
        "--coverage", "0.8", "--no-overlays", "--group", "m1", path=run,
    )  # fmt: skip
    assert ended.exit_code == 0, ended.err
    values = json.loads((cohort.folder / "analysis" / "analysis.json").read_text())
    errors = sorted(
        image(i, STRENGTH[SLIDES[n][1]])[1].mean() * 0.01 * i for i, n in enumerate(SLIDES)
    )
    margin = values["margins"]["mean_intensity"]
    assert (margin["groups"], margin["needed"]) == (6, 4)
    assert margin["value"] == pytest.approx(errors[5], rel=1e-4)  # rank ceil(7 x 0.8) = 6
    refused = analyse(
        cohort, "--slides", cohort.slides, "--held-back", cohort.folder / "held.csv",
        "--vessel-mask", cohort.folder / "{slide}.tif", "--set=evaluation.vessel_role=cd31",
        "--overwrite", path=run,
    )  # fmt: skip
    assert refused.exit_code == 2
    assert "--held-back: no input is called cd31" in refused.err


def squares(side: int, places: list[tuple[int, int]]) -> tuple[dict[str, object], np.ndarray]:
    """The same objects as GeoJSON and as a label image."""
    labels, features = np.zeros(SHAPE, np.uint32), []
    for number, (y, x) in enumerate(places, 1):
        labels[y : y + side, x : x + side] = 100_000 + number  # needs 32 bits
        ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "geometry": geometry, "properties": {}})
    return {"type": "FeatureCollection", "features": features}, labels


@pytest.mark.usefixtures("no_pictures")
def test_outlines_of_qupath_are_the_same_as_label_images(cohort: Cohort) -> None:
    for name, side, step in (("vessels", 6, 30), ("nuclei", 8, 15)):
        places = [(y, x) for y in range(3, 80, step) for x in range(4, 95, step)]
        outlines, labels = squares(side, places)
        (cohort.folder / f"a1.{name}.geojson").write_text(
            json.dumps(outlines), encoding="utf-8-sig"
        )
        tifffile.imwrite(cohort.folder / f"a1.{name}.tif", labels)
    found = {}
    for kind in ("tif", "geojson"):
        masks = [
            "--vessel-mask", cohort.folder / f"{{slide}}.vessels.{kind}",
            "--nucleus-labels", cohort.folder / f"{{slide}}.nuclei.{kind}",
        ]  # fmt: skip
        ended = analyse(cohort, "--group", "m1", "--no-overlays", *masks, "--overwrite")
        assert ended.exit_code == 0, ended.err
        found[kind] = {name: rows(cohort, name) for name in ("slides", "vessels", "nuclei")}
    assert len(found["tif"]["vessels"]) == 12
    assert len(found["tif"]["nuclei"]) == 42
    assert found["tif"] == found["geojson"]


@pytest.mark.usefixtures("no_pictures")
def test_a_condition_of_one_animal_is_shown_and_not_tested(cohort: Cohort) -> None:
    cohort.write_list(b1=("m1", "control"), c1=("m1", "control"))
    ended = analyse(cohort, "--no-overlays")
    assert ended.exit_code == 0
    assert ended.err.count("condition control has one animal") == 1
    first = rows(cohort, "conditions")[0]
    assert (first["p"], first["mean_one"] != "") == ("", True)
    assert first["untested"].startswith("1 animal with a value in control")


@pytest.mark.usefixtures("no_pictures")
def test_what_a_network_states_for_its_readers_is_repeated(cohort: Cohort) -> None:
    """As that of shipped weights, which were trained on simulations."""
    cohort.write_prediction("a1", 40.0, remark="a pattern, \x1b[31mnot amounts")
    ended = analyse(cohort, "--group", "m1", "--no-overlays")
    assert ended.exit_code == 0
    assert ended.err.count("a pattern, ") == 1
    page = (cohort.folder / "analysis" / "analysis.html").read_text()
    assert "1 slide. a pattern, " in page
    assert "\x1b" not in ended.err + page


@pytest.mark.usefixtures("no_pictures")
def test_predictions_need_their_slides(cohort: Cohort) -> None:
    ended = analyse(cohort, path=cohort.predictions)
    assert ended.exit_code == 2
    assert "--slides LIST" in ended.err
    # one slide with its prediction, and a list with its folder, are the same
    pairs = [
        (cohort.predictions / "a1.ome.tif", "--slides", cohort.folder / "a1.ome.tif"),
        (cohort.slides, "--predictions", cohort.predictions, "--group", "m1"),
    ]
    found = []
    for number, arguments in enumerate(pairs):
        out = cohort.folder / str(number)
        ended = hrpn_tf("analyse", *arguments, "--out", out, "--quiet", "--no-overlays")
        assert ended.exit_code == 0, ended.err
        (row,) = csv.DictReader((out / "slides.csv").open())
        found.append({k: v for k, v in row.items() if k not in ("group", "condition")})
    assert found[0] == found[1]
