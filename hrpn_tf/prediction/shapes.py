"""Which tile shapes a plan may have, and how many pixels a network reads with each.

A tile pays for its halo on every side, also at the edges of the slide, where what the network reads
is reflected. So large tiles read less in all, and a region that is divided into few of them least;
but where only a part of the slide holds tissue, small tiles leave more of it out.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.prediction.tiling import Region, Tiling, round_up
from hrpn_tf.prediction.tissue_map import TissueMap

if TYPE_CHECKING:
    from hrpn_tf.prediction.mask import PolygonMask

# Which tiles of a tiling are computed: (rows, columns) bool of ``Tiling.lines``.
Needed = Callable[[Tiling], np.ndarray]

# Sides of the squares that are always tried, px.
LARGEST_TILE, _SMALLEST_TILE = 2048, 64
_STEPS_PER_OCTAVE = 4
# Sides of other shapes, without halo, px; the first few numbers of tiles are tried one by one.
_LONGEST, _SHORTEST, _EACH = 8192, 128, 6
_PARTS_PER_OCTAVE = 2
# What a call of a network costs besides its pixels, px.
CALL_PX = 2**14


def every_tile(tiling: Tiling) -> np.ndarray:
    """All tiles are computed; see ``Needed``."""
    down, across = tiling.lines
    return np.ones((len(down), len(across)), bool)


def needed_tiles(
    tissue: TissueMap | None, mask: "PolygonMask | None", size: tuple[int, int]
) -> Needed | None:
    """Which tiles hold tissue, and lie in the mask; None if all are computed.

    Args:
        tissue: where the slide holds tissue; None to compute every tile.
        mask: area to predict; None for the whole region.
        size: (height, width) of the slide, px.
    """

    if tissue is None and mask is None:
        return None

    def needed(tiling: Tiling) -> np.ndarray:
        down, across = tiling.lines
        found = every_tile(tiling) if tissue is None else tissue.touched(down, across, size)
        if mask is not None and not tiling.blended:
            rows, columns = tiling.grid
            y = tiling.region.y + tiling.block_height * np.arange(rows)
            x = tiling.region.x + tiling.block_width * np.arange(columns)
            found &= mask.touched(y, x, tiling.block_height, tiling.block_width)
        return found

    return needed


def cost_px(tiling: Tiling, needed: Needed | None = None, call_px: int = CALL_PX) -> int:
    """The cost of a tiling, in pixels that the network reads, halos included.

    What its calls cost besides is added as pixels; with ``call_px`` 0 nothing is.

    Args:
        tiling: the tiles.
        needed: which of them are computed; None for all.
        call_px: cost of a call, px.
    """
    if needed is None and not tiling.blended:
        (rows, columns), last = tiling.grid, tiling.block(len(tiling) - 1).tiles[0]
        tall = (rows - 1) * tiling.shape[0] + last.height
        wide = (columns - 1) * tiling.shape[1] + last.width
        return tall * wide + call_px * rows * columns
    down, across = (np.array([length for _, length in line]) for line in tiling.lines)
    found = every_tile(tiling) if needed is None else needed(tiling)
    return int(down @ found @ across) + call_px * int(found.sum())


def shapes(region: Region, multiple: int) -> list[tuple[int, int]]:
    """Shapes to choose from, (height, width) of what a tile contributes at most, px.

    They are the squares, and all ways to divide the height and the width into equal parts.
    """
    squares = [(side, side) for side in _sides(region, multiple)]
    pairs = [
        (height, width)
        for height in _parts(region.height, multiple)
        for width in _parts(region.width, multiple)
    ]
    return list(dict.fromkeys([*squares, *pairs]))


def _sides(region: Region, multiple: int) -> Iterator[int]:
    """Sides of squares from large to small."""
    largest = round_up(min(LARGEST_TILE, max(region.height, region.width)), multiple)
    smallest = min(largest, round_up(_SMALLEST_TILE, multiple))
    seen, step = 0, 0
    while True:
        side = max(smallest, round_up(round(largest / 2 ** (step / _STEPS_PER_OCTAVE)), multiple))
        if side != seen:
            yield side
        if side == smallest:
            return
        seen, step = side, step + 1


def _parts(length: int, multiple: int) -> list[int]:
    """Sides of the parts of a line that is divided evenly, from long to short."""
    fewest, most = -(-length // _LONGEST), max(1, length // max(_SHORTEST, multiple))
    numbers = list(range(fewest, min(most, fewest + _EACH) + 1))
    while numbers and (more := round(numbers[-1] * 2 ** (1 / _PARTS_PER_OCTAVE))) <= most:
        numbers.append(max(more, numbers[-1] + 1))
    return [round_up(-(-length // number), multiple) for number in numbers or [fewest]]
