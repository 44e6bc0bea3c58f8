"""Fixtures of a run with a small Keras network."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
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


@pytest.fixture
def slide(run: Path) -> Path:
    """Stored in many small pieces that are read one by one: 600 x 400 px, not in one tile."""
    path = run.parent / "slide.ome.tif"
    image = np.random.default_rng(0).integers(0, 256, (2, 600, 400), np.uint8)
    image[:, :100, :100] = 0  # blocks of very different sizes when compressed
    metadata = {
        "axes": "CYX",
        "Channel": {"Name": ["vessels", "nuclei"]},
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
    }
    tifffile.imwrite(path, image, tile=(64, 64), compression="zlib", metadata=metadata)
    return path
