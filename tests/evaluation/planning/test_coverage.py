import numpy as np
import pytest
from scipy import stats

from hrpn_tf.evaluation.intervals import needed_groups
from hrpn_tf.evaluation.intervals.conformal import correct, guaranteed
from hrpn_tf.evaluation.intervals.scores import UPPER, SlideScores
from hrpn_tf.evaluation.planning import coverage_of_group_scores, coverage_outlook
from hrpn_tf.evaluation.planning.coverage import groups_for

LEVELS = (0.8, 0.9, 0.95)


@pytest.mark.parametrize("level", LEVELS)
def test_it_promises_what_calibrate_does(level: float) -> None:
    least = needed_groups(level)
    enough, fewer = coverage_outlook(least, level), coverage_outlook(least - 1, level)
    assert enough.highest == pytest.approx(least / (least + 1))
    assert enough.highest >= level - 1e-9 > fewer.highest - 1e-9
    assert enough.guaranteed == guaranteed(level, least, guarantee=True)
    assert fewer.guaranteed == guaranteed(level, least - 1, guarantee=False)
    assert enough.quantile == pytest.approx(1.0)
    assert (fewer.quantile, fewer.low, fewer.high) == (None, None, None)
    assert coverage_outlook(60, level).quantile == pytest.approx(level * 61 / 60)


@pytest.mark.parametrize(("groups", "level"), [(9, 0.9), (19, 0.8), (30, 0.95)])
def test_calibrations_by_one_score_per_group_cover_by_the_beta_law(
    groups: int, level: float
) -> None:
    """The corrections of ``calibrate`` on groups of one score, against the law."""
    random = np.random.default_rng(groups)
    covered = []
    for _ in range(150):
        places = np.sort(random.integers(len(UPPER) // 4, len(UPPER) - 1, groups))
        counts = np.zeros((groups, 1, len(UPPER)), np.int64)
        counts[np.arange(groups), 0, places] = 1
        slides = [SlideScores(f"s{i}", f"g{i}", counts[i]) for i in range(groups)]
        factor = correct(slides, (), level, guarantee=True).factors[0]
        last = int(np.searchsorted(UPPER, factor))
        covered.append((last - len(UPPER) // 4 + 0.5) / (len(UPPER) - 1 - len(UPPER) // 4))
    law = coverage_of_group_scores(groups, level)
    assert np.mean(covered) == pytest.approx(law.mean(), abs=0.015)
    assert stats.kstest(np.clip(covered, 0, 1), law.cdf).statistic < 0.12


def test_the_mean_coverage_is_the_nominal_one_or_a_little_more() -> None:
    for level in LEVELS:
        for groups in (needed_groups(level), 40, 77):
            mean = coverage_of_group_scores(groups, level).mean()
            assert level - 1e-9 <= mean <= level + 1 / (groups + 1)


def test_the_number_for_a_reliable_coverage_is_the_least_one() -> None:
    found = groups_for(0.9)
    assert found is not None
    assert coverage_of_group_scores(found, 0.9).ppf(0.05) >= 0.85
    assert coverage_of_group_scores(found - 1, 0.9).ppf(0.05) < 0.85
