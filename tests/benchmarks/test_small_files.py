"""A plan from a stranger: each kind of damage gives the named error, and nothing hangs."""

import os
from pathlib import Path

import pytest
from hrpn_benchmarks.errors import PlanError, ReportError
from hrpn_benchmarks.plan import read_plan
from hrpn_benchmarks.report.report import read_report

BAD = {
    "alias": "a: &a [x]\nb: *a\n",
    "deep": "[" * 5000,
    "digits": "rounds: " + "9" * 5000,
    "date": "rounds: 2001-99-99",
    "tag": "rounds: !!python/object/apply:os.system ['true']",
    "key": "? [a]\n: b",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_plan_is_a_named_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "plan.yaml").write_text(BAD[name], encoding="utf-8")
    with pytest.raises(PlanError, match="not valid YAML"):
        read_plan(tmp_path / "plan.yaml")


def test_only_regular_files_of_text_are_plans(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(PlanError, match="not a regular file"):
            read_plan(path)
    (tmp_path / "large").write_bytes(bytes(2**20 + 1))
    (tmp_path / "latin").write_bytes(b"# \xb5")
    for name, says in (("large", "larger than"), ("latin", "UTF-8"), ("none", "no such file")):
        with pytest.raises(PlanError, match=says):
            read_plan(tmp_path / name)


def test_a_report_is_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "report.json")
    with pytest.raises(ReportError, match="not a regular file"):
        read_report(tmp_path)
