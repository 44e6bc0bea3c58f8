"""A network without TensorFlow, in which alignment and halo matter, and a slide in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from hrpn_export import Contract
from scipy.ndimage import convolve

from hrpn_tf.slides import SlideInfo
from hrpn_tf.slides.slide import check_window


class GridNetwork:
    """Average pooling by ``multiple``, a convolution there, upsampling, and one at full size.

    Like a real network it pads with zeros, and is equivariant only to shifts by ``multiple``.
    """

    def __init__(self, multiple: int = 4, inputs: int = 2, side: int = 5) -> None:
        random = np.random.default_rng(0)
        self.multiple = multiple
        self.coarse = random.normal(size=(side, side)) / side
        self.fine = random.normal(size=(side, side)) / side
        self.calls: list[tuple[int, ...]] = []
        # A pixel reaches side // 2 fine px, then side // 2 coarse ones beyond its own block.
        reach = side // 2 + multiple * (side // 2 + 1)
        self.contract = Contract(
            inputs=tuple(f"in{i}" for i in range(inputs)),
            outputs=("qd",),
            pixel_size_um=0.5,
            stride_multiple=multiple,
            receptive_field=2 * reach + 1,
            tile_exact=True,
            grey_max=255.0,
        )

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.contract.check(batch)
        self.calls.append(batch.shape)
        return np.stack([self._one(image.astype(np.float64)) for image in batch])

    def _one(self, image: np.ndarray) -> np.ndarray:
        m = self.multiple
        height, width, channels = image.shape
        grey = image @ np.linspace(1, 0.5, channels)
        pooled = grey.reshape(height // m, m, width // m, m).mean(axis=(1, 3))
        coarse = np.maximum(convolve(pooled, self.coarse, mode="constant"), 0)
        up = coarse.repeat(m, axis=0).repeat(m, axis=1)
        return convolve(up + grey, self.fine, mode="constant").astype(np.float32)[..., None]


class ArraySlide:
    """A slide in memory, as strict about windows as a file."""

    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        names = tuple(f"in{i}" for i in range(image.shape[2]))
        self.info = SlideInfo(Path("array"), *image.shape[:2], names, image.dtype, 0.5)

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        check_window(self.info, y, x, height, width, channels, level)
        return self.image[y : y + height, x : x + width, list(channels)]

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def untiled(session: GridNetwork, image: np.ndarray) -> np.ndarray:
    """The network on the whole slide, with a full halo of reflection on every side."""
    contract = session.contract
    m, halo = contract.stride_multiple, (contract.receptive_field or 0)
    halo = -(-halo // m) * m
    height, width, _ = image.shape
    after = [(halo + -side % m) for side in (height, width)]
    padded = np.pad(image, [(halo, after[0]), (halo, after[1]), (0, 0)], mode="symmetric")
    return session(padded[None])[0, halo : halo + height, halo : halo + width]
