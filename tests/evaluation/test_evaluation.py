"""Rows, tables and pictures of an evaluation."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.io import imread
from sklearn.metrics import r2_score
from support.array_plane import ArrayPlane

from hrpn_tf.errors import SlideMismatchError
from hrpn_tf.evaluation import (
    METRICS,
    CompareSettings,
    Evaluation,
    MeasuredSlide,
    common_peak,
    evaluate_slide,
    fit_baselines,
    to_csv,
    to_markdown,
)
from hrpn_tf.evaluation.metric_values import metrics_of
from hrpn_tf.evaluation.slide_evaluation import unused_range
from hrpn_tf.evaluation.slide_picture import CROP, SlidePicture, choose_crop, density

SETTINGS = CompareSettings(peak=255.0, smooth_px=2.0)


def slide(name: str, seed: int, shape: tuple[int, int] = (60, 90)) -> MeasuredSlide:
    random = np.random.default_rng(seed)
    channel = [gaussian_filter(random.gamma(0.5, 60, shape), 1.5) for _ in range(3)]
    planes = [ArrayPlane(np.clip(c, 0, 255).astype(np.uint8)) for c in channel]
    return MeasuredSlide(
        name=name,
        group=name,
        subset="test",
        inputs={"vessels": planes[0], "nuclei": planes[1]},
        target_role="qd",
        target=planes[2],
        vessel_role="vessels",
        pixel_size_um=0.5,
    )


def prediction(measured: MeasuredSlide, noise: float = 3) -> ArrayPlane:
    true = measured.target.read(0, 0, measured.target.height, measured.target.width)
    random = np.random.default_rng(0)
    return ArrayPlane((true * 0.9 + random.normal(0, noise, true.shape)).astype(np.float32))


@pytest.fixture
def evaluation() -> Evaluation:
    training = [slide("c", 3)]
    baselines = fit_baselines(training)
    measured = [slide("a", 1), slide("b", 2, (40, 50))]
    results = tuple(
        evaluate_slide(m, prediction(m), None, SETTINGS, baselines=baselines) for m in measured
    )
    return Evaluation(results, 255.0, 2.0, "uint8", baselines)


def test_json_holds_every_row_with_its_definition(evaluation: Evaluation) -> None:
    values = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert values["schema"] == "hrpn-tf evaluation 1"
    assert values["peak"] == 255
    assert set(values["definitions"]) == set(METRICS)
    keys = {(r["slide"], r["predictor"], r["view"], r["region"]) for r in values["rows"]}
    model = {(s, "model", v, "whole") for s in ("a", "b", "pooled") for v in values["views"]}
    assert model <= keys
    assert len(keys) == len(values["rows"]) == 3 * (3 + 2)
    assert values["baselines"]["training_slides"] == 1


def test_pooled_figures_are_those_of_all_pixels_together(evaluation: Evaluation) -> None:
    slides = [slide("a", 1), slide("b", 2, (40, 50))]
    true = np.concatenate([s.target.image.ravel() for s in slides])  # type: ignore[attr-defined]
    pred = np.concatenate([prediction(s).image.ravel() for s in slides])
    row = next(r for r in evaluation.rows() if r.slide == "pooled" and r.view == "float")
    assert row.metrics.values["r2"] == pytest.approx(r2_score(true.astype(float), pred))
    assert row.metrics.pixels == true.size


def test_the_baseline_of_the_mean_predicts_the_training_mean(evaluation: Evaluation) -> None:
    training, tested = (s.target.image for s in (slide("c", 3), slide("a", 1)))  # type: ignore[attr-defined]
    row = next(r for r in evaluation.rows() if r.slide == "a" and "mean" in r.predictor)
    flat = np.full(tested.size, training.mean())
    assert row.metrics.values["r2"] == pytest.approx(r2_score(tested.ravel(), flat))


def test_csv_reads_back_as_the_same_numbers(evaluation: Evaluation) -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(evaluation))))
    rows = evaluation.rows()
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        for name, value in row.metrics.values.items():
            assert line[name] == ("" if value is None else repr(value))


def test_markdown_has_a_table_for_every_view_and_says_what_is_missing() -> None:
    measured = slide("a|b", 1)
    flat = ArrayPlane(np.full((60, 90), 5, np.uint8))
    constant = MeasuredSlide(**{**measured.__dict__, "target": flat})
    result = evaluate_slide(constant, prediction(measured), None, SETTINGS)
    text = to_markdown(Evaluation((result,), 255.0, 2.0, "uint8", None))
    assert text.count("| slide") == 3 + 1  # views, and the range of the predictions
    assert "| a\\|b " in text
    assert "sigma 2 px" in text
    assert "- a\\|b, whole: no R²: the true values are constant." in text
    assert "Peak: 255 grey levels" in text


def test_the_error_of_a_mismatch_names_the_slide() -> None:
    with pytest.raises(SlideMismatchError, match=r"^a: predicted 5 x 5 px, measured 60 x 90 px"):
        evaluate_slide(slide("a", 1), ArrayPlane(np.zeros((5, 5))), None, SETTINGS)


def test_the_peak_follows_from_the_type() -> None:
    uint8, uint16, real = (np.dtype(t) for t in ("uint8", "uint16", "float32"))
    assert common_peak({"a": uint8, "b": uint8}, None) == 255
    assert common_peak({"a": uint16}, None) == 65535
    assert common_peak({"a": uint16}, 4095.0) == 4095
    assert common_peak({"a": real}, None) is None
    with pytest.raises(SlideMismatchError, match=r"a \(uint8\), b \(uint16\)"):
        common_peak({"a": uint8, "b": uint16}, None)


def test_a_small_part_of_the_range_is_said() -> None:
    results = [evaluate_slide(slide("a", 1), prediction(slide("a", 1)), None, SETTINGS)]
    largest = results[0].predictors["model"]["float", "whole"].moments.max_true
    remark = unused_range(results, 65535.0, "uint16")
    assert remark is not None
    assert f"reaches {largest:g} grey levels" in remark
    assert f"{100 * largest / 65535:.2g} % of the range of uint16" in remark
    assert "--peak 4095" in remark
    assert "4095" not in (unused_range(results, 10 * largest, "uint8") or "4095")
    assert unused_range(results, 255.0, "uint8") is None
    assert unused_range(results, None, "float32") is None


@pytest.mark.parametrize("inputs", [1, 3])
def test_a_picture_is_drawn_for_any_number_of_inputs(tmp_path: Path, inputs: int) -> None:
    measured = slide(r"<script> $\frac$ | _", 1)
    planes = {f"in{i}": measured.target for i in range(inputs)}
    changed = MeasuredSlide(**{**measured.__dict__, "inputs": planes, "vessel_role": None})
    path = tmp_path / "a.png"
    evaluate_slide(changed, prediction(measured), None, SETTINGS, picture=path)
    image = imread(path)
    assert image.shape[1] > 1500
    assert len(np.unique(image[..., :3].reshape(-1, 3), axis=0)) > 500, "not an empty sheet"


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_density_counts_every_pixel_once(dtype: str) -> None:
    measured = slide("a", 1)
    true = ArrayPlane(measured.target.image.astype(dtype) * (100 if dtype == "uint16" else 1))  # type: ignore[attr-defined]
    pred = prediction(measured)
    result = evaluate_slide(
        MeasuredSlide(**{**measured.__dict__, "target": true}), pred, None, SETTINGS
    )
    whole = metrics_of(result.predictors["model"]["float", "whole"], 255.0)
    picture = SlidePicture("a", {}, "qd", true, pred, whole, 0.5)
    found = density(picture)
    assert found.counts.sum() == true.image.size
    assert len(found.edges) <= 130
    expected = np.histogram(true.image, found.edges)[0]
    np.testing.assert_array_equal(found.counts.sum(axis=1), expected)
    # where all pixels gave the anchor
    sums = result.predictors["model"]["float", "whole"]
    none = replace(sums, moments=replace(sums.moments, count=0))
    again = density(replace(picture, metrics=metrics_of(none, 255.0)))
    np.testing.assert_array_equal(again.edges, found.edges)


def test_a_large_slide_is_shown_where_the_target_varies_most() -> None:
    image = np.zeros((CROP + 50, 3 * CROP), np.uint8)
    image[100:200, 2 * CROP + 10 : 2 * CROP + 60 : 2] = 200
    window, note = choose_crop(ArrayPlane(image))
    assert (window.y, window.x, window.height, window.width) == (0, 2 * CROP, CROP, CROP)
    assert f"crop of {CROP} x {CROP} px at row 0, column {2 * CROP}" in note
    assert "whole slide" in choose_crop(ArrayPlane(image[:100, :200]))[1]
