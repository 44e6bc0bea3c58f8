"""A plane in memory."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ArrayPlane:
    image: np.ndarray

    @property
    def height(self) -> int:
        return self.image.shape[0]

    @property
    def width(self) -> int:
        return self.image.shape[1]

    @property
    def dtype(self) -> np.dtype:
        return self.image.dtype

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        assert y >= 0
        assert x >= 0
        assert y + height <= self.height
        assert x + width <= self.width
        return self.image[y : y + height, x : x + width]
