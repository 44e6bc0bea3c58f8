"""Where tiles lie: integers only, no arrays.

A slide is predicted by tiles of one constant shape. What a tile keeps lies on a grid; what it
reads is larger by a halo on every side, which is computed and thrown away. A network whose stride
multiple is m gives the same answer for a shifted input only if the shift is a multiple of m, so
kept sides and halo are multiples of m, and every tile starts on a multiple of m in slide
coordinates. What lies outside the slide is filled by reflection (see :func:`reflect`).
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """One tile, px in slide coordinates.

    Attributes:
        y, x: first row and column that the network reads; may lie outside the slide.
        out_y, out_x: first row and column that is kept; inside the slide.
        out_height, out_width: how much is kept; less than the tile's share at the far edges.
    """

    y: int
    x: int
    out_y: int
    out_x: int
    out_height: int
    out_width: int

    @property
    def crop(self) -> tuple[slice, slice]:
        """What is kept, within the array that the network gives for this tile."""
        top, left = self.out_y - self.y, self.out_x - self.x
        return slice(top, top + self.out_height), slice(left, left + self.out_width)


@dataclass(frozen=True)
class Tiling:
    """All tiles of a slide.

    Attributes:
        height, width: of the slide, px.
        kept_height, kept_width: of what a tile contributes, multiples of the stride multiple, px.
        halo: border that is computed and thrown away, a multiple of the stride multiple, px.
        exact: whether the halo holds the whole receptive field, so that no seam can show.
    """

    height: int
    width: int
    kept_height: int
    kept_width: int
    halo: int
    exact: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width that the network reads, the same for every tile, px."""
        return self.kept_height + 2 * self.halo, self.kept_width + 2 * self.halo

    def __len__(self) -> int:
        return -(-self.height // self.kept_height) * -(-self.width // self.kept_width)

    def __iter__(self) -> Iterator[Tile]:
        """The tiles row by row; what they keep covers every pixel of the slide once."""
        for y in range(0, self.height, self.kept_height):
            for x in range(0, self.width, self.kept_width):
                yield Tile(
                    y=y - self.halo,
                    x=x - self.halo,
                    out_y=y,
                    out_x=x,
                    out_height=min(self.kept_height, self.height - y),
                    out_width=min(self.kept_width, self.width - x),
                )


def plan_tiling(
    height: int, width: int, *, tile: int, stride_multiple: int, receptive_field: int | None
) -> Tiling:
    """Lay tiles over a slide.

    With a known receptive field the halo holds half of it, rounded up to the stride multiple, and
    the slide is divided evenly, so that the last row and column of tiles are not mostly edge.
    Without one (the network's answer depends on the tile, so that no halo is enough) every tile
    reads a square of ``tile`` px, the size such a network should have been trained on, and keeps
    its middle half.

    Args:
        height, width: of the slide, px.
        tile: largest side that a tile keeps, px; rounded up to the stride multiple.
        stride_multiple: sides of the network's input must be multiples of this, px.
        receptive_field: side of the square that one output pixel depends on, px, or None.
    """
    if receptive_field is None:
        halo = round_up(-(-tile // 4), stride_multiple)
        kept = round_up(max(1, tile - 2 * halo), stride_multiple)
        return Tiling(height, width, kept, kept, halo, exact=False)
    return Tiling(
        height,
        width,
        _even_share(height, tile, stride_multiple),
        _even_share(width, tile, stride_multiple),
        round_up(receptive_field // 2, stride_multiple),
        exact=True,
    )


def round_up(value: int, multiple: int) -> int:
    """The smallest multiple of ``multiple`` that is at least ``value``."""
    return -(-value // multiple) * multiple


def reflect(index: int, size: int) -> int:
    """The pixel inside a line of ``size`` pixels that stands for ``index`` outside of it.

    Reflection about the outer border of the edge pixel, repeated as often as needed (numpy's
    ``symmetric``): ... 1 0 | 0 1 2 | 2 1 0 | 0 1 ... It is defined for lines of one pixel too.
    """
    index %= 2 * size
    return min(index, 2 * size - 1 - index)


def _even_share(side: int, tile: int, multiple: int) -> int:
    count = -(-side // round_up(tile, multiple))
    return round_up(-(-side // count), multiple)
