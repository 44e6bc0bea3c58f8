"""A bundle, slides, and a service that most tests share."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.service import Client, running_service
from support.small_bundle import small_bundle

from hrpn_tf.service.settings import Limits, ServiceSettings
from hrpn_tf.slides import write_slide

LIMITS = Limits(upload_bytes=4 * 2**20, jobs=20, client_seconds=1.0)


def write(path: Path, seed: int, side: int = 200) -> Path:
    """A slide of random pixels."""
    image = np.random.default_rng(seed).integers(0, 256, (side, side, 2), np.uint8)
    write_slide(path, image, channels=("a", "b"), pixel_size_um=0.5, provenance={})
    return path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slides: two small ones, and one whose many tiles take seconds."""
    folder = tmp_path_factory.mktemp("slides")
    write(folder / "one.ome.tif", 1)
    write(folder / "two.ome.tif", 2)
    write(folder / "large.ome.tif", 3, 600)
    return folder


@pytest.fixture(scope="session")
def settings(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ServiceSettings:
    return ServiceSettings(
        network={"folder": small_bundle()},
        jobs=tmp_path_factory.mktemp("jobs"),
        port=0,
        allow=(folder.resolve(),),
        limits=LIMITS,
    )


@pytest.fixture
def slow(settings: ServiceSettings, tmp_path: Path) -> ServiceSettings:
    """Settings of another service, with so many tiles that a prediction takes seconds."""
    return replace(settings, jobs=tmp_path / "jobs", overrides=("prediction.tile=32",))


@pytest.fixture(scope="session")
def client(settings: ServiceSettings) -> Iterator[Client]:
    with running_service(settings) as client:
        yield client
