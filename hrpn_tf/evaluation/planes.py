"""Single-channel images of the size of a slide, read or computed by windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hrpn_tf.slides import Slide, iter_windows


class Plane(Protocol):
    """A single-channel image (height, width) that is read by windows."""

    @property
    def height(self) -> int:
        """Rows, px."""
        ...

    @property
    def width(self) -> int:
        """Columns, px."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        ...

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        ...


@dataclass(frozen=True)
class ChannelPlane:
    """One channel of an open slide, in grey levels as stored."""

    slide: Slide
    channel: int

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.slide.info.height

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.slide.info.width

    @property
    def dtype(self) -> np.dtype:
        """Type of the stored grey levels."""
        return self.slide.info.dtype

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        return self.slide.read(y, x, height, width, [self.channel])[..., 0]


@dataclass(frozen=True)
class PlaneOfSize:
    """What planes that are computed from another plane of the same size have in common.

    Attributes:
        plane: the other plane.
    """

    plane: Plane

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.plane.height

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.plane.width


@dataclass(frozen=True)
class ScaledPlane(PlaneOfSize):
    """A plane times a factor, in float64."""

    factor: float

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(np.float64)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        return self.plane.read(y, x, height, width) * np.float64(self.factor)


@dataclass(frozen=True)
class ConstantPlane:
    """The same value everywhere."""

    height: int
    width: int
    value: float

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(np.float64)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        return np.full((height, width), self.value)


@dataclass(frozen=True)
class MaskPlane:
    """A mask of low resolution, enlarged to the size of a slide by repeating its pixels.

    Attributes:
        height, width: size of the slide, px.
        mask: (h, w) bool; each pixel covers one block of the slide.
        side: side length of a block, px. The last row and column of blocks may be smaller.

    Example:
        >>> plane = MaskPlane(4, 6, np.array([[True, False]]), side=4)
        >>> plane.read(0, 2, 1, 4).tolist()
        [[True, True, False, False]]
    """

    height: int
    width: int
    mask: np.ndarray
    side: int

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(bool)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        rows = np.arange(y, y + height) // self.side
        columns = np.arange(x, x + width) // self.side
        return self.mask[rows[:, None], columns[None, :]]


@dataclass(frozen=True)
class NearestPlane:
    """A mask or label image in larger or smaller pixels: each takes the value at its centre.

    Attributes:
        plane: the image.
        height, width: of the result, px.
        ratio: pixels of the image per pixel of the result.

    Example:
        >>> labels = MaskPlane(4, 4, np.array([[True, False], [False, True]]), side=2)
        >>> NearestPlane(labels, 2, 2, 2.0).read(0, 0, 2, 2).tolist()
        [[True, False], [False, True]]
    """

    plane: Plane
    height: int
    width: int
    ratio: float

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.plane.dtype

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        rows = self._places(y, height, self.plane.height)
        columns = self._places(x, width, self.plane.width)
        top, left = int(rows[0]), int(columns[0])
        size = int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left
        return self.plane.read(top, left, *size)[np.ix_(rows - top, columns - left)]

    def _places(self, start: int, length: int, size: int) -> np.ndarray:
        centres = (np.arange(start, start + length) + 0.5) * self.ratio
        return np.minimum(centres.astype(np.intp), size - 1)


@dataclass(frozen=True)
class Window:
    """A rectangle of a plane, px."""

    y: int
    x: int
    height: int
    width: int

    def grown(self, margin: int, plane: Plane) -> "Window":
        """With ``margin`` px more on every side, as far as the plane goes."""
        top, left = max(0, self.y - margin), max(0, self.x - margin)
        bottom = min(plane.height, self.y + self.height + margin)
        right = min(plane.width, self.x + self.width + margin)
        return Window(top, left, bottom - top, right - left)

    def overlap(self, other: "Window") -> "Window":
        """The pixels that are in both; without height or width if there are none."""
        top, left = max(self.y, other.y), max(self.x, other.x)
        bottom = min(self.y + self.height, other.y + other.height)
        right = min(self.x + self.width, other.x + other.width)
        return Window(top, left, max(0, bottom - top), max(0, right - left))

    def within(self, outer: "Window") -> tuple[slice, slice]:
        """Where this window lies in an array that holds ``outer``."""
        top, left = self.y - outer.y, self.x - outer.x
        return slice(top, top + self.height), slice(left, left + self.width)

    def read(self, plane: Plane) -> np.ndarray:
        """The pixels of a plane in this window."""
        return plane.read(self.y, self.x, self.height, self.width)


def spread_windows(plane: Plane, side: int, most: int) -> list[Window]:
    """At most ``most`` windows of at most ``side`` px, evenly spread over the plane."""
    windows = list(iter_windows(plane.height, plane.width, side))
    count = min(len(windows), most)
    chosen = np.linspace(0, len(windows) - 1, count).round().astype(int)
    return [Window(*windows[i]) for i in chosen]


def draw_pixels(
    windows: Sequence[Window], count: float, random: np.random.Generator
) -> Iterator[tuple[Window, np.ndarray]]:
    """About ``count`` pixels of windows, drawn at random without replacement.

    Each window gives as many as its share of the area, so that the strips at the edges of a plane
    count for no more than they are.

    Args:
        windows: at least one, which do not overlap.
        count: of pixels; all of them if there are fewer.
        random: draws them.

    Yields:
        A window, and places (n,) of its pixels in the order of ``ravel``.

    Example:
        >>> windows = [Window(0, 0, 8, 8), Window(0, 8, 8, 2)]
        >>> [len(places) for _, places in draw_pixels(windows, 20, np.random.default_rng(0))]
        [16, 4]
    """
    density = count / sum(window.height * window.width for window in windows)
    for window in windows:
        pixels = window.height * window.width
        yield window, random.choice(pixels, min(pixels, round(density * pixels)), replace=False)
