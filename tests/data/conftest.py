"""Small slides on disk, written by tifffile, and stores of their patches."""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.slides import noise, write_slide

from hrpn_tf.config import DataConfig, TissueConfig
from hrpn_tf.data.building import build_store
from hrpn_tf.data.slide_list import SlideEntry, read_slide_list
from hrpn_tf.data.store import PatchStore


@pytest.fixture(scope="session")
def config() -> DataConfig:
    return DataConfig(
        channels={"vessels": "CD31", "nuclei": "DAPI", "qd": "QD"},
        patch=32,
        stride=32,
        tissue=TissueConfig(method="all"),
    )


@pytest.fixture
def make_list(tmp_path: Path, config: DataConfig) -> Callable[..., tuple[SlideEntry, ...]]:
    """Write slides of these images and list each as a group of its own: g0, g1, ..."""

    def make(*images: np.ndarray, pixel_sizes=None, **options) -> tuple[SlideEntry, ...]:
        lines = ["slide,group"]
        sizes = pixel_sizes or [0.5] * len(images)
        for i, (image, size) in enumerate(zip(images, sizes, strict=True)):
            write_slide(tmp_path / f"s{i}.ome.tif", image, size, **options)
            lines.append(f"s{i}.ome.tif,g{i}")
        (tmp_path / "slides.csv").write_text("\n".join(lines))
        return read_slide_list(tmp_path / "slides.csv", config)

    return make


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, config: DataConfig) -> PatchStore:
    """Three groups of 12, 6 and 6 patches."""
    folder = tmp_path_factory.mktemp("store")
    sizes = [(100, 70), (64, 96), (64, 96)]
    channels = {"vessels": "CD31", "nuclei": "DAPI", "qd": "QD"}
    entries = [
        SlideEntry(
            f"s{i}", write_slide(folder / f"s{i}.ome.tif", noise(i, *size)), f"g{i}", channels
        )
        for i, size in enumerate(sizes)
    ]
    return build_store(entries, config, folder / "store", progress=False)


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """A context in which no file can grow beyond a size, as on a disk that fills up."""

    @contextmanager
    def limit(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)

    return limit
