"""Fixtures of the tests of ``hrpn-tf analyse``."""

from pathlib import Path

import pytest
from support.predicted_cohort import Cohort, predicted_cohort


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    """Six predicted slides of two conditions."""
    return predicted_cohort(tmp_path)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn, which takes most of the time of small slides."""

    def draw(analysed: object, folder: Path) -> str:
        (folder / "empty.png").touch()
        return "empty.png"

    for name in ("draw_profile", "draw_conditions"):
        monkeypatch.setattr(f"hrpn_tf.evaluation.analysis.plots.{name}", draw)
    monkeypatch.setattr("hrpn_tf.workflows.analyse.measuring.draw_overlay", lambda *arguments: None)
