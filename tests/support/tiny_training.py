"""A store of patches, and networks that train on it in a second."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hrpn_tf.data.store import PatchStore
from support.run_folder import write_slides
from support.stores import make_store

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


def tiny_store(folder: Path) -> PatchStore:
    """Groups a, b, c with 12, 6 and 6 patches of 32 px; the target is a blur of the first input."""
    rng = np.random.default_rng(0)
    shapes = ((96, 128), (64, 96), (64, 96))

    def image(number: int) -> np.ndarray:
        inputs = rng.integers(1, 200, (*shapes[number], 2))
        target = (inputs[..., :1] + np.roll(inputs[..., :1], 1, axis=0)) // 4
        return np.concatenate([inputs, target], axis=-1).astype(np.uint8)

    return make_store(write_slides(folder, "abc", image), folder / "store")
