"""Margins of measures from held-back groups."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hrpn_tf.evaluation.analysis.cohort import CohortAnalysis
from hrpn_tf.evaluation.analysis.margins import Margin, error_of, margin
from hrpn_tf.evaluation.analysis.measures import MEASURES


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


def test_a_measured_length_that_is_out_of_reach_counts() -> None:
    assert error_of({"value": 20.0}, {"value": 26.0}) == -6
    assert error_of({"value": 20.0}, {"value": None, "above_um": 90.0}) == -np.inf
    assert error_of({"value": 20.0}, {"value": None, "below_um": 2.0}) == 20
    assert error_of({"value": 20.0}, {"value": None, "unresolved": "there are none"}) is None
    assert error_of({"value": None, "above_um": 90.0}, {"value": 20.0}) is None


@pytest.mark.parametrize(("beyond", "value"), [(0, 1.0), (1, 1.0), (2, None)])
def test_animals_with_a_depth_beyond_the_profile_are_no_easy_ones(
    beyond: int, value: float | None
) -> None:
    """Of 19 animals, a coverage of 0.9 leaves out one."""

    def slide(number: int, depth: dict[str, Any]) -> Any:
        values = {name: {"value": 1.0} for name in MEASURES} | {"depth_1_e_um": depth}
        return SimpleNamespace(group=str(number), values=values)

    far = {"value": None, "above_um": 90.0}
    held_back = [
        (slide(i, {"value": 21.0}), slide(i, far if i < beyond else {"value": 20.0}))
        for i in range(19)
    ]
    found = CohortAnalysis([], held_back=held_back).margins["depth_1_e_um"]
    assert found == Margin(value, 19, 9, beyond)
    assert found.missing == ("" if value else "out of reach on 2 of 19 held-back groups")
