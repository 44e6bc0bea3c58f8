"""Processes that the packages start take no module of the working folder."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("hrpn_tf", "export/hrpn_export", "benchmarks/hrpn_benchmarks")
# A module or a program is run by this Python; -P keeps a json.py beside the slides from being run.
RUNS = re.compile(r'sys\.executable,\s*"(-[A-Za-z])"')


@pytest.mark.parametrize("package", PACKAGES)
def test_python_is_started_without_the_working_folder(package: str) -> None:
    started = {
        f"{path.relative_to(ROOT)}: {first}"
        for path in (ROOT / package).rglob("*.py")
        for first in RUNS.findall(path.read_text(encoding="utf-8"))
    }
    assert package == "export/hrpn_export" or started  # the pattern finds what is there
    assert [each for each in sorted(started) if not each.endswith(": -P")] == []
