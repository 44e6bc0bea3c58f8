"""Fixtures of a run with a small Keras network."""

from pathlib import Path

import pytest
from support.run_folder import GROUPS, make_run, save_network, write


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved network, see ``save_network``."""
    path = tmp_path_factory.mktemp("network") / "best.keras"
    save_network(path)
    return path


@pytest.fixture
def run(tmp_path: Path, network: Path) -> Path:
    """A run beside slides a, b and c, of which it was trained on a."""
    run = make_run(tmp_path / "run", network)
    lines = ["slide,group"]
    for seed, group in enumerate(GROUPS):
        write(tmp_path / f"{group}.ome.tif", seed)
        lines.append(f"{group}.ome.tif,{group}")
    (tmp_path / "slides.csv").write_text("\n".join(lines))
    return run
