"""Sections made of files that other commands wrote, or not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hrpn_tf.evaluation.moments import moments
from hrpn_tf.evaluation.report.coverage import ReportCoverage
from hrpn_tf.evaluation.report.interval_section import (
    draw_curve,
    interval_section,
    read_table,
)
from hrpn_tf.evaluation.report.spatial_section import spatial_section
from hrpn_tf.evaluation.spatial.ablation import Ablation


def interval(value: float | None) -> dict:
    return {"value": value, "interval": None if value is None else [value - 1, value + 1]}


def spatial_values() -> dict:
    curve = {"mean": [5.0, 3.0, None], "low": [4.0, 2.0, None], "high": [6.0, 4.0, None]}
    depths = {"depth_1_e": interval(20.0), "depth_10_percent": interval(None)}
    return {
        "intervals": "bootstrap over slides",
        "profile": {
            "mean_distance_um": [0.0, 2.0, 4.0],
            "pixels": [10, 20, 0],
            "true": {**curve, **depths},
            "pred": {**curve, **depths},
            "difference": depths,
            "undefined": "",
        },
        "extravasation": {f"{n}_um": interval(9.0) for n in ("true", "pred", "difference")},
        "nuclei": {"count": 0},
        "agreement": {
            "pixels": {
                "title": "pixels <b>", "unit": "grey levels", "count": 30, "bias": 0.1,
                "limit_low": -1, "limit_high": 1, "pearson": 0.9, "icc2": 0.94, "icc3": 0.95,
                "interval_bootstrap": {"icc2": [0.9, 0.97]},
            }
        },
        "ablation": [ablation().to_json()],
    }  # fmt: skip


def ablation() -> Ablation:
    """As the evaluation writes it, of four slides, the fewest that resolve an interval."""
    true = np.arange(12.0).reshape(3, 4)
    whole = tuple(moments(true, true + error) for error in (1.0, 1.0, 2.0, 2.0))
    without = tuple(moments(true, true + error) for error in (3.0, 3.0, 5.0, 5.0))
    return Ablation("vessels", "mean", "the input is its mean", whole, without, tuple("abcd"))


def test_the_spatial_evaluation_is_shown(tmp_path: Path) -> None:
    (tmp_path / "spatial.json").write_text(json.dumps(spatial_values()))
    section, note = spatial_section(tmp_path)
    assert note == ""
    assert section is not None
    agreement, depths, inputs = section.tables
    assert inputs.rows[0][:3] == ["vessels (mean)", "2.5 (1 to 4)", "17 (9 to 25)"]
    assert agreement.rows[0][-2:] == ["0.94 (0.9 to 0.97)", 0.95]
    assert depths.rows[0][1] == "20 (19 to 21)"
    assert depths.rows[1][1] is None


def test_an_ablation_draws_animals() -> None:
    """Four slides of two animals resolve no interval."""
    found = replace(ablation(), groups=("m1", "m1", "m2", "m2")).to_json()
    assert found["mse"]["low"] is None
    assert found["mse"]["unresolved"] == "2 animals, and an interval takes at least 4"
    assert found["intervals"].startswith("2 test animals (4 slides) have 3 distinct resamples")
    assert found["resampled"] == "animals"
    assert ablation().to_json()["resampled"] == "slides"


def test_what_is_missing_or_damaged_is_one_line(tmp_path: Path) -> None:
    section, note = spatial_section(tmp_path)
    assert section is None
    assert note == "no spatial evaluation; make it with"
    for text in ("{", "[]", "{}", json.dumps({**spatial_values(), "agreement": {"x": 1}})):
        (tmp_path / "spatial.json").write_text(text)
        section, note = spatial_section(tmp_path)
        assert section is None
        assert "damaged" in note


def test_without_intervals_there_is_no_section(tmp_path: Path) -> None:
    none = ReportCoverage(np.linspace(0, 4, 5))
    assert interval_section(none, tmp_path / "calibrated", "qd", tmp_path) is None


def test_coverage_and_the_tables_of_the_calibration_are_shown(tmp_path: Path) -> None:
    calibrated = tmp_path / "calibrated"
    calibrated.mkdir()
    (calibrated / "coverage.csv").write_text("kind,name,coverage\nslide,a,0.91\nall,all,\n")
    (calibrated / "curve.csv").write_text(
        "nominal,measured,lowest_slide,highest_slide\n0.5,0.52,0.4,0.6\n0.9,0.91,0.88,0.95\n"
    )
    coverage = ReportCoverage(np.linspace(0, 4, 5))
    ones = np.ones(100)
    coverage.add(np.arange(100) / 50, ones, 0 * ones, 1.5 * ones)
    section = interval_section(coverage, calibrated, "qd", tmp_path)
    assert section is not None
    measured, slides, every = section.tables
    assert measured.rows[0][1:4] == pytest.approx([0.76, 0.0, 0.24])
    assert (slides.title, slides.rows) == ("Coverage by slide", [["a", 0.91]])
    assert every.rows == [["all", ""]]
    assert [chart.name for chart in section.charts] == ["coverage", "calibration"]
    assert (tmp_path / "calibration.csv").read_text() == (calibrated / "curve.csv").read_text()


def test_a_curve_of_something_else_is_left_out(tmp_path: Path) -> None:
    for text in ("nominal,measured\n0.5,0.4\n", "a,b\n1,2\n"):
        (tmp_path / "curve.csv").write_text(text)
        table = read_table(tmp_path / "curve.csv")
        assert table is not None
        assert draw_curve(table, tmp_path / "figures") is None


@pytest.mark.parametrize("content", [b"", b"one\n", b"a,b\n", b"\xff\xfe\x00,b\n1,2\n"])
def test_what_is_no_table_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    assert read_table(tmp_path / "x.csv") is None
