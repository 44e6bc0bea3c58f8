"""The pages "Add a ...": their edits, made in a copy of the package, do what the pages say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.page_edits import Page, read_page
from support.places import ROOT

FOLDER = ROOT / "docs" / "developer"
PAGES = sorted(path.name for path in FOLDER.glob("add-a-*.md"))

TRY = """
import doctest, pathlib, sys
import hrpn_tf
from support.doc_tables import missing_lines

root = pathlib.Path(sys.argv[1])
assert pathlib.Path(hrpn_tf.__file__).is_relative_to(root), hrpn_tf.__file__
missing = missing_lines(root)
assert not missing, missing
for trial in sys.argv[2:]:
    found = doctest.testfile(trial, module_relative=False)
    assert found.attempted and not found.failed, trial
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages may touch."""
    root = tmp_path_factory.mktemp("pages") / "copy"
    for folder in ("hrpn_tf", "export", "tests", "docs"):
        ignored = shutil.ignore_patterns("__pycache__", "*.png", "*.min.js")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    return root


def test_the_edits_of_the_pages_do_what_they_say(copy: Path, tmp_path: Path) -> None:
    """All in one copy and one process: each of them would import TensorFlow anew."""
    trials = []
    for name in PAGES:
        page = read_page(FOLDER / name)
        assert page.edits, name
        assert page.trials, name
        for edit in page.edits:
            edit.apply(copy)
            if edit.file.endswith(".py"):
                compile((copy / edit.file).read_text(encoding="utf-8"), edit.file, "exec")
        trials.append(tmp_path / name)
        trials[-1].write_text("\n".join(page.trials), encoding="utf-8")
    paths = os.pathsep.join([str(copy), str(copy / "export"), str(copy / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", TRY, str(copy), *map(str, trials)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", PAGES)
def test_the_overview_states_the_files_that_are_touched(name: str) -> None:
    page, overview = read_page(FOLDER / name), (FOLDER / "add-overview.md").read_text("utf-8")
    rows = re.findall(rf"^\|[^|]*\({name}\)[^|]*\| (\d) \| (\d) \| (\d) lines? \|$", overview, re.M)
    assert rows, f"add-overview.md has no line about {name}"
    assert max(rows) == tuple(str(count) for count in _counts(page)), "the largest of its cases"
    source, tests, docs = _counts(page)
    assert source + tests <= 2
    assert docs <= 1


def _counts(page: Page) -> tuple[int, int, int]:
    source, tests, docs = (len(page.files(kind)) for kind in ("source", "tests", "docs"))
    return source, tests, docs
