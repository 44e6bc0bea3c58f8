"""benchmarks/README.md lists every experiment, and each explains its options."""

import json
import os
import re
import subprocess
import sys

import pytest
from support.places import EXPERIMENTS as FOLDER
from support.places import ROOT

README = ROOT / "benchmarks" / "README.md"
NOT_EXPERIMENTS = {"__init__", "cohorts", "processes", "same_results"}
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


# Each as `python SCRIPT --help` runs it, but in one process: libraries are imported once.
HELP = """
import contextlib, io, json, runpy, sys
from pathlib import Path
scripts, path = sys.argv[1:], sys.path[1:]
for script in map(Path, scripts):
    sys.path[:] = [str(script.parent), *path]  # runpy puts a folder there itself
    sys.argv[:] = [str(script), "--help"]
    out, before, code = io.StringIO(), set(sys.modules), None
    try:
        with contextlib.redirect_stdout(out):
            runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        code = stop.code
    for name in set(sys.modules) - before:  # the next one must find its modules itself
        if "benchmarks/experiments" in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    print(json.dumps([code, out.getvalue()]))
"""


@pytest.fixture(scope="module")
def explained() -> dict[str, tuple[int, str]]:
    """Exit code and help of each experiment."""
    done = subprocess.run(
        [sys.executable, "-c", HELP, *map(str, EXPERIMENTS.values())],
        env={**os.environ, "COLUMNS": "300"},  # questions are not wrapped
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip(EXPERIMENTS, found, strict=True))


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_it_explains_its_options(name: str, explained: dict[str, tuple[int, str]]) -> None:
    code, text = explained[name]
    assert code == 0
    assert rows()[name][0].replace("`", "") in " ".join(text.replace("`", "").split())
