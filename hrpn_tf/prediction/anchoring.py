"""Measure the anchored pixels of a predicted slide."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from hrpn_tf.errors import AnchorError, NoTissueError
from hrpn_tf.prediction.anchor import AnchorSums, AnchorTask, BlockMask
from hrpn_tf.prediction.reading import TimedReads
from hrpn_tf.prediction.tiling import Block, Tiling
from hrpn_tf.slides.description import Planes

if TYPE_CHECKING:
    from hrpn_tf.prediction.mask import PolygonMask


class Area(Protocol):
    """Pixels of a slide."""

    def fill(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """(height, width) bool: the pixels of a window that are in."""
        ...


def anchored_area(
    anchor: AnchorTask,
    tiling: Tiling,
    mask: "PolygonMask | None",
    slide: TimedReads,
    name: str,
) -> BlockMask | None:
    """Find the tissue that a prediction is anchored by, and check that there is something in it.

    Args:
        anchor: the anchor.
        tiling: blocks of the result.
        mask: area that is predicted; None for the whole region.
        slide: the slide on the grid of the result.
        name: of the result, for an error.

    Returns:
        The tissue; None if the anchor is of a part of the slide.

    Raises:
        NoTissueError: no pixel of the result is tissue.
        AnchorError: no pixel of the result lies in the part of the slide that was measured, or
            the target is 0 there.
    """
    tissue = None if anchor.find_tissue is None else anchor.find_tissue()
    empty = True
    for block, inside in _inside(_area(anchor, tissue), tiling, mask):
        if inside.any():
            empty = False
            true = _target(anchor, block, tiling, slide)
            if true is None or true[inside].max() > 0:
                return tissue
    if not empty:
        raise AnchorError(
            f"{name}: the measured target is 0 in the whole region of the anchor, so that nothing "
            "can be scaled to it"
        )
    if tissue is None:
        raise AnchorError(f"{name}: no predicted pixel lies in the region of the anchor")
    raise NoTissueError(
        f"{name}: no tissue is predicted, so that its mean cannot be anchored; see data.tissue"
    )


def measure(
    anchor: AnchorTask,
    tissue: BlockMask | None,
    planes: Planes,
    tiling: Tiling,
    mask: "PolygonMask | None",
    slide: TimedReads,
) -> AnchorSums:
    """Sum the prediction, and the measured target, over the anchored pixels.

    Args:
        anchor: the anchor.
        tissue: result of :func:`anchored_area`.
        planes: the prediction, not scaled; its first channel counts, and the largest value is of
            all, since bounds are scaled and rounded like it.
        tiling: blocks of the result.
        mask: area that is predicted; None for the whole region.
        slide: the slide on the grid of the result.
    """
    pixels, predicted, measured, largest = 0, 0.0, 0.0, -np.inf
    for block, inside in _inside(_area(anchor, tissue), tiling, mask):
        place = block.y, block.x, block.height, block.width
        values = planes.read(0, *place)
        largest = max(largest, float(values.max()))
        for channel in range(1, planes.channels):
            largest = max(largest, float(planes.read(channel, *place).max()))
        if not inside.any():
            continue
        pixels += int(inside.sum())
        predicted += float(values[inside].sum(dtype=np.float64))
        if (true := _target(anchor, block, tiling, slide)) is not None:
            measured += float(true[inside].sum(dtype=np.float64))
    return AnchorSums(pixels, predicted, None if anchor.target is None else measured, largest)


def _target(
    anchor: AnchorTask, block: Block, tiling: Tiling, slide: TimedReads
) -> np.ndarray | None:
    """(h, w) of the measured target in a block; None if the measured mean is stated."""
    if anchor.target is None:
        return None
    y, x = tiling.region.y + block.y, tiling.region.x + block.x
    return slide.read(y, x, block.height, block.width, [anchor.target])[..., 0]


def _area(anchor: AnchorTask, tissue: BlockMask | None) -> Area:
    area = tissue if anchor.area is None else anchor.area
    assert area is not None
    return area


def _inside(
    area: Area, tiling: Tiling, mask: "PolygonMask | None"
) -> Iterator[tuple[Block, np.ndarray]]:
    """Each block of the result with its anchored pixels, (h, w) bool."""
    for index in range(len(tiling)):
        block = tiling.block(index)
        place = (
            tiling.region.y + block.y,
            tiling.region.x + block.x,
            block.height,
            block.width,
        )
        inside = area.fill(*place)
        if mask is not None:
            inside = inside & mask.fill(*place)
        yield block, inside
