"""A slide of another scanner is evaluated in the pixels of its prediction."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from support.command import hrpn_tf
from support.run_folder import ROLES, make_run

from hrpn_tf.evaluation.planes import MaskPlane, NearestPlane
from hrpn_tf.runs import open_run
from hrpn_tf.slides import open_slide, write_slide
from hrpn_tf.workflows.evaluate.measured_slides import measured_slide
from hrpn_tf.workflows.evaluate.spatial_inputs import open_on_slide, read_regions

SHAPE = (61, 83)


def image() -> np.ndarray:
    """(122, 166, 3) uint8 whose means over 2 x 2 px are no whole numbers."""
    random = np.random.default_rng(0)
    planes = [gaussian_filter(random.gamma(0.5, 90, (122, 166)), 2) for _ in ROLES]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def means() -> np.ndarray:
    """(61, 83, 3) of the area of each pixel of the prediction."""
    return image().reshape(61, 2, 83, 2, 3).mean(axis=(1, 3))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A slide at 0.25 um/px, predicted at 0.5."""
    run = make_run(
        tmp_path / "run",
        groups={"a": "train", "d": "test"},
        store=tmp_path / "no-store",
        overrides=["data.tissue.method=all"],
    )
    write_slide(tmp_path / "d.ome.tif", image(), channels=ROLES, pixel_size_um=0.25, provenance={})
    (tmp_path / "slides.csv").write_text("slide,group\nd.ome.tif,d\n")
    predicted = means()[..., 2:].astype(np.float32) * 0.9
    out = run / "predictions" / "d.ome.tif"
    write_slide(out, predicted, channels=["qd"], pixel_size_um=0.5, provenance={})
    return run


def test_metrics_are_those_of_the_means(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrpn_tf.evaluation.slide_evaluation.draw", lambda *arguments: None)
    slides = run.parent / "slides.csv"
    assert hrpn_tf("evaluate", slides, "--run", run, "--no-baselines").exit_code == 0
    values = json.loads((run / "evaluation/metrics.json").read_text())
    true = means()[..., 2]
    row = next(r for r in values["rows"] if (r["slide"], r["view"]) == ("d", "float"))
    assert row["pixels"] == true.size
    assert row["mse"] == pytest.approx(((true * 0.1) ** 2).mean(), rel=1e-5)
    assert {r["view"] for r in values["rows"]} == {"float", "rounded"}
    assert values["peak"] == 255
    assert values["resampled"] == {"d": {"from_um": 0.25, "to_um": 0.5, "method": "area mean"}}
    said = (run / "evaluation/metrics.md").read_text()
    assert "d: the measured slide has 0.25 um/px, resampled to 0.5 um/px (area mean)." in said


def test_masks_and_regions_of_the_slide_fit_the_prediction(run: Path, tmp_path: Path) -> None:
    from contextlib import ExitStack

    (slide,) = open_run(run).slides(tmp_path / "slides.csv")
    labels = np.arange(122 * 166, dtype=np.uint16).reshape(122, 166, 1)
    write_slide(tmp_path / "l.ome.tif", labels, channels=["l"], pixel_size_um=0.25, provenance={})
    corners = [[20, 10], [60, 10], [60, 30], [20, 30], [20, 10]]
    (tmp_path / "r.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [corners]}))
    with (
        ExitStack() as stack,
        open_slide(run / "predictions/d.ome.tif") as predicted,
        measured_slide(slide, open_run(run).config, predicted.info) as (measured, opened),
    ):
        assert (measured.target.height, measured.target.width) == SHAPE
        assert measured.target.dtype == np.uint8
        assert measured.pixel_size_um == 0.5
        plane = open_on_slide(tmp_path / "l.ome.tif", opened, slide, stack)
        np.testing.assert_array_equal(plane.read(3, 5, 2, 4), labels[7:11:2, 11:19:2, 0])
        (region,) = read_regions(tmp_path / "r.geojson", opened, slide).values()
        assert region.area.bounds == (10, 5, 30, 15)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0, 3.3])
def test_the_nearest_pixel(ratio: float) -> None:
    plane = MaskPlane(7, 9, np.arange(63).reshape(7, 9), side=1)
    height, width = round(7 / ratio), round(9 / ratio)
    whole = NearestPlane(plane, height, width, ratio).read(0, 0, height, width)
    rows = np.minimum(((np.arange(height) + 0.5) * ratio).astype(int), 6)
    columns = np.minimum(((np.arange(width) + 0.5) * ratio).astype(int), 8)
    np.testing.assert_array_equal(whole, rows[:, None] * 9 + columns)
