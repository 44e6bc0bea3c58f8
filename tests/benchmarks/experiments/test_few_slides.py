"""How few slides: which fields train, and what the table says of records that were made up."""

from pathlib import Path
from typing import Any

import matplotlib.image as plt_image
import numpy as np
import pytest
from experiments.few_slides.design import (
    REAL,
    SCRATCH,
    STARTED,
    divide,
    find_data,
    records_of,
    trials,
)
from experiments.few_slides.experiment import RECORDS
from experiments.few_slides.report import (
    goals,
    parts,
    ratios,
    read_all,
    scores,
    table,
    write_report,
)
from experiments.study.record import write_json
from experiments.study.report import fill
from experiments.study.slide_errors import Sums
from support.places import DOCS

FIELDS = [f"field-{i}" for i in range(7)]


def test_every_field_is_tested_once_and_trains_never_then() -> None:
    found = list(trials(7, [0], [SCRATCH]))
    assert len(found) == 4 * 7
    for trial in found:
        division = divide(FIELDS, trial)
        groups = [*division.train, *division.validation, *division.test]
        assert sorted(groups) == FIELDS
        assert len(division.train) == trial.number
    tested = [divide(FIELDS, trial).test[0] for trial in found if trial.number == 5]
    assert sorted(tested) == FIELDS


def test_a_small_cohort_has_fewer_numbers() -> None:
    assert {trial.number for trial in trials(4, [0], [SCRATCH])} == {1, 2}


def record(origin: str, number: int, fold: int, seed: int, error: float) -> dict[str, Any]:
    random = np.random.default_rng(fold)
    true = random.normal(10, 3, 4000)
    sums = vars(Sums.of(true, true + random.normal(0, error, 4000)))
    return {"origin": origin, "number": number, "fold": fold, "seed": seed,
            "errors": {"raw": sums, "smoothed": sums}}  # fmt: skip


def test_r2_is_of_all_fields_and_a_seed_that_lacks_some_is_left_out(tmp_path: Path) -> None:
    records = [record(SCRATCH, 1, fold, seed, 1.5) for fold in range(3) for seed in range(2)]
    records += [record(STARTED, 1, fold, 0, 0.9) for fold in range(2)]
    found = scores(records)
    assert list(found) == [(SCRATCH, 1)]
    assert [raw for raw, _ in found[SCRATCH, 1]] == [pytest.approx(0.75, abs=0.02)] * 2
    (row,) = [line for line in table(found, {}).splitlines() if line.startswith("| 1 |")]
    assert row.startswith("| 1 | 0.7")
    assert row.endswith("| - | - | 0 | - | - |")
    for number, each in enumerate(records):
        write_json(each, tmp_path / "records" / f"{number}.json")
    page = tmp_path / "page.md"
    page.write_text("<!-- study: table -->\n<!-- end -->\n")
    write_report(tmp_path / "records", tmp_path / "few.png", page)
    assert "| 1 | 0.7" in page.read_text()
    assert (tmp_path / "few.png").stat().st_size > 3000
    nothing = write_report(tmp_path / "none", tmp_path / "none.png", None)
    assert nothing == "No training is finished yet.\n\nNo training is finished yet."


def test_errors_are_compared_within_a_field_and_a_seed() -> None:
    records = [record(SCRATCH, 1, fold, 0, 1.5) for fold in range(3)]
    records += [record(STARTED, 1, fold, 0, 0.75) for fold in range(2)]
    found = ratios(records)
    assert found == {1: [pytest.approx(0.25), pytest.approx(0.25)]}
    assert table(scores(records), found).splitlines()[2].endswith("| 0.250 | 0.250 to 0.250 |")


def test_the_page_is_what_the_report_writes() -> None:
    """Numbers of the page are those of the records in the repository."""
    page = (DOCS / "results" / "few-slides.md").read_text(encoding="utf-8")
    assert fill(page, parts(read_all(RECORDS))) == page


def test_simulated_animals_have_a_table_and_a_panel_of_their_own(tmp_path: Path) -> None:
    for data, error in ((REAL, 1.5), ("shifted", 0.9)):
        write_json(record(SCRATCH, 1, 0, 0, error), records_of(tmp_path, data) / "0.json")
    found = parts(read_all(tmp_path))
    assert found["table"] != found["shifted"]
    write_report(tmp_path, tmp_path / "two.png", None)
    write_report(records_of(tmp_path, "shifted"), tmp_path / "one.png", None)
    two, one = (plt_image.imread(tmp_path / f"{name}.png").shape for name in ("two", "one"))
    assert two[1] > 1.5 * one[1]


def test_groups_of_a_data_set_can_be_left_out_or_it_is_refused() -> None:
    data, design = find_data("shifted")
    assert len(data.values["leave_one_out"]["groups"]) == data.values["simulate"]["slides"] == 7
    assert design.values["side"] == 1024
    assert find_data(REAL)[0].values["config"] == "dextran"
    with pytest.raises(ValueError, match="no data set simulated; there are dextran, shifted"):
        find_data("simulated")


def test_a_goal_is_met_missed_or_not_measured() -> None:
    found = {(SCRATCH, 5): [(0.8, 0.9)], (STARTED, 5): [(0.7, 0.9), (0.9, 0.9)],
             (STARTED, 2): [(0.79, 0.9)]}  # fmt: skip
    two, one, five = goals(found)
    assert two[1:] == ["R² 0.790 against 0.800", "**missed**"]
    assert one[1:] == ["-", "not measured"]
    assert five[1:] == ["R² 0.800 against 0.800", "met"]
