"""Metrics of agreement against pingouin, NumPy and closed forms."""

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hrpn_tf.evaluation.bootstrap import Groups
from hrpn_tf.evaluation.spatial.agreement import agreement, pair_metrics, pair_sums
from hrpn_tf.evaluation.spatial.resampling import Clusters, block_clusters, group_clusters


def slide_clusters(slides: int) -> Clusters:
    """Each slide an animal of its own."""
    return group_clusters(Groups.single(slides))


def pairs(n: int, seed: int = 0, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.gamma(2, 3, n)
    return true, 0.8 * true + 1.0 + noise * random.standard_normal(n)


def one_cluster(true: np.ndarray, pred: np.ndarray) -> np.ndarray:
    return pair_sums(true, pred, np.zeros(len(true), int), 1)


@pytest.mark.parametrize(("n", "noise"), [(6, 0.5), (40, 1.5), (300, 6.0)])
def test_intraclass_correlations_and_intervals_are_those_of_pingouin(n: int, noise: float) -> None:
    true, pred = pairs(n, n, noise)
    table = pd.DataFrame(
        {
            "target": np.tile(np.arange(n), 2),
            "rater": np.repeat(["true", "pred"], n),
            "value": np.concatenate([true, pred]),
        }
    )
    rows = pingouin.intraclass_corr(table, "target", "rater", "value")
    rows = rows.set_index(rows["Type"].str.replace(r"ICC\(([AC]),1\)", r"\1", regex=True))
    names = {"icc2": ("A", "ICC2"), "icc3": ("C", "ICC3")}
    found = agreement(one_cluster(true, pred), None)
    for name, keys in names.items():
        row = rows.loc[next(key for key in keys if key in rows.index)]
        assert found.values[name] == pytest.approx(row["ICC"], abs=1e-9)
        bounds = row["CI95"] if "CI95" in rows else row["CI95%"]
        # pingouin rounds its intervals
        assert found.parametric[name] == pytest.approx(tuple(bounds), abs=0.0051)


def test_pearson_and_limits_of_agreement_are_those_of_scipy_and_of_the_paper() -> None:
    true, pred = pairs(50)
    found = agreement(one_cluster(true, pred), None)
    expected = stats.pearsonr(true, pred)
    assert found.values["pearson"] == pytest.approx(expected.statistic)
    assert found.parametric["pearson"] == pytest.approx(tuple(expected.confidence_interval()))
    apart = pred - true
    assert found.values["bias"] == pytest.approx(apart.mean())
    assert found.values["limit_high"] == pytest.approx(apart.mean() + 1.96 * apart.std(ddof=1))
    mean_interval = stats.t.interval(0.95, 49, apart.mean(), stats.sem(apart))
    assert found.parametric["bias"] == pytest.approx(mean_interval)
    # Bland and Altman 1999: the standard error of a limit is about 1.71 s / sqrt(n)
    low, high = found.parametric["limit_low"]
    rough = stats.t.ppf(0.975, 49) * 1.71 * apart.std(ddof=1) / 50**0.5
    assert (high - low) / 2 == pytest.approx(rough, rel=0.02)


@given(st.integers(3, 60), st.integers(1, 5), st.integers(0, 1000))
@settings(max_examples=30)
def test_sums_of_clusters_add_up_to_those_of_all_pairs(n: int, clusters: int, seed: int) -> None:
    true, pred = pairs(n, seed)
    cluster = np.random.default_rng(seed).integers(clusters, size=n)
    parts = pair_sums(true, pred, cluster, clusters)
    found = pair_metrics(parts.sum(axis=0))
    assert found["sd"] == pytest.approx(np.std(pred - true, ddof=1), rel=1e-6)
    assert found["pearson"] == pytest.approx(np.corrcoef(true, pred)[0, 1], rel=1e-6)


def test_a_bias_lowers_icc2_but_not_icc3_nor_pearson() -> None:
    true, pred = pairs(100, noise=0.1)
    plain = agreement(one_cluster(true, pred), None).values
    moved = agreement(one_cluster(true, pred + 5), None).values
    assert moved["icc3"] == pytest.approx(plain["icc3"])
    assert moved["pearson"] == pytest.approx(plain["pearson"])
    assert moved["icc2"] is not None
    assert plain["icc2"] is not None
    assert moved["icc2"] < plain["icc2"] - 0.1


def test_perfect_agreement_has_no_f_interval() -> None:
    true, _ = pairs(20)
    found = agreement(one_cluster(true, true), None)
    assert found.values["icc2"] == pytest.approx(1)
    assert "icc3" not in found.parametric


@pytest.mark.parametrize(
    ("true", "pred", "reason"),
    [
        (np.full(9, 2.0), np.arange(9.0), "true values are constant"),
        (np.arange(9.0), np.full(9, 0.1), "predicted values are constant"),
        (np.arange(2.0), np.arange(2.0), "fewer than 3"),
    ],
)
def test_what_is_not_defined_says_why(true: np.ndarray, pred: np.ndarray, reason: str) -> None:
    found = agreement(one_cluster(true, pred), None)
    assert reason in found.undefined
    assert found.values.get("icc2") is None
    assert found.values.get("pearson") is None
    if len(true) > 2:
        assert found.values["bias"] == pytest.approx(pred.mean() - true.mean())


def test_the_interval_over_clusters_covers_about_as_often_as_it_says() -> None:
    """The bias differs between clusters: intervals over pairs are too narrow, over clusters not."""
    random = np.random.default_rng(0)
    covered = naive = 0
    clusters = block_clusters(20, 250)
    for _ in range(100):
        true = random.normal(0, 1, 400)
        cluster = np.repeat(np.arange(20), 20)
        pred = true + random.normal(0, 1, 20)[cluster] + random.normal(0, 0.2, 400)
        found = agreement(pair_sums(true, pred, cluster, 20), clusters)
        low, high = found.bootstrap["bias"]
        covered += low <= 0 <= high
        low, high = found.parametric["bias"]
        naive += low <= 0 <= high
    assert covered >= 85
    assert naive <= 60


@pytest.mark.parametrize("clusters", [1, 2, 3])
def test_few_clusters_resolve_no_interval(clusters: int) -> None:
    """Also where the slides are many and the pairs lie on few of them."""
    true, pred = pairs(60)
    sums = np.zeros((9, 6))
    sums[:clusters] = pair_sums(true, pred, np.arange(60) % clusters, clusters)
    words = "1 slide" if clusters == 1 else f"{clusters} slides"
    for drawn, parts in (
        (slide_clusters(9), sums),
        (slide_clusters(clusters), sums[:clusters]),
    ):
        found = agreement(parts, drawn)
        assert found.values["icc2"] is not None
        assert found.bootstrap == {}
        assert found.unresolved["icc2"] == f"{words}, and an interval takes at least 4"
        assert found.to_json()["unresolved"]["bias"]


def test_pairs_that_do_not_differ_have_no_interval_of_no_width() -> None:
    true, _ = pairs(20)
    found = agreement(pair_sums(true, true + 1, np.arange(20) % 5, 5), slide_clusters(5))
    assert found.values["bias"] == pytest.approx(1)
    assert "bias" not in found.bootstrap
    assert "bias" not in found.parametric


def test_few_slides_are_said_to_be_few() -> None:
    assert "2 test slides have 3 distinct resamples" in slide_clusters(2).description
    assert len(slide_clusters(8)) == 8
    assert "2000 random" in slide_clusters(8).description
    assert "one slide: bootstrap over 9 blocks of 250 um" in block_clusters(9, 250).description
    assert "bootstrap over 1 block of 250 um" in block_clusters(1, 250).description


def test_the_clusters_of_several_slides_of_an_animal_are_animals() -> None:
    found = group_clusters(Groups.of([f"m{i // 4}" for i in range(32)]))
    assert (len(found), found.what) == (8, "animals")
    assert found.description.startswith("bootstrap over animals; 8 test animals (32 slides)")
    assert "2000 random" in found.description
    _, reason = group_clusters(Groups.of(["m1", "m1", "m2"])).interval(
        np.arange(4.0), np.ones(2, bool)
    )
    assert reason == "2 animals, and an interval takes at least 4"
