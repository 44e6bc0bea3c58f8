"""Margins of measures from held-back groups."""

import numpy as np
import pytest

from hrpn_tf.evaluation.analysis.margins import margin


@pytest.mark.parametrize(("groups", "coverage"), [(9, 0.9), (12, 0.75), (30, 0.9)])
def test_a_new_group_is_covered_as_often_as_promised(groups: int, coverage: float) -> None:
    random = np.random.default_rng(0)
    covered = []
    for _ in range(4000):
        off = random.gamma(1, 2, (groups + 1, 1)) * random.normal(0, 1, (groups + 1, 2))
        found = margin({str(i): errors for i, errors in enumerate(off[1:])}, coverage)
        assert found.value is not None
        covered.append(np.abs(off[0]).max() <= found.value)
    rank = np.ceil((groups + 1) * coverage - 1e-9)
    assert np.mean(covered) == pytest.approx(rank / (groups + 1), abs=0.02)
    assert np.mean(covered) >= coverage - 0.02


def test_too_few_groups_have_no_margin_and_say_how_many_it_takes() -> None:
    found = margin({str(i): [1.0] for i in range(8)} | {"none": []}, 0.9)
    assert (found.value, found.groups, found.needed) == (None, 8, 9)
    assert found.missing == "8 held-back groups with it; the coverage takes 9"
    assert margin({}, 0.9).value is None
