"""Stacks of planes in depth: which plane is read, or how all of them become one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hrpn_tf.errors import DepthError, SlideFormatError, UsageError
from hrpn_tf.slides.planes import StoredPlane

# A plane, counted from 1 as ImageJ and QuPath show it, or all of them by pixel.
Depth = int | Literal["max", "mean"]
MOST_PLANES = 4096
# The readers, which other packages extend, have no place for it among their arguments.
_CHOSEN: ContextVar[Depth | None] = ContextVar("depth", default=None)


@contextmanager
def reading_depth(depth: Depth | None) -> Iterator[None]:
    """What slides that are opened within the context give of a stack; None refuses stacks."""
    token = _CHOSEN.set(depth)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def parse_depth(text: str) -> Depth:
    """The value of ``--z``.

    Raises:
        UsageError: neither a plane nor a projection.

    >>> parse_depth("3"), parse_depth("max")
    (3, 'max')
    """
    if text in ("max", "mean"):
        return text  # type: ignore[return-value]
    if text.isascii() and text.isdecimal() and 0 < len(text) < 6 and int(text) > 0:
        return int(text)
    raise UsageError(f"--z {text}: give a plane, counted from 1, or max or mean of all planes")


def chosen_depth(count: int, path: Path) -> Depth | None:
    """What is read of a stack; None if there is one plane, so that nothing is to be chosen.

    Args:
        count: planes in depth.
        path: of the slide.

    Raises:
        DepthError: nothing was chosen, or a plane that the stack does not have.
        SlideFormatError: absurdly many planes.
    """
    depth = _CHOSEN.get()
    if count == 1:
        return None
    if count > MOST_PLANES:
        raise SlideFormatError(f"{path}: holds {count} planes in depth, which is no stack")
    if depth is None:
        raise DepthError(
            f"{path}: holds {count} planes in depth, where one is wanted; choose with --z PLANE "
            "(from 1), or project with --z max or --z mean (data.z in a configuration)",
            count,
        )
    if isinstance(depth, int) and depth > count:
        raise DepthError(
            f"{path}: has no plane {depth} in depth; it has {count}, counted from 1", count
        )
    return depth


def indices(depth: Depth | None, count: int) -> range:
    """The planes that are read, from 0."""
    return range(depth - 1, depth) if isinstance(depth, int) else range(count)


def without_depth(sizes: Mapping[str, int], path: Path) -> dict[str, int]:
    """Sizes by axis without Z.

    Raises:
        DepthError, SlideFormatError: see :func:`chosen_depth`.
    """
    others = dict(sizes)
    chosen_depth(others.pop("Z", 1), path)
    return others


def combine(planes: Sequence[StoredPlane], depth: Depth | None) -> StoredPlane:
    """The planes of :func:`indices` as one."""
    if len(planes) == 1:
        return planes[0]
    assert isinstance(depth, str)
    return ProjectedPlane(tuple(planes), depth)


def parts_of(planes: Sequence[StoredPlane]) -> list[StoredPlane]:
    """The planes as stored, of which some may be projections."""
    return [
        part
        for plane in planes
        for part in (plane.planes if isinstance(plane, ProjectedPlane) else (plane,))
    ]


@dataclass(frozen=True)
class ProjectedPlane:
    """The largest value, or the mean, of several planes at each pixel; see ``StoredPlane``.

    Windows are read plane by plane, so that two of them are in memory. A mean is rounded to the
    nearest grey level where these are whole numbers.
    """

    planes: tuple[StoredPlane, ...]
    how: str

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.planes[0].height

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.planes[0].width

    @property
    def segment_bytes(self) -> int:
        """See ``StoredPlane``."""
        return max(plane.segment_bytes for plane in self.planes)

    def read(self, y: int, x: int, out: np.ndarray) -> None:
        """See ``StoredPlane``."""
        window = np.empty(out.shape, out.dtype)
        if self.how == "max":
            self.planes[0].read(y, x, out)
            for plane in self.planes[1:]:
                plane.read(y, x, window)
                np.maximum(out, window, out=out)
            return
        total = np.zeros(out.shape, np.float64)
        for plane in self.planes:
            plane.read(y, x, window)
            total += window
        total /= len(self.planes)
        out[...] = total if out.dtype.kind == "f" else np.rint(total)
