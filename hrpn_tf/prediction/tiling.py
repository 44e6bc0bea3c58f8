"""Geometry of blocks and tiles, in integers.

A slide is predicted block by block. A block is a part of the result that is computed and written
independently; blocks lie on a regular grid and cover every pixel once. A block is computed from
tiles of constant shape; only the last row and column of tiles may be smaller. A network with the
stride multiple m is equivariant only to shifts by multiples of m, so every tile starts at a
multiple of m in the coordinates of the slide, whatever region is requested. Pixels outside the
slide are filled by reflection (see :func:`hrpn_tf.prediction.reading.reflected`).

- A network with a known receptive field needs one tile per block: it reads a halo around the
  block, whose output is discarded. If the halo covers the receptive field, there are no seams.
- The output of a network without one depends on the tile, so that no halo suffices. Its tiles
  overlap by half and are blended with weights that sum to one; a block consists of many.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

# Largest side of a chunk of the result, px; a block consists of whole chunks.
CHUNK = 512
# Side of a block whose tiles are blended, in halves of a tile. Tiles at its edges are computed for
# the next block as well, which costs a quarter at 8.
BLENDED_HALVES = 8
# Smaller tiles for the last row and column are used if they save more than this share of all
# computed pixels: some runtimes compile anew for each of the up to four shapes.
RAGGED_SHARE = 0.01


@dataclass(frozen=True)
class Region:
    """A rectangle, px."""

    y: int
    x: int
    height: int
    width: int


@dataclass(frozen=True)
class Tile:
    """One call of the network.

    Attributes:
        y, x: first row and column that the network reads, px of the slide; may lie outside of it.
        height, width: what the network reads, px; multiples of the stride multiple.
        source: used part of the network's output for this tile.
        target: position of that part in the block.
    """

    y: int
    x: int
    height: int
    width: int
    source: tuple[slice, slice]
    target: tuple[slice, slice]


@dataclass(frozen=True)
class Block:
    """One part of the result.

    Attributes:
        index: index of the block, row by row.
        y, x: first row and column, px of the result (which starts where the region does).
        height, width: px; cut short at the far edges.
        tiles: tiles that the block is computed from.
    """

    index: int
    y: int
    x: int
    height: int
    width: int
    tiles: tuple[Tile, ...]

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height * self.width


@dataclass(frozen=True)
class Tiling:
    """All blocks of a region of a slide.

    Attributes:
        region: region of the slide, px.
        block_height, block_width: multiples of the stride multiple, px.
        chunk_height, chunk_width: size of the chunks of a block, at most about ``CHUNK`` px.
        halo: border of a tile whose output is discarded, px; for blended tiles the half over which
            they fade into their neighbours.
        multiple: stride multiple of the network, px.
        exact: whether the halo covers the receptive field, so that there are no seams.
        blended: whether tiles overlap by half and are blended.
        ragged: whether the tiles of the last row and column of blocks are as small as these allow.
    """

    region: Region
    block_height: int
    block_width: int
    chunk_height: int
    chunk_width: int
    halo: int
    multiple: int
    exact: bool
    blended: bool
    ragged: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width that the network reads, px; tiles of the last blocks may be smaller."""
        if self.blended:
            return 2 * self.halo, 2 * self.halo
        # a region that starts between multiples needs tiles that start up to one multiple earlier
        slack = [self.multiple * bool(o % self.multiple) for o in (self.region.y, self.region.x)]
        return (
            self.block_height + 2 * self.halo + slack[0],
            self.block_width + 2 * self.halo + slack[1],
        )

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of blocks."""
        return (
            -(-self.region.height // self.block_height),
            -(-self.region.width // self.block_width),
        )

    def __len__(self) -> int:
        rows, columns = self.grid
        return rows * columns

    def __iter__(self) -> Iterator[Block]:
        """The blocks row by row."""
        return map(self.block, range(len(self)))

    def block(self, index: int) -> Block:
        """The block with an index."""
        row, column = divmod(index, self.grid[1])
        y, x = row * self.block_height, column * self.block_width
        height = min(self.block_height, self.region.height - y)
        width = min(self.block_width, self.region.width - x)
        down = self._spans(self.region.y + y, height, self.shape[0])
        across = self._spans(self.region.x + x, width, self.shape[1])
        tiles = tuple(
            Tile(top, left, tall, wide, (rows[0], columns[0]), (rows[1], columns[1]))
            for top, tall, *rows in down
            for left, wide, *columns in across
        )
        return Block(index, y, x, height, width, tiles)

    @property
    def lines(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(first px, length) of the rows of tiles, and of the columns; all tiles are their product.

        Blended tiles at the edges of blocks occur twice, since they are computed twice.
        """
        rows, columns = self.grid
        tall, wide = self.shape
        down, across = [], []
        for row in range(rows):
            y = row * self.block_height
            height = min(self.block_height, self.region.height - y)
            down += [span[:2] for span in self._spans(self.region.y + y, height, tall)]
        for column in range(columns):
            x = column * self.block_width
            width = min(self.block_width, self.region.width - x)
            across += [span[:2] for span in self._spans(self.region.x + x, width, wide)]
        return down, across

    def _spans(self, start: int, length: int, side: int) -> list[tuple[int, int, slice, slice]]:
        """(first px, length, source, target) of each tile of a block, along one axis."""
        if not self.blended:
            first = round_down(start - self.halo, self.multiple)
            offset = start - first
            if self.ragged:
                side = min(side, round_up(offset + length + self.halo, self.multiple))
            return [(first, side, slice(offset, offset + length), slice(0, length))]
        step, end, spans = self.halo, start + length, []
        for number in range(start // step - 1, (end - 1) // step + 1):
            first = number * step
            low, high = max(first, start), min(first + 2 * step, end)
            spans.append(
                (first, side, slice(low - first, high - first), slice(low - start, high - start))
            )
        return spans


def plan_tiling(
    region: Region,
    *,
    tile: int | tuple[int, int],
    stride_multiple: int,
    receptive_field: int | None,
    halo: int | None = None,
) -> Tiling:
    """Lay blocks and tiles over a region.

    With a known receptive field the halo is half of it, rounded up to the stride multiple, and the
    region is divided evenly, so that the last row and column of tiles are not mostly padding.
    Otherwise every tile is a square of ``tile`` px, which should be the size used in training, and
    overlaps its neighbours by half.

    Args:
        region: region of the slide, px.
        tile: largest side that a tile contributes, or its largest height and width, px (blended:
            side of a tile); rounded up to the stride multiple.
        stride_multiple: sides of the network's input must be multiples of this, px.
        receptive_field: side of the square that one output pixel depends on, px, or None.
        halo: smaller halo than the receptive field requires, px, rounded up to the stride
            multiple; seams may then appear. None for a full halo.
    """
    m = stride_multiple
    tall, wide = (tile, tile) if isinstance(tile, int) else tile
    if receptive_field is None:
        half = round_up(max(1, -(-min(tall, wide) // 2)), m)
        height, width = (
            half * min(BLENDED_HALVES, -(-length // half))
            for length in (region.height, region.width)
        )
        return Tiling(
            region=region,
            block_height=height,
            block_width=width,
            chunk_height=chunk_side(height, half),
            chunk_width=chunk_side(width, half),
            halo=half,
            multiple=m,
            exact=False,
            blended=True,
        )
    full = round_up(receptive_field // 2, m)
    border = full if halo is None else round_up(halo, m)
    rows, chunk_height = _even_chunks(region.height, tall, m)
    columns, chunk_width = _even_chunks(region.width, wide, m)
    even = Tiling(
        region=region,
        block_height=rows * chunk_height,
        block_width=columns * chunk_width,
        chunk_height=chunk_height,
        chunk_width=chunk_width,
        halo=border,
        multiple=m,
        exact=border >= full,
        blended=False,
    )
    ragged = replace(even, ragged=True)
    return ragged if _read(ragged) < (1 - RAGGED_SHARE) * _read(even) else even


def round_up(value: int, multiple: int) -> int:
    """The smallest multiple of ``multiple`` that is at least ``value``."""
    return -(-value // multiple) * multiple


def round_down(value: int, multiple: int) -> int:
    """The largest multiple of ``multiple`` that is at most ``value``, which may be negative."""
    return value // multiple * multiple


def chunk_side(side: int, multiple: int) -> int:
    """The largest divisor of ``side`` that is a multiple of ``multiple`` and at most ``CHUNK``.

    ``side`` is a multiple of ``multiple``. If ``multiple`` exceeds ``CHUNK``, the result is
    ``multiple``.
    """
    parts = side // multiple
    fitting = [n for n in range(1, parts + 1) if parts % n == 0 and n * multiple <= CHUNK]
    return multiple * max(fitting, default=1)


def _read(tiling: Tiling) -> int:
    """Pixels that all tiles of a tiling read, halos included; tiles are not blended."""
    (tall, wide), (rows, columns) = tiling.shape, tiling.grid
    last = tiling.block(len(tiling) - 1).tiles[0]
    return ((rows - 1) * tall + last.height) * ((columns - 1) * wide + last.width)


def _even_chunks(length: int, tile: int, multiple: int) -> tuple[int, int]:
    """(number, side) of the chunks of a block, for blocks of about equal size of at most ``tile``.

    Sizes are rounded per chunk, so each chunk must not exceed its share of the tile.
    """
    most = round_up(tile, multiple)
    blocks = -(-length // most)
    share = -(-length // blocks)
    number = max(1, -(-share // CHUNK))
    # smaller chunks may add up to less, as each is rounded up
    ways = [(n, round_up(-(-share // n), multiple)) for n in range(number, 2 * number + 1)]
    fitting = [(n * side, n, side) for n, side in ways if n * side <= most]
    while not fitting:  # at one chunk: a multiple is not divided
        number -= 1
        side = round_up(-(-share // number), multiple)
        fitting = [(number * side, number, side)] if number * side <= most else []
    _, number, side = min(fitting)
    return number, side
