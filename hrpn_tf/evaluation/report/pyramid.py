"""A pyramid of tiles of several planes at once, made in one pass over the full resolution."""

from collections.abc import Callable, Mapping

import numpy as np

from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.slides.pyramid import area_mean

Tile = dict[str, np.ndarray]
# level (0: the smallest), row, column, pixels by plane
Emit = Callable[[int, int, int, Tile], None]


def level_count(height: int, width: int, side: int) -> int:
    """Levels from the full resolution to the first that fits into one tile.

    >>> level_count(512, 512, 512), level_count(513, 20, 512), level_count(20_000, 20_000, 512)
    (1, 2, 7)
    """
    count = 1
    while max(height, width) > side:
        height, width = (height + 1) // 2, (width + 1) // 2
        count += 1
    return count


def build(
    planes: Mapping[str, Plane],
    side: int,
    emit: Emit,
    observe: Callable[[Tile], None] | None = None,
) -> Tile:
    """Give out every tile of every level; each pixel of the planes is read once.

    A tile is made of the four below it by area mean, depth first, so memory holds four tiles per
    level whatever the size of the slide.

    Args:
        planes: by name, of one size.
        side: of a tile, px; tiles at the right and bottom end are smaller.
        emit: is given every tile; the highest level is the full resolution.
        observe: is given the tiles of full resolution only.

    Returns:
        The only tile of level 0: the whole slide, at most ``side`` px a side.
    """
    first = next(iter(planes.values()))
    top = level_count(first.height, first.width, side) - 1

    def tile(level: int, row: int, column: int) -> Tile:
        if level == top:
            y, x = row * side, column * side
            h, w = min(side, first.height - y), min(side, first.width - x)
            pixels = {name: plane.read(y, x, h, w) for name, plane in planes.items()}
            if observe is not None:
                observe(pixels)
        else:
            pixels = _halved(_below(level, row, column))
        emit(level, row, column, pixels)
        return pixels

    def _below(level: int, row: int, column: int) -> list[list[Tile]]:
        shape = level_shape(first.height, first.width, top - level - 1)
        rows = range(2 * row, min(2 * row + 2, -(-shape[0] // side)))
        columns = range(2 * column, min(2 * column + 2, -(-shape[1] // side)))
        return [[tile(level + 1, r, c) for c in columns] for r in rows]

    return tile(0, 0, 0)


def level_shape(height: int, width: int, halvings: int) -> tuple[int, int]:
    """Size of a level, px: halves are rounded up.

    >>> level_shape(1001, 7, 2)
    (251, 2)
    """
    return -(-height // 2**halvings), -(-width // 2**halvings)


def _halved(tiles: list[list[Tile]]) -> Tile:
    return {
        name: area_mean(np.block([[tile[name] for tile in row] for row in tiles]))
        for name in tiles[0][0]
    }
