"""The description of a slide to write, and its pixels during writing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hrpn_tf.errors import SlideFormatError, UsageError

DTYPES = ("uint8", "uint16", "float32")


@dataclass(frozen=True)
class ChannelDisplay:
    """How a viewer shows a channel at first.

    Attributes:
        colour: red, green and blue as six hexadecimal digits.
        low, high: grey levels that are shown black and in full colour.
        visible: whether the channel is shown at first.
    """

    colour: str
    low: float
    high: float
    visible: bool = True


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
        display: of each channel; None for what each program chooses itself.
    """

    height: int
    width: int
    channels: tuple[str, ...]
    dtype: np.dtype
    pixel_size_um: float | None
    provenance: Mapping[str, Any]
    position_um: tuple[float, float] | None = None
    display: tuple[ChannelDisplay, ...] | None = None


class Planes(Protocol):
    """The pixels of one level on disk, read by windows of one channel.

    Attributes:
        channels: their number.
        height, width: px.
        dtype: of the pixels.
        chunk: (height, width) of the windows that are read at the least cost, px.
    """

    channels: int
    height: int
    width: int
    dtype: np.dtype
    chunk: tuple[int, int]

    def read(self, channel: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """A window (height, width) of one channel; pixels never written are 0."""
        ...


class WritablePlanes(Planes, Protocol):
    """The same while it is being made."""

    def write(self, y: int, x: int, block: np.ndarray) -> None:
        """Store a block (h, w, C) of the planes' type at row ``y``, column ``x``."""
        ...


def refuse_unstorable(path: Path, description: SlideDescription) -> None:
    """Refuse what no format can store, before any work is done.

    Raises:
        SlideFormatError: another type, no channel, or an empty plane.
        UsageError: provenance that JSON cannot hold, or a position without a pixel size.
    """
    dtype, count = np.dtype(description.dtype), len(description.channels)
    if dtype.name not in DTYPES:
        raise SlideFormatError(f"{path}: cannot store {dtype}; use {', '.join(DTYPES)}")
    if description.height < 1 or description.width < 1 or not count:
        raise SlideFormatError(
            f"{path}: a slide of {description.height} x {description.width} px with {count} "
            "channels is empty"
        )
    if description.position_um is not None and description.pixel_size_um is None:
        raise UsageError(f"{path}: a position in um needs a pixel size; give both or neither")
    for key, value in description.provenance.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UsageError(f"provenance '{key}' cannot be stored as JSON: {error}") from None
