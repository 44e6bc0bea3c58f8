"""Tables of the documentation that repeat a table of the code have a line for every row of it."""

from support.doc_tables import missing_lines
from support.places import ROOT


def test_every_metric_loss_and_preset_is_documented() -> None:
    assert missing_lines(ROOT) == []
