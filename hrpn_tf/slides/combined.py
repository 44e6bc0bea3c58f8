"""Channels of several slides on one grid, as one slide: an input beside what is predicted of it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hrpn_tf.slides.description import ChannelDisplay
from hrpn_tf.slides.slide import Windows

_CHUNK = (512, 512)
_SPOTS, _SPOT = 8, 128  # windows along a side, and their sides, px, that display ranges are from
_SHOWN = (1.0, 99.8)  # percentiles that are black and full colour


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


def display_range(planes: CombinedPlanes, channel: int) -> tuple[float, float]:
    """Grey levels that are shown black and in full colour; of a large slide, of spread windows.

    The 1 % and 99.8 % percentiles; where they are equal, the smallest and largest value.
    """
    height, width = planes.height, planes.width
    if height * width <= (_SPOTS * _SPOT) ** 2:
        values = planes.read(channel, 0, 0, height, width).ravel()
    else:
        h, w = min(_SPOT, height), min(_SPOT, width)
        spots = [(y, x) for y in _starts(height) for x in _starts(width)]
        values = np.concatenate([planes.read(channel, y, x, h, w).ravel() for y, x in spots])
    low, high = (float(value) for value in np.percentile(values, _SHOWN))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + 1.0


def shown(colour: str, limits: tuple[float, float], visible: bool = True) -> ChannelDisplay:
    """How a channel is shown; see :class:`~hrpn_tf.slides.description.ChannelDisplay`."""
    return ChannelDisplay(colour, limits[0], limits[1], visible)


def _starts(length: int) -> list[int]:
    last = max(0, length - _SPOT)
    return sorted({round(last * number / max(1, _SPOTS - 1)) for number in range(_SPOTS)})
