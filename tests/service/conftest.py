"""A bundle, slides, and a service that most tests share."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.service import Client, random_slide, running_service
from support.small_bundle import small_bundle

from hrpn_tf.service.settings import Limits, ServiceSettings

LIMITS = Limits(upload_bytes=4 * 2**20, jobs=20, client_seconds=1.0)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slides: two small ones, and one whose many tiles take seconds."""
    folder = tmp_path_factory.mktemp("slides")
    random_slide(folder / "one.ome.tif", 1)
    random_slide(folder / "two.ome.tif", 2)
    random_slide(folder / "large.ome.tif", 3, 450)
    return folder


@pytest.fixture(scope="session")
def settings(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ServiceSettings:
    return ServiceSettings(
        network={"folder": small_bundle(), "runtime": "onnxruntime"},
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
