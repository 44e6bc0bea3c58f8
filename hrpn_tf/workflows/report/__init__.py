"""The report of a run: its page and the viewer of every slide."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.report.options import ReportOptions
    from hrpn_tf.workflows.report.report import Reported, report_run

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "options": ["ReportOptions"],
        "report": ["Reported", "report_run"],
    },
)
