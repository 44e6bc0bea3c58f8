"""Conformal calibration by group against closed forms, and coverage against plain counting."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hrpn_tf.errors import CalibrationSlidesError
from hrpn_tf.evaluation.intervals import (
    Bands,
    SlideCoverage,
    SlideScores,
    add_scores,
    calibration_curve,
    correct,
    count,
    guaranteed,
    needed_groups,
    no_scores,
    rows,
    scores,
    to_csv,
    to_markdown,
)

BIN = 1.0046  # ratio of the ends of a bin of scores


def slide(values: np.ndarray, group: str, mean: float = 1.0, edges: tuple[float, ...] = ()):
    counts = no_scores(len(edges) + 1)
    add_scores(counts, np.full(values.shape, mean), values, edges)
    return SlideScores(group, group, counts)


@given(coverage=st.floats(0.01, 0.995))
def test_needed_groups_is_the_least_number_that_suffices(coverage: float) -> None:
    needed = needed_groups(coverage)
    assert needed / (needed + 1) >= coverage - 1e-8
    assert needed == 1 or (needed - 1) / needed < coverage + 1e-8


@given(seed=st.integers(0, 1000), groups=st.integers(9, 60))
@settings(max_examples=30, deadline=None)
def test_with_one_pixel_a_group_it_is_ordinary_split_conformal(seed: int, groups: int) -> None:
    values = np.random.default_rng(seed).lognormal(size=groups)
    found = correct([slide(v[None], str(i)) for i, v in enumerate(values)], (), 0.9, True)
    rank = int(np.ceil(0.9 * (groups + 1) - 1e-9))  # the textbook's order statistic
    expected = np.sort(values)[rank - 1]
    assert expected <= found.factors[0] <= expected * BIN


def test_without_guarantee_it_is_the_quantile_of_equally_weighted_groups() -> None:
    rng = np.random.default_rng(0)
    large, small = rng.exponential(size=20_000), 3 * rng.exponential(size=2_000)
    found = correct([slide(large, "a"), slide(small, "b")], (), 0.8, False)
    pooled = np.concatenate([large, np.repeat(small, 10)])
    assert found.factors[0] == pytest.approx(np.quantile(pooled, 0.8), rel=0.01)
    assert found.guaranteed == (pytest.approx(0.8 * 2 / 3),)


@pytest.mark.parametrize("guarantee", [True, False])
def test_new_groups_are_covered_as_promised(guarantee: bool) -> None:
    """Groups differ in scale by a factor that nothing shows: many draws of 12 groups and one."""
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(300):
        spreads = rng.lognormal(sigma=0.5, size=13)
        groups = [slide(s * np.abs(rng.normal(size=300)), str(i)) for i, s in enumerate(spreads)]
        factor = correct(groups[:12], (), 0.9, guarantee).factors[0]
        shares.append((spreads[12] * np.abs(rng.normal(size=300)) <= factor).mean())
    error = np.std(shares) / np.sqrt(len(shares))
    assert np.mean(shares) >= guaranteed(0.9, 12, guarantee) - 2 * error
    assert np.mean(shares) <= 0.9 + 1 / 13 + 0.02


def test_slides_of_one_group_count_as_one() -> None:
    rng = np.random.default_rng(4)
    same = [SlideScores(f"s{i}", "mouse", slide(rng.random(50), "").counts) for i in range(20)]
    with pytest.raises(CalibrationSlidesError, match=r"needs 9 calibration groups.* there are 1"):
        correct(same, (), 0.9, True)


def test_a_band_of_too_few_groups_is_joined_with_its_neighbour() -> None:
    edges = (2.0, 4.0)
    everywhere = [slide(np.linspace(0, i, 50), f"g{i}", 1.0, edges) for i in range(1, 11)]
    bright = slide(np.linspace(0, 99, 50), "g1", 5.0, edges)
    joined = correct([*everywhere, bright], edges, 0.9, True)
    assert (joined.edges, joined.groups) == ((), (10,))
    kept = correct([*everywhere, bright], edges, 0.9, False)
    assert (kept.edges, kept.groups) == ((4.0,), (10, 1))
    assert kept.factors[1] > 80


def test_what_no_factor_reaches_is_refused() -> None:
    values = np.where(np.arange(20) < 10, np.inf, 1.0)
    with pytest.raises(CalibrationSlidesError, match="below 0 grey levels"):
        correct([slide(values, "a")], (), 0.9, False)


POSITIVE = st.floats(2.0**-10, 100, width=32)


@given(
    mean=arrays(np.float32, 20, elements=st.floats(-5, 50, width=32)),
    below=arrays(np.float32, 20, elements=POSITIVE),
    above=arrays(np.float32, 20, elements=POSITIVE),
    target=arrays(np.float32, 20, elements=st.floats(-3, 100, width=32)),
    factor=st.floats(0.01, 10),
)
@settings(max_examples=100, deadline=None)
def test_a_score_is_the_least_factor_that_covers(
    mean: np.ndarray,
    below: np.ndarray,
    above: np.ndarray,
    target: np.ndarray,
    factor: float,
) -> None:
    score = scores(mean, below, above, target)
    m, t = mean.astype(float), target.astype(float)
    lower, upper = np.maximum(m - factor * below, np.minimum(m, 0)), m + factor * above
    clear = np.abs(score - factor) > 1e-6 * (1 + factor)
    assert ((score <= factor) == ((lower <= t) & (t <= upper)))[clear].all()


def test_counts_are_those_of_plain_counting() -> None:
    rng = np.random.default_rng(5)
    mean = rng.gamma(2, 3, 1000)
    bounds = np.stack([mean, mean - 1, mean + 2], axis=-1)
    target, distance = mean + rng.normal(0, 2, 1000), np.ceil(rng.gamma(1, 12, 1000))
    found = count(bounds, target, distance, Bands((2.0, 8.0)))
    inside = (target >= mean - 1) & (target <= mean + 2)
    assert found["all"].coverage[0] == pytest.approx(inside.mean())
    bright = mean >= 8
    assert found["predicted intensity"].coverage[2] == pytest.approx(inside[bright].mean())
    near = (distance > 5) & (distance <= 10)
    assert found["distance to vessel"].coverage[2] == pytest.approx(inside[near].mean())
    assert found["distance to vessel"].pixels[0] == (distance == 0).sum()
    assert found["all"].mean_width[0] == pytest.approx(3)
    assert found["measured intensity"].under[0] == ((target < mean - 1) & (target < 2)).sum()


def test_tables_hold_slides_and_bands() -> None:
    bands = Bands((2.0,))
    zeros, ones = np.zeros((10, 3)), np.tile([5.0, 4.0, 6.0], (30, 1))
    dark = SlideCoverage("dark|1", "a", "test", count(zeros, np.zeros(10), None, bands))
    bright = SlideCoverage("bright", "b", "other", count(ones, np.full(30, 9.0), None, bands))
    table = rows([dark, bright], bands)
    shown = {(row.kind, row.name): row for row in table}
    assert shown["all", "all"].coverage == 0.5  # the mean over slides
    assert shown["all", "all"].pooled == 0.25
    assert shown["predicted intensity", "from 2"].slides == 1
    assert shown["measured intensity", "from 2"].over == 1
    assert len(list(csv.DictReader(io.StringIO(to_csv(table))))) == len(table) == 7
    assert "dark\\|1" in to_markdown(table)


def test_the_curve_follows_the_nominal_level() -> None:
    rng = np.random.default_rng(6)
    groups = [slide(rng.exponential(size=4000), str(i)) for i in range(60)]
    curve = calibration_curve(groups[:49], groups[49:], (), True)
    assert 0.98 in curve.nominal  # which needs 49 groups
    np.testing.assert_allclose(curve.measured, np.array(curve.nominal) * 50 / 49, atol=0.01)
    few = calibration_curve(groups[:9], groups[49:], (), True)
    assert max(few.nominal) == 0.9


def test_the_curve_leaves_out_levels_that_no_factor_reaches() -> None:
    """Some targets lie below 0 grey levels, which no interval reaches."""
    values = np.random.default_rng(0).exponential(size=4000)
    values[:160] = np.inf
    groups = [slide(values, str(i)) for i in range(20)]
    curve = calibration_curve(groups, groups, (), False)
    assert 0.9 in curve.nominal
    assert max(curve.nominal) < 0.96
    with pytest.raises(CalibrationSlidesError, match="no interval reaches"):
        correct(groups, (), 0.98, False)
