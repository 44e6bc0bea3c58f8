"""The interface of an open slide: its description, and windows of its pixels."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import numpy as np

from hrpn_tf.errors import NonFinitePixelsError, RegionError, UnknownChannelError
from hrpn_tf.text import printable

# Control characters, ends of lines and lone surrogates.
_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONGEST_NAME = 200  # characters of a channel's name that are kept


@dataclass(frozen=True)
class SlideInfo:
    """The description of a slide.

    Attributes:
        path: the file or folder.
        height, width: size of level 0, px.
        channels: names in the order of the file; "0", "1", ... where the file has none. Control
            characters and lone surrogates are written as escapes, and names are cut at 200
            characters.
        dtype: type that :meth:`Slide.read` returns: uint8, uint16 or float32; of a label image
            also int32, uint32, int64 or uint64.
        pixel_size_um: side of a (square) pixel of level 0, um; None if the file states none.
        levels: downsampling factor of each stored level; the first is 1.0.
        level_shapes: (height, width) of each level, px; by default the sizes rounded up.
        position_um: (y, x) of the outer corner of the first pixel, um, for a slide that is a region
            of another; None if the file states none.
        format: what the slide is stored as, in words.
        files: every file that its pixels or description are read from; ``path`` by default.
        planes: in depth, of which a slide gives one or a projection.
        depth: the plane that is read, counted from 1, or "max" or "mean"; None of a slide with one.
        segment_bytes: the largest piece that has to be decoded at once to read any pixel.
    """

    path: Path
    height: int
    width: int
    channels: tuple[str, ...]
    dtype: np.dtype
    pixel_size_um: float | None
    levels: tuple[float, ...] = (1.0,)
    level_shapes: tuple[tuple[int, int], ...] = ()
    position_um: tuple[float, float] | None = None
    format: str = ""
    files: tuple[Path, ...] = ()
    segment_bytes: int = 0
    planes: int = 1
    depth: int | Literal["max", "mean"] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(_storable(name) for name in self.channels))
        if not self.files:
            object.__setattr__(self, "files", (self.path,))
        if not self.level_shapes:
            shapes = tuple(
                (math.ceil(self.height / factor), math.ceil(self.width / factor))
                for factor in self.levels
            )
            object.__setattr__(self, "level_shapes", shapes)


class Slide(Protocol):
    """An open slide; a context manager that closes it."""

    @property
    def info(self) -> SlideInfo:
        """The description of the slide."""
        ...

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """Read a window of some channels, decoding only the strips or tiles that it touches.

        Args:
            y, x: first row and column, px of ``level``.
            height, width: size of the window, px of ``level``.
            channels: indices, in the order wanted.
            level: index into ``info.levels``.

        Returns:
            (height, width, len(channels)) grey levels of type ``info.dtype``.

        Raises:
            RegionError: the window does not lie within the level, or there is no such level.
            UnknownChannelError: an index that the slide does not have.
            NonFinitePixelsError: the window holds NaN or infinite pixels.
            SlideFormatError: the file is truncated or damaged there.
        """
        ...

    def close(self) -> None:
        """Close the files; no window can be read afterwards."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class ClosedOnExit:
    """Base class of readers, whose context closes them."""

    def close(self) -> None:
        """See :meth:`Slide.close`."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Windows(Protocol):
    """A source of windows of pixels: an open slide, or one whose windows are changed on the way."""

    @property
    def info(self) -> SlideInfo:
        """Description of the slide."""
        ...

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`Slide.read`."""
        ...


def channel_index(info: SlideInfo, channel: str | int) -> int:
    """Index of a channel given by name (exact, whatever the case, or as shown) or by index.

    A string of digits that is no name counts as an index.

    Raises:
        UnknownChannelError: no such channel, or several of that name; lists those present.

    >>> info = SlideInfo(Path("a.tif"), 8, 8, ("CD31", "DAPI"), np.dtype("uint8"), None)
    >>> channel_index(info, "dapi"), channel_index(info, 0)
    (1, 0)
    """
    if isinstance(channel, str):
        channel, names = _storable(channel), info.channels
        for same in (
            [i for i, name in enumerate(names) if name == channel],
            [i for i, name in enumerate(names) if name.casefold() == channel.casefold()],
            [i for i, name in enumerate(names) if printable(name) == channel],  # as it is shown
        ):
            if len(same) == 1:
                return same[0]
            if same:
                raise UnknownChannelError(
                    f"{info.path}: {len(same)} channels are named '{channel}'; "
                    f"name one by its index: {', '.join(map(str, same))}"
                )
        # isdecimal alone would also take digits of other scripts, which is no index anyone meant
        if channel.isascii() and channel.isdecimal() and len(channel) < 10:
            return channel_index(info, int(channel))
    elif 0 <= channel < len(info.channels):
        return int(channel)
    present = ", ".join(f"{i} '{name}'" for i, name in enumerate(info.channels))
    raise UnknownChannelError(f"{info.path}: no channel {channel!r}; it has {present}")


def _storable(name: str) -> str:
    """A name that files, fonts and terminals take; where it is shown, more may be escaped."""
    name = _UNSTORABLE.sub(lambda found: printable(found[0]), name).strip()
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def iter_windows(height: int, width: int, size: int) -> Iterator[tuple[int, int, int, int]]:
    """Windows (y, x, height, width) of at most ``size`` px a side that cover a plane, row by row.

    >>> list(iter_windows(2, 5, 3))
    [(0, 0, 2, 3), (0, 3, 2, 2)]
    """
    for y in range(0, height, size):
        for x in range(0, width, size):
            yield y, x, min(size, height - y), min(size, width - x)


def check_window(
    info: SlideInfo, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int
) -> None:
    """Refuse a window that :meth:`Slide.read` cannot give; see there for the errors."""
    if not 0 <= level < len(info.levels):
        raise RegionError(f"{info.path}: no level {level}; it has {len(info.levels)}, from 0")
    rows, columns = info.level_shapes[level]
    inside = min(y, x) >= 0 and y + height <= rows and x + width <= columns
    if height < 1 or width < 1 or not inside:
        raise RegionError(
            f"{info.path}: the window of {height} x {width} px at row {y}, column {x} does not "
            f"lie within level {level} of {rows} x {columns} px"
        )
    for channel in channels:
        channel_index(info, channel)


def check_finite(window: np.ndarray, path: Path, y: int, x: int, level: int) -> None:
    """Refuse NaN and infinite pixels in a window (H, W, C) read at row ``y``, column ``x``.

    Raises:
        NonFinitePixelsError: says where the first one is.
    """
    if window.dtype.kind != "f" or np.isfinite(window).all():
        return
    row, column, _ = np.argwhere(~np.isfinite(window))[0]
    raise NonFinitePixelsError(
        f"{path}: NaN or infinite pixel at row {y + row}, column {x + column} of level {level}; "
        "replace such pixels first"
    )
