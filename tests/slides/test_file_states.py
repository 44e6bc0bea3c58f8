"""What changes whenever a slide changes."""

import os
from pathlib import Path

from hrpn_tf.slides.file_states import state_of


def test_a_file_that_changes_is_another_one(tmp_path: Path) -> None:
    slide = tmp_path / "slides" / "below" / "a.tif"
    slide.parent.mkdir(parents=True)
    slide.write_bytes(b"II")
    folder = tmp_path / "slides"
    before, before_all = state_of(slide), state_of(folder)
    assert (state_of(slide), state_of(folder)) == (before, before_all)
    os.utime(slide, ns=(1, 1))
    assert state_of(slide) != before
    assert state_of(folder) != before_all
    slide.unlink()
    assert state_of(slide) is None
