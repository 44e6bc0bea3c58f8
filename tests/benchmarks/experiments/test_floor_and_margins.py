"""The pages of two experiments hold what their records say."""

import json

import numpy as np
from experiments import error_floor, measure_margins
from support.places import ROOT

RESULTS = ROOT / "docs" / "results"


def test_the_page_of_the_error_floor_is_that_of_its_records() -> None:
    paths = sorted(error_floor.RECORDS.glob("cohort-*.json"))
    records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    page = (RESULTS / "error-floor.md").read_text(encoding="utf-8")
    assert error_floor.report(records)["bounds"] in page


def test_the_page_of_margins_is_that_of_its_records() -> None:
    page = (RESULTS / "margins.md").read_text(encoding="utf-8")
    found = measure_margins.read(measure_margins.RECORDS)
    assert measure_margins.report(found)["coverage"] in page


def test_splits_of_exchangeable_animals_cover_as_stated_and_others_do_not() -> None:
    random = np.random.default_rng(3)
    errors = random.standard_normal(200)
    share, typical = measure_margins.covered(errors, errors, 0.9, 9, seed=1)
    assert abs(share - 0.9) < 0.01
    assert 1 < typical < 3
    assert measure_margins.covered(errors, errors + 3, 0.9, 9, seed=1)[0] < 0.5
