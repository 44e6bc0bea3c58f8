"""What a slide that is written says about itself, and its pixels while it is being made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class SlideDescription:
    """Everything about a slide but its pixels.

    Attributes:
        height, width: px.
        channels: names.
        dtype: uint8, uint16 or float32.
        pixel_size_um: um per pixel; None if it is not known.
        provenance: where the slide comes from, as anything that JSON can hold, by key. Without
            dates, the same slide gives the same bytes.
        position_um: (y, x) of the outer corner of the first pixel, um, for a slide that is a region
            of another; None for (0, 0) of its own frame.
    """

    height: int
    width: int
    channels: tuple[str, ...]
    dtype: np.dtype
    pixel_size_um: float | None
    provenance: Mapping[str, Any]
    position_um: tuple[float, float] | None = None


class Planes(Protocol):
    """The pixels of one level on disk, read by windows of one channel."""

    channels: int
    height: int
    width: int
    dtype: np.dtype

    def read(self, channel: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """A window (height, width) of one channel; pixels never written are 0."""
        ...


class WritablePlanes(Planes, Protocol):
    """The same while it is being made."""

    def write(self, y: int, x: int, block: np.ndarray) -> None:
        """Store a block (h, w, C) of the planes' type at row ``y``, column ``x``."""
        ...
