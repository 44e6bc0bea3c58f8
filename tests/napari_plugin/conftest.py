"""A real window of napari on a virtual display, a slide, and bundles that predict it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support import bounded_bundle
from support.napari_window import CORNER, SIZE, Window, anatomy
from support.processes import environment
from support.virtual_display import needs_napari, virtual_display

from hrpn_tf.slides import write_slide


@pytest.fixture(scope="session")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "mouse 1.ome.tif"
    write_slide(path, anatomy(), channels=("CD31", "DAPI"), pixel_size_um=SIZE,
                position_um=CORNER, provenance={})  # fmt: skip
    return path


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that gives bounds."""
    folder = tmp_path_factory.mktemp("bundles") / "b"
    # TensorFlow and OpenGL in software end a process that has both
    command = [sys.executable, "-m", bounded_bundle.__name__, folder]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def slow_bundle(bundle: Path) -> Path:
    """The same in tiles of 32 px, so that it takes seconds."""
    folder = Path(shutil.copytree(bundle, bundle.parent / "slow"))
    path = folder / "bundle.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    values.setdefault("provenance", {})["configuration"] = {
        "data": {"inputs": ["vessels", "nuclei"]},
        "prediction": {"tile": 32},
    }
    path.write_text(json.dumps(values), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The display that this process opens windows on."""
    needs_napari()
    with virtual_display() as name:
        before = os.environ.get("DISPLAY")
        os.environ["DISPLAY"] = name
        yield name
        if before is not None:
            os.environ["DISPLAY"] = before


@pytest.fixture
def window(display: str) -> Iterator[Window]:
    opened = Window()
    yield opened
    with suppress(RuntimeError):  # the test closed it
        opened.close()
