"""A store of patches, and networks that train on it in a second."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hrpn_tf.config import DataConfig, TissueConfig
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.data.store import PatchStore, build_store
from hrpn_tf.slides import write_slide

# Options of a training of four epochs with three steps on group a, validated on b.
TINY_RUN = (
    "model.preset=tiny",
    "training.epochs=4",
    "training.batch_size=4",
    "data.split.validation=[b]",
    "data.split.test=[c]",
)


@contextmanager
def tiny_presets() -> Iterator[None]:
    """A context in which the presets of ``tiny_network`` are known."""
    from hrpn_tf.models import presets
    from support import tiny_network

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presets, "PRESETS", (*presets.PRESETS, *tiny_network.ALL))
        yield


def make_store(folder: Path) -> PatchStore:
    """Groups a, b, c with 12, 6 and 6 patches of 32 px; the target is a blur of the first input."""
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
