"""What the tests of writers share: slides to write, and what is found afterwards."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hrpn_tf.slides.description import SlideDescription
from hrpn_tf.slides.zarr.planes import ZarrPlanes

DTYPES = ("uint8", "uint16", "float32")
VERSIONS = ("0.4", "0.5")

names = st.lists(
    # readers keep 200 characters of a name
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200)
    .map(str.strip)
    .filter(bool),
    min_size=1,
    max_size=4,
    unique=True,
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=8,
)


def noise(shape: Sequence[int], dtype: str, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).random(tuple(shape)) * 255
    return values.astype(dtype)


def describe(image: np.ndarray, **options: Any) -> SlideDescription:
    height, width, channels = image.shape
    defaults: dict[str, Any] = {
        "height": height,
        "width": width,
        "channels": tuple(f"c{i}" for i in range(channels)),
        "dtype": image.dtype,
        "pixel_size_um": 0.5,
        "provenance": {},
    }
    return SlideDescription(**(defaults | options))


def create(
    folder: Path,
    image: np.ndarray,
    version: str,
    block: tuple[int, int] = (32, 64),
    chunk: tuple[int, int] = (16, 16),
) -> ZarrPlanes:
    return ZarrPlanes.create(folder, describe(image), block=block, chunk=chunk, version=version)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def digests(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }
