"""One slide measured by windows, several put together, and what is written of them."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.measure import label
from support.array_plane import ArrayPlane
from support.plane_in_memory import RANGE, measured

from hrpn_tf.config import SpatialConfig
from hrpn_tf.evaluation.report.spatial_section import spatial_section
from hrpn_tf.evaluation.spatial import measure
from hrpn_tf.evaluation.spatial.measure import SlideMeasures
from hrpn_tf.evaluation.spatial.nuclei import GivenNuclei
from hrpn_tf.evaluation.spatial.pairs import slide_pairs
from hrpn_tf.evaluation.spatial.report import Report, write_report
from hrpn_tf.evaluation.spatial.study import SpatialStudy

SHAPE = (150, 210)
CONFIG = SpatialConfig(grid_um=30, block_um=60, max_distance_um=24, vessel_min_um2=0, lumen_um2=0)


def images(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Measured and predicted target, vessels, and labels of nuclei."""
    random = np.random.default_rng(seed)
    field = gaussian_filter(random.standard_normal(SHAPE), 5)
    vessels = field > np.quantile(field, 0.93)
    distance = distance_transform_edt(~vessels)
    true = 2 + 20 * np.exp(-distance / 6) + random.normal(0, 0.5, SHAPE)
    pred = 2.5 + 18 * np.exp(-distance / 6) + random.normal(0, 0.5, SHAPE)
    spots = gaussian_filter(random.standard_normal(SHAPE), 2)
    return true, pred, vessels, label(spots > np.quantile(spots, 0.85))


def slide(seed: int, folder: Path) -> SlideMeasures:
    true, pred, vessels, nuclei = images(seed)
    tissue = np.zeros(SHAPE, bool)
    tissue[:, :180] = True
    return measured(
        true, pred, vessels, folder / f"s{seed}", CONFIG,
        tissue=ArrayPlane(tissue), nuclei=GivenNuclei(ArrayPlane(nuclei), 60),
    )  # fmt: skip


def study(folder: Path, slides: int) -> SpatialStudy:
    return SpatialStudy(tuple(slide(i, folder) for i in range(slides)), CONFIG, RANGE)


def in_groups(found: SpatialStudy, names: str) -> SpatialStudy:
    """The same with the first slides only, and these groups."""
    slides = [
        replace(measures, slide=replace(measures.slide, group=name))
        for measures, name in zip(found.slides, names, strict=False)
    ]
    return replace(found, slides=tuple(slides))


def test_slides_of_one_animal_are_drawn_together(tmp_path: Path) -> None:
    """Each of four animals has the same slide twice: the intervals are those of four slides."""
    four = study(tmp_path, 4)
    twice = in_groups(replace(four, slides=(*four.slides, *four.slides)), "abcdabcd")
    once, both = (Report(each, ()).to_json() for each in (four, twice))
    assert both["intervals"].startswith("bootstrap over animals; 4 test animals (8 slides) have")
    assert (once["resampled"], both["resampled"]) == ("slides", "animals")
    for keys in (("profile", "true", "depth_1_e"), ("extravasation", "pred_um"),
                 ("nuclei", "kappa")):  # fmt: skip
        one, two = once, both
        for key in keys:
            one, two = one[key], two[key]
        assert two["interval"] == pytest.approx(one["interval"])
    for kind in ("pixels", "sub_areas"):
        one, two = (v["agreement"][kind]["interval_bootstrap"]["bias"] for v in (once, both))
        assert two == pytest.approx(one)
    np.testing.assert_allclose(twice.profile.true.low, four.profile.true.low)
    pair = Report(in_groups(four, "aabb"), ()).to_json()
    assert pair["profile"]["true"]["low"] is None
    reason = pair["agreement"]["sub_areas"]["unresolved"]["bias"]
    assert reason == "2 animals, and an interval takes at least 4"
    one_animal = Report(in_groups(four, "aaaa"), ()).to_json()
    found = one_animal["profile"]["true"]["depth_1_e"]
    assert found["unresolved"] == "1 animal, and an interval takes at least 4"


def test_sums_are_those_of_the_whole_image_whatever_the_windows(tmp_path: Path) -> None:
    true, pred, vessels, nuclei = images(0)
    found = []
    for side in (37, 1024):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(measure, "LEAST_WINDOW", side)
            patch.setattr(measure, "LARGEST_WINDOW", side)
            found.append(slide(0, tmp_path / str(side)))
    for name in ("by_distance", "distance_sums", "by_cell", "positive_by_cell", "by_vessel"):
        one, other = (getattr(m, name) for m in found)
        np.testing.assert_allclose(one, other, rtol=1e-9, err_msg=name)
    cells = found[0].by_cell.reshape(5, 7, 3)
    assert cells[1, 2, 0] == 900
    assert cells[1, 2, 1] == pytest.approx(true[30:60, 60:90].sum())
    assert cells[0, 6].tolist() == [0, 0, 0]  # no tissue
    distance = distance_transform_edt(~vessels)[:, :180]
    near = (distance > 2) & (distance <= 4)
    total = found[0].by_distance.sum(axis=0)
    assert total[2, :3] == pytest.approx(
        [near.sum(), true[:, :180][near].sum(), pred[:, :180][near].sum()]
    )
    assert total[-1, 0] == (distance > 24).sum()
    large = np.bincount(nuclei.ravel())[1:] >= 0.2 * np.pi * CONFIG.nucleus_diameter_um**2 / 4
    assert len(found[0].nuclei) == len(found[1].nuclei) == large.sum()
    pairs = slide_pairs(found[0])
    assert sorted(pairs["nuclei"].true) == pytest.approx(
        sorted(slide_pairs(found[1])["nuclei"].true)
    )


def test_extravasation_is_the_mean_distance_of_positive_pixels_outside_vessels(
    tmp_path: Path,
) -> None:
    true, pred, vessels, _ = images(0)
    distance = np.minimum(distance_transform_edt(~vessels), 24)[:, :180]
    found = study(tmp_path, 1).extravasation
    for name, image in (("true", true), ("pred", pred)):
        chosen = (image[:, :180] > 5) & (distance > 0)
        assert found[f"{name}_pixels"] == chosen.sum()
        assert found[f"{name}_um"]["value"] == pytest.approx(distance[chosen].mean())
        low, high = found[f"{name}_um"]["interval"]
        assert low < found[f"{name}_um"]["value"] < high


def test_the_perivascular_intensity_belongs_to_the_nearest_vessel(tmp_path: Path) -> None:
    vessels = np.zeros((60, 100), bool)
    vessels[28:32, 20:24] = vessels[28:32, 76:80] = True
    true = np.zeros((60, 100))
    true[:, :50], true[:, 50:] = 3.0, 8.0
    found = slide_pairs(measured(true, true + 1, vessels, tmp_path / "s", CONFIG))["vessels"]
    assert found.true.tolist() == [3.0, 8.0]
    assert found.pred.tolist() == [4.0, 9.0]
    assert found.x_um.tolist() == [22.0, 78.0]


@pytest.mark.parametrize("slides", [1, 4])
def test_everything_is_written_and_says_the_same(slides: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write_report(Report(study(tmp_path, slides), ()), out)
    values = json.loads((out / "spatial.json").read_text())
    assert len(values["slides"]) == slides
    over = "blocks" if slides == 1 else "bootstrap over slides"
    assert over in values["intervals"]
    with (out / "spatial.csv").open() as file:
        rows = list(csv.DictReader(file))
    named = {(r["slide"], r["kind"], r["figure"], r["interval"]): r for r in rows}
    agreement = values["agreement"]["sub_areas"]
    row = named["all", "sub_areas", "icc2", "bootstrap"]
    assert float(row["value"]) == agreement["icc2"]
    assert [float(row["low"]), float(row["high"])] == agreement["interval_bootstrap"]["icc2"]
    depth = values["profile"]["true"]["depth_1_e"]
    assert float(named["all", "profile true", "depth_1_e", "bootstrap"]["value"]) == depth["value"]
    assert depth["value"] == pytest.approx(6, rel=0.1)
    assert values["agreement"]["penetration"]["count"] == slides
    assert ("icc2" in values["agreement"]["penetration"]) == (slides == 4)
    text = (out / "spatial.md").read_text()
    assert f"{agreement['icc2']:.3f}" in text
    assert "GANDA" in text
    assert "0.94" in text
    for name in ("distance-profile", "sub-areas", "vessels", "nuclei"):
        assert {f"{name}{suffix}" for suffix in (".png", ".svg", ".csv")} <= {
            path.name for path in (out / "spatial").iterdir()
        }
        picture = matplotlib.image.imread(out / "spatial" / f"{name}.png")
        assert picture.shape[1] > 600
        assert picture[..., :3].std() > 0.05
    with (out / "spatial" / "sub-areas.csv").open() as file:
        points = list(csv.DictReader(file))
    assert len(points) == agreement["count"]
    assert np.mean([float(p["true"]) for p in points]) == pytest.approx(agreement["true_mean"])


def test_two_slides_and_short_depths_are_not_resolved_in_any_table(tmp_path: Path) -> None:
    (out := tmp_path / "out").mkdir()
    coarse = CONFIG.model_copy(update={"bin_um": 7.0})
    slides = []
    for seed in (0, 1):
        true, pred, vessels, _ = images(seed)
        slides.append(measured(true, pred, vessels, tmp_path / f"s{seed}", coarse))
    write_report(Report(SpatialStudy(tuple(slides), coarse, RANGE), ()), out)
    values = json.loads((out / "spatial.json").read_text())
    assert values["profile"]["true"]["depth_1_e"]["below_um"] == 7
    assert values["profile"]["true"]["low"] is None
    assert values["extravasation"]["true_um"]["interval"] is None
    assert values["agreement"]["sub_areas"]["interval_bootstrap"] == {}
    text = (out / "spatial.md").read_text()
    assert "| < 7.0 |" in " ".join(text.split())
    assert "(not resolved)" in text
    named = [line for line in text.splitlines() if line.startswith("| extravasation distance, um")]
    far = named[-1]  # the first is of the pairs of sub-areas
    assert far.count("(not resolved)") == 3
    assert " to " not in far
    with (out / "spatial.csv").open() as file:
        rows = {(r["slide"], r["kind"], r["figure"]): r for r in csv.DictReader(file)}
    depth = rows["all", "profile true", "depth_1_e"]
    assert (depth["value"], depth["low"]) == ("", "")
    assert depth["interval"] == "not resolved: below the bin width of 7 um"
    mean = rows["all", "extravasation", "true_um"]
    assert float(mean["value"]) > 0
    assert mean["interval"] == "not resolved: 2 slides, and an interval takes at least 4"
    section, _ = spatial_section(out)
    assert section is not None
    shown = {table.title: table.rows for table in section.tables}
    assert shown["How far"][0][1] == "< 7"
    assert "(not resolved)" in str(shown["How far"][2][1])


def test_a_depth_that_some_resamples_put_beyond_the_profile_has_an_open_end(tmp_path: Path) -> None:
    """In one of four slides nothing falls: with two of it, the excess never falls to 1/e."""
    (out := tmp_path / "out").mkdir()
    config = CONFIG.model_copy(update={"background": 0.0})
    slides = []
    for seed in range(4):
        vessels = images(seed)[2]
        length = 6.0 if seed else 1e6
        true = 20 * np.exp(-distance_transform_edt(~vessels) / length)
        slides.append(measured(true, true, vessels, tmp_path / f"s{seed}", config))
    found = SpatialStudy(tuple(slides), config, RANGE)
    write_report(Report(found, ()), out)
    values = json.loads((out / "spatial.json").read_text())
    depth = values["profile"]["true"]["depth_1_e"]
    low, high = depth["interval"]
    assert low < depth["value"] < depth["high_above_um"]
    assert high is None
    assert depth["high_above_um"] == pytest.approx(23.5, abs=1)
    shown = f"({low:.1f} to > {depth['high_above_um']:.1f})"
    assert shown in (out / "spatial.md").read_text()
    with (out / "spatial.csv").open() as file:
        rows = {(r["slide"], r["kind"], r["figure"]): r for r in csv.DictReader(file)}
    row = rows["all", "profile true", "depth_1_e"]
    assert (float(row["low"]), row["high"]) == (low, "")
    assert row["interval"] == f"bootstrap; high above {depth['high_above_um']:.4g} um"
    section, _ = spatial_section(out)
    assert section is not None
    far = {table.title: table.rows for table in section.tables}["How far"]
    assert far[0][1] == f"{depth['value']:.3g} ({low:.3g} to > {depth['high_above_um']:.3g})"


def test_a_constant_target_gives_no_correlation_and_no_depth_but_a_report(tmp_path: Path) -> None:
    _, pred, vessels, nuclei = images(0)
    flat = measured(
        np.full(SHAPE, 3.0), pred, vessels, tmp_path / "flat", CONFIG,
        nuclei=GivenNuclei(ArrayPlane(nuclei), 60),
    )  # fmt: skip
    out = tmp_path / "out"
    out.mkdir()
    write_report(Report(SpatialStudy((flat,), CONFIG, RANGE), ()), out)
    values = json.loads((out / "spatial.json").read_text())
    pixels = values["agreement"]["pixels"]
    assert pixels["icc2"] is None
    assert "true values are constant" in pixels["undefined"]
    assert values["profile"]["true"]["depth_1_e"]["value"] is None
    assert "no excess" in values["profile"]["undefined"]
    assert "No depths" in (out / "spatial.md").read_text()
