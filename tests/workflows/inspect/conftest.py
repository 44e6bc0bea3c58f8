"""A slide to inspect, and a folder for its thumbnail."""

from pathlib import Path

import pytest
from support.inspected import NAMES, image

from hrpn_tf.slides import write_slide


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    path = tmp_path / "slides" / "a b.ome.tif"
    path.parent.mkdir()
    write_slide(path, image(), channels=NAMES, pixel_size_um=0.5, provenance={})
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test runs in a folder of its own, where thumbnails go."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
