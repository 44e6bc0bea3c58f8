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
    anchor: AnchorTask, tiling: Tiling, mask: "PolygonMask | None", name: str
) -> BlockMask | None:
    """Find the tissue that a prediction is anchored by, and check that there is some.

    Args:
        anchor: the anchor.
        tiling: blocks of the result.
        mask: area that is predicted; None for the whole region.
        name: of the result, for an error.

    Returns:
        The tissue; None if the anchor is of a part of the slide.

    Raises:
        NoTissueError: no pixel of the result is tissue.
        AnchorError: no pixel of the result lies in the part of the slide that was measured.
    """
    tissue = None if anchor.find_tissue is None else anchor.find_tissue()
    if any(inside.any() for _, inside in _inside(_area(anchor, tissue), tiling, mask)):
        return tissue
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
        planes: the prediction, not scaled; its first channel counts.
        tiling: blocks of the result.
        mask: area that is predicted; None for the whole region.
        slide: the slide on the grid of the result.
    """
    pixels, predicted, measured, largest = 0, 0.0, 0.0, -np.inf
    for block, inside in _inside(_area(anchor, tissue), tiling, mask):
        values = planes.read(0, block.y, block.x, block.height, block.width)
        largest = max(largest, float(values.max()))
        if not inside.any():
            continue
        pixels += int(inside.sum())
        predicted += float(values[inside].sum(dtype=np.float64))
        if anchor.target is not None:
            y, x = tiling.region.y + block.y, tiling.region.x + block.x
            true = slide.read(y, x, block.height, block.width, [anchor.target])[..., 0]
            measured += float(true[inside].sum(dtype=np.float64))
    return AnchorSums(pixels, predicted, None if anchor.target is None else measured, largest)


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
