"""Whether a plan came true: closed forms, and the page of the records."""

from types import SimpleNamespace

import numpy as np
import pytest
from experiments.cohorts import read_cohorts
from experiments.plan_cohorts.experiment import RECORDS, errors
from experiments.plan_cohorts.report import outcome, report
from experiments.study.report import fill
from support.places import ROOT

PAGE = ROOT / "docs" / "results" / "plan.md"


def record(truth: float) -> dict:
    """A cohort whose errors are 80 / animals, and whose widths fall as their root."""
    sizes = [(groups, draw) for groups in (1, 2, 4, 8) for draw in (1, 2, 3)]
    return {
        "cohort": 12,
        "now_unseen": 20.0,
        "now_unseen_width": 20.0,
        "measured": [
            {
                "groups": groups,
                "draw": draw,
                "errors": [80 / groups] * 4,
                "widths": [10 / np.sqrt(groups)] * 4,
            }
            for groups, draw in sizes
        ],
        "truth": [{"held_back": truth, "unseen": 10.0, "held_back_width": 2.5, "unseen_width": 5}],
    }


def test_a_power_law_goes_on() -> None:
    own = outcome(record(truth=5.0))
    assert own.now == pytest.approx(10.0)
    assert own.predicted == pytest.approx(5.0, rel=1e-3)
    assert (own.low, own.high) == pytest.approx((5.0, 5.0), rel=1e-3)  # nothing scatters
    assert own.falls == pytest.approx({"held_back": 0.5, "unseen": 0.5})


def test_so_do_widths() -> None:
    own = outcome(record(truth=5.0), "widths")
    assert own.predicted == pytest.approx(2.5, rel=1e-3)
    assert own.falls == pytest.approx({"held_back": 1 / np.sqrt(2), "unseen": 0.25})


def test_what_did_not_come_true_is_counted() -> None:
    own = outcome(record(truth=500.0))
    assert own.high < 500.0


def test_errors_of_each_animal() -> None:
    model = SimpleNamespace(predict=lambda table: table[:, 0])
    off = np.linspace(0, 1, 1001)
    animal = SimpleNamespace(table=off[:, None], target=np.zeros(1001))
    found = errors(model, [animal])
    assert found.mse == pytest.approx([np.mean(off**2)])
    assert found.width == pytest.approx([1.8])  # nine tenths of the errors are below 0.9


@pytest.mark.slow
def test_the_page_is_what_the_report_writes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == fill(page, report(read_cohorts(RECORDS)))
