"""Channels of several slides on one grid, as one slide: an input beside what is predicted of it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hrpn_tf.slides.slide import Windows

_CHUNK = (512, 512)


@dataclass(frozen=True)
class Part:
    """Some channels of a slide.

    Attributes:
        slide: the open slide.
        channels: indices, in the order wanted.
        y, x: its pixel that is the first of the result, px.
    """

    slide: Windows
    channels: tuple[int, ...]
    y: int = 0
    x: int = 0


class CombinedPlanes:
    """Channels of several slides, as :class:`~hrpn_tf.slides.description.Planes`.

    Grey levels keep their values: the type is the smallest one that holds those of all parts.

    Args:
        parts: the slides; each holds the whole area from its first pixel on.
        height, width: of the result, px.
        dtype: of the result; values are rounded and cut to an integer type.
    """

    def __init__(self, parts: Sequence[Part], height: int, width: int, dtype: np.dtype) -> None:
        self._places = [(part, channel) for part in parts for channel in part.channels]
        self.channels, self.height, self.width = len(self._places), height, width
        self.dtype, self.chunk = np.dtype(dtype), _CHUNK
        self._lock = threading.Lock()  # readers of other packages need not allow threads

    def read(self, channel: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """A window (height, width) of one channel; see ``Planes``."""
        part, index = self._places[channel]
        with self._lock:
            pixels = part.slide.read(part.y + y, part.x + x, height, width, [index])[..., 0]
        if self.dtype.kind == "u" and pixels.dtype.kind == "f":
            pixels = np.clip(np.rint(pixels), 0, np.iinfo(self.dtype).max)
        return np.ascontiguousarray(pixels.astype(self.dtype, copy=False))
