"""A run folder that ``hrpn-tf predict`` takes, with three slides beside it."""

from pathlib import Path

import pytest
from small_run import GROUPS, make_run, save_network, write


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "best.keras"
    save_network(path)
    return path


@pytest.fixture
def run(tmp_path: Path, network: Path) -> Path:
    """The folder; beside it are slides.csv and the slides a, b, c, each a group."""
    run = tmp_path / "run"
    make_run(run, network)
    lines = ["slide,group"]
    for seed, group in enumerate(GROUPS):
        write(tmp_path / f"{group}.ome.tif", seed)
        lines.append(f"{group}.ome.tif,{group}")
    (tmp_path / "slides.csv").write_text("\n".join(lines))
    return run
