"""benchmarks/README.md lists every experiment, and each explains its options."""

import os
import re
import subprocess
import sys

import pytest
from support.places import EXPERIMENTS as FOLDER
from support.places import ROOT

README = ROOT / "benchmarks" / "README.md"
NOT_EXPERIMENTS = {"__init__", "processes", "same_results"}
SCRIPTS = {path.stem: path for path in FOLDER.glob("*.py") if path.stem not in NOT_EXPERIMENTS}
FOLDERS = {path.parent.name: path.parent for path in FOLDER.glob("*/__main__.py")}
EXPERIMENTS = SCRIPTS | FOLDERS


def rows() -> dict[str, list[str]]:
    """Cells of the table by experiment: question, command, page, minutes."""
    lines = re.findall(r"^\| `(\w+)` \|(.*)\|$", README.read_text(encoding="utf-8"), re.M)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in lines}


def test_every_experiment_is_listed_with_its_question_and_page() -> None:
    found = rows()
    assert sorted(found) == sorted(EXPERIMENTS)
    for name, (question, command, page, _) in found.items():
        assert question.endswith("?"), name
        script = EXPERIMENTS[name].relative_to(ROOT).as_posix()
        assert re.search(rf"`python {re.escape(script)}[ `]", command), name
        (link,) = re.findall(r"\]\((.+?)\)", page)
        assert (README.parent / link).is_file(), link


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_it_explains_its_options(name: str) -> None:
    done = subprocess.run(
        [sys.executable, EXPERIMENTS[name], "--help"],
        env={**os.environ, "COLUMNS": "300"},  # questions are not wrapped
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rows()[name][0].replace("`", "") in " ".join(done.stdout.replace("`", "").split())
