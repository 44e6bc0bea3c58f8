"""Fixtures of the tests of reports."""

from pathlib import Path

import pytest
from support.evaluated_run import evaluated_run

from hrpn_tf.workflows.report.options import ReportOptions
from hrpn_tf.workflows.report.report import report_run


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its report in ``run/report``; made once, not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    run = evaluated_run(folder)
    report_run(run, options=ReportOptions(slide_list=folder / "slides.yaml"), progress=False)
    return run
