"""The guide is executed."""

import doctest

from support.places import DOCS

GUIDE = DOCS / "reference" / "bundle.md"


def test_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(GUIDE), module_relative=False)
    assert result.attempted > 15
    assert result.failed == 0
