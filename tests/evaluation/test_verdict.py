"""The verdict of an evaluation, from made-up rows and from arrays."""

from typing import Any

import numpy as np
import pytest
from support.array_plane import ArrayPlane

from hrpn_tf.evaluation import CompareSettings, compare, metrics_of
from hrpn_tf.evaluation.baselines.baselines import MODEL
from hrpn_tf.evaluation.brightest import ErrorsByLevel
from hrpn_tf.evaluation.evaluation import POOLED, Evaluation, SlideMetrics
from hrpn_tf.evaluation.verdict import Verdict, verdict, verdict_of


def evaluated(pairs: dict[str, tuple[np.ndarray, np.ndarray]], **about: Any) -> Evaluation:
    """Of slides (measured, predicted), against their own mean."""
    slides = []
    for name, (true, pred) in pairs.items():
        found = {
            predictor: compare(ArrayPlane(values), ArrayPlane(true), None, CompareSettings(None))
            for predictor, values in ((MODEL, pred), ("mean", np.full(true.shape, true.mean())))
        }
        slides.append(
            SlideMetrics(name, about.get("group", name), about.get("subset", "test"), found)
        )
    return Evaluation(tuple(slides), None, 0.0, "float32", None)


def judged(*pairs: tuple[np.ndarray, np.ndarray], **about: Any) -> Verdict:
    return verdict_of(evaluated(dict(zip("abcdefgh", pairs, strict=False)), **about))


@pytest.fixture
def true() -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, 4.0, (40, 50))


def noise(seed: int, shape: tuple[int, ...] = (40, 50)) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1.0, shape)


def test_a_good_network_has_no_advice(true: np.ndarray) -> None:
    found = judged(*((true, true + noise(seed)) for seed in range(3)))
    assert found.lead.startswith("The network predicts better than each baseline")
    assert "lower on 3 of 3 slides" in found.lead
    assert found.findings == ()
    assert found.advice == ()
    assert found.lines() == [found.lead]


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([0.81, 0.934], ("It explains 81 to 93 % of what can be explained.",)),
        ([-0.014, -0.128], ("It explains nothing of what can be explained.",)),
        ([None, 0.9], ()),
        (None, ()),
        ("many", ()),
    ],
)
def test_the_share_of_the_explainable_is_said_if_it_is_known(
    true: np.ndarray, shares: Any, said: tuple[str, ...]
) -> None:
    rows = evaluated({"a": (true, true + noise(0)), "b": (true, true + noise(1))}).to_json()["rows"]
    assert verdict(rows, {"network_share_of_explainable": shares}).findings == said


def test_worse_than_the_mean_is_said_first(true: np.ndarray) -> None:
    found = judged((true, true[::-1]), (true, true[:, ::-1]))
    assert found.lead.startswith("The network predicts no better than a baseline")
    assert "lower on 0 of 2 slides" in found.lead
    assert "inspect" in found.advice[0]
    assert any("Not even the pattern" in each for each in found.findings)


def test_a_gain_that_differs_between_slides_is_named(true: np.ndarray) -> None:
    found = judged((true, 0.6 * true), (true, 1.5 * true + 1))
    assert "R² would be 1.00 in place of" in found.findings[0]
    assert any("--anchor" in each for each in found.advice)


def test_the_brightest_pixels_are_named_where_they_are_cut(true: np.ndarray) -> None:
    found = judged(*((true, np.minimum(true, 20.0) + noise(seed) / 4) for seed in range(2)))
    assert "The brightest 1 % of the pixels" in found.findings[0]
    assert any("training.sampling=target" in each for each in found.advice)


def test_the_worst_of_many_slides_is_named(true: np.ndarray) -> None:
    pairs = [(true, true + noise(seed)) for seed in range(4)]
    found = judged(*pairs, (true, true + 5 * noise(9)))
    assert any("predicted worst is e:" in each for each in found.findings)


def test_one_animal_and_known_slides_are_limits(true: np.ndarray) -> None:
    pairs = ((true, true + noise(0)), (true, true + noise(1)))
    (one,) = judged(*pairs, group="mouse").findings
    assert one.startswith("All slides are of one animal")
    (known,) = judged(*pairs, subset="train").findings
    assert "subset train" in known


def test_bias_has_its_sign(true: np.ndarray) -> None:
    found = judged((true, 0.8 * true + noise(0)), (true, 0.8 * true + noise(1)))
    (text,) = (each for each in found.findings if "On average" in each)
    assert text == "On average it predicts 20 % too little: 6.42 in place of 8.05 grey levels."


def test_amounts_are_plain_numbers(true: np.ndarray) -> None:
    """No exponents, no zero that is none, no outlier of slides that are all wrong."""
    found = judged(*((40 * true, 40 * true + 900 + 9 * seed) for seed in range(3)))
    assert not any("e+" in line for line in found.lines())
    assert any("in place of 322 grey levels" in line for line in found.lines())
    assert not any("predicted worst" in line for line in found.lines())
    perfect = judged((true, true), (true, true.copy()))
    assert "its MSE is less than 0.01 times that of mean" in perfect.lead


def test_a_pattern_that_is_right_needs_no_more_training(true: np.ndarray) -> None:
    found = judged((true, 0.1 * true), (true, 0.1 * true))
    assert found.lead.startswith("The network predicts no better than a baseline")
    assert [each.split()[0] for each in found.advice] == ["scale"]


def test_an_inverse_is_no_pattern(true: np.ndarray) -> None:
    found = judged((true, 90 - true), (true, 90 - true))
    assert any("On 2 of 2 slides it predicts little where much" in f for f in found.findings)
    assert not any("pattern is better" in each for each in found.findings)
    assert not any("--anchor" in each for each in found.advice)


def test_without_a_pattern_a_scale_is_no_advice(true: np.ndarray) -> None:
    found = judged((true, 0 * true), (true, 0 * true))
    assert any("On average" in each for each in found.findings)
    assert not any("--anchor" in each for each in found.advice)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_constant_target_has_no_verdict(value: float) -> None:
    flat = np.full((8, 9), value)
    assert judged((flat, flat + 1)).lead == "The measured target is constant: R² is undefined."


def test_a_slide_without_a_counted_pixel_does_not_count(true: np.ndarray) -> None:
    """All of its pixels may have given the anchor."""
    found = evaluated({"a": (true, true + noise(0)), "b": (true, true + noise(1))})
    rows = found.to_json()["rows"]
    empty = [
        {**row, "slide": "c", "pixels": 0, "true": {}, **dict.fromkeys(("mse", "r2", "pearson"))}
        for row in rows
        if row["slide"] == "a"
    ]
    assert verdict([*rows, *empty]) == verdict_of(found)


def test_rows_without_the_network_are_refused() -> None:
    with pytest.raises(ValueError, match=POOLED):
        verdict([])


def test_errors_by_level_add_up(true: np.ndarray) -> None:
    """Two halves together are the whole; the brightest pixels are those of a sort."""
    pred = true + noise(0)
    whole = ErrorsByLevel.of(true, pred)
    halves = ErrorsByLevel.of(true[:13], pred[:13]) + ErrorsByLevel.of(true[13:], pred[13:])
    for one, other in zip(vars(whole).values(), vars(halves).values(), strict=True):
        np.testing.assert_allclose(one, other)
    found = whole.brightest(0.05)
    assert found is not None
    order = np.argsort(true.ravel())[::-1][: round(found.share * true.size)]
    assert found.share == pytest.approx(0.05, rel=0.05)
    assert found.true == pytest.approx(true.ravel()[order].mean(), rel=1e-3)
    assert found.predicted == pytest.approx(pred.ravel()[order].mean(), rel=1e-3)
    errors = (pred - true).ravel() ** 2
    assert found.error_share == pytest.approx(errors[order].sum() / errors.sum(), rel=1e-2)


def test_one_grey_level_has_no_brightest() -> None:
    assert ErrorsByLevel.of(np.ones(5), np.zeros(5)).brightest() is None
    assert ErrorsByLevel.of(np.zeros(0), np.zeros(0)).brightest() is None
    sums = compare(
        ArrayPlane(np.ones((4, 4))), ArrayPlane(np.ones((4, 4))), None, CompareSettings(None)
    )
    assert metrics_of(sums["float", "whole"], None).brightest is None
