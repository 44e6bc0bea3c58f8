"""The published network's own answer, for weights that a rule makes from their names.

``published`` holds the names and shapes of the published state dict, and the output of
the published PyTorch network for :func:`reference_input` with the weights of :func:`state_dict`.
"""

import json
import zlib
from functools import cache
from pathlib import Path

import numpy as np

DATA = Path(__file__).with_name("published")


@cache
def shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published state dict."""
    text = (DATA / "state_dict.json").read_text(encoding="utf-8")
    return {name: tuple(shape) for name, shape in json.loads(text).items()}


def state_dict() -> dict[str, np.ndarray]:
    """Every entry, float32, in PyTorch layout."""
    return {name: _fill(name, shape) for name, shape in shapes().items()}


def reference_input() -> np.ndarray:
    """(2, 128, 160, 2) float32 in [0, 1]."""
    return np.random.RandomState(20240101).uniform(0, 1, (2, 128, 160, 2)).astype(np.float32)


def reference() -> dict[str, np.ndarray]:
    """``output`` (2, 128, 160, 1); ``branch0`` to ``branch3``, stage 4 of the first image."""
    return dict(np.load(DATA / "reference.npz"))


def _fill(name: str, shape: tuple[int, ...]) -> np.ndarray:
    random = np.random.RandomState(zlib.crc32(name.encode()))
    if len(shape) == 4:
        value = random.standard_normal(shape) * np.sqrt(2.0 / np.prod(shape[1:]))
    elif name.endswith(("running_var", "weight")):
        value = random.uniform(0.5, 1.5, shape)
    else:
        value = random.standard_normal(shape) * 0.1
    return value.astype(np.float32)
