"""A small store of patches, and a configuration that trains on it in a second."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny_network
from tiny_run import TINY_RUN

from hrpn_tf.config import Config, DataConfig, TissueConfig, load_config
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.data.store import PatchStore, build_store
from hrpn_tf.models import presets
from hrpn_tf.slides import write_slide


@pytest.fixture(scope="module", autouse=True)
def _tiny_preset() -> Iterator[None]:
    """The presets of ``tiny_network`` are known here, and nowhere else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presets, "PRESETS", (*presets.PRESETS, *tiny_network.ALL))
        yield


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> PatchStore:
    """Groups a, b, c with 12, 6 and 6 patches of 32 px; the target is a blur of the first input."""
    folder = tmp_path_factory.mktemp("training")
    rng = np.random.default_rng(0)
    lines = ["slide,group"]
    for group, (height, width) in {"a": (96, 128), "b": (64, 96), "c": (64, 96)}.items():
        inputs = rng.integers(1, 200, (height, width, 2))
        target = (inputs[..., :1] + np.roll(inputs[..., :1], 1, axis=0)) // 4
        image = np.concatenate([inputs, target], axis=-1).astype(np.uint8)
        write_slide(
            folder / f"{group}.ome.tif",
            image,
            channels=("vessels", "nuclei", "qd"),
            pixel_size_um=0.5,
            provenance={},
        )
        lines.append(f"{group}.ome.tif,{group}")
    (folder / "slides.csv").write_text("\n".join(lines))
    config = DataConfig(patch=32, stride=32, tissue=TissueConfig(method="all"))
    entries = read_slide_list(folder / "slides.csv", config)
    return build_store(entries, config, folder / "store", progress=False)


@pytest.fixture
def config() -> Config:
    """Four epochs of three steps on group a, validated on b."""
    return load_config(overrides=TINY_RUN)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Where a run goes; not made yet."""
    return tmp_path / "run"
