"""Read the tiles of a block, and assemble the network's outputs to a block of the result."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from hrpn_export import Session

from hrpn_tf.errors import NonFinitePredictionError
from hrpn_tf.prediction.blending import fade_both
from hrpn_tf.prediction.reading import read_reflected
from hrpn_tf.prediction.tiling import Block, Tile, Tiling
from hrpn_tf.prediction.tissue_map import TissueMap
from hrpn_tf.slides import Windows

if TYPE_CHECKING:
    from hrpn_tf.prediction.mask import PolygonMask


@dataclass(frozen=True)
class TileInput:
    """Input of the network for one tile.

    Attributes:
        block: the block that the tile belongs to.
        tile: position of the tile.
        last: whether it is the last tile of its block.
        pixels: (h, w, inputs) stored intensities; None if the tile need not be computed.
    """

    block: Block
    tile: Tile
    last: bool
    pixels: np.ndarray | None


class BlockMaker:
    """Reads the inputs of blocks, and assembles the outputs of the network.

    Args:
        slide: the open slide.
        channels: indices of the inputs.
        tiling: blocks and tiles.
        tissue: where the slide holds tissue; None to compute every tile.
        mask: area to predict; the result is 0 outside; None for the whole region.
    """

    def __init__(
        self,
        slide: Windows,
        channels: Sequence[int],
        tiling: Tiling,
        tissue: TissueMap | None,
        mask: "PolygonMask | None",
    ) -> None:
        self._slide, self._channels = slide, channels
        self._tiling, self._tissue, self._mask = tiling, tissue, mask
        self._weights = fade_both(*tiling.shape) if tiling.blended else None

    def wanted(self, block: Block) -> bool:
        """Whether any part of a block lies inside the mask."""
        return self._mask is None or self._mask.touches(*self._place(block))

    def inputs(self, blocks: Iterable[Block]) -> Iterator[TileInput]:
        """Read the tiles of some blocks, in order."""
        for block in blocks:
            for number, tile in enumerate(block.tiles, 1):
                yield TileInput(block, tile, number == len(block.tiles), self._read(tile))

    def empty_input(self) -> np.ndarray:
        """(h, w, inputs) float32: the input for tiles without tissue.

        If they are exact, the output repeats with the stride multiple, and a tile with one such
        square within its halo is enough.
        """
        tiling, shape = self._tiling, self._tiling.shape
        if tiling.exact:
            shape = (2 * tiling.halo + tiling.multiple,) * 2
        level = self._tissue.background if self._tissue is not None else 0.0
        return np.full((*shape, len(self._channels)), level, np.float32)

    def empty_output(self, answer: np.ndarray) -> np.ndarray:
        """(h, w, outputs) float32 for a tile, from the output for :meth:`empty_input`."""
        tiling = self._tiling
        if not tiling.exact:
            return answer
        square = slice(tiling.halo, tiling.halo + tiling.multiple)
        repeats = [side // tiling.multiple for side in tiling.shape]
        return np.tile(answer[square, square], (*repeats, 1))

    def start(self, block: Block, outputs: int) -> np.ndarray:
        """(h, w, outputs) float32, to be filled by :meth:`add`."""
        return np.zeros((block.height, block.width, outputs), np.float32)

    def add(self, values: np.ndarray, tile: Tile, answer: np.ndarray) -> None:
        """Add the output (h, w, outputs) for one tile to a block."""
        part = answer[tile.source]
        if self._weights is None:
            values[tile.target] = part
        else:
            values[tile.target] += part * self._weights[tile.source]

    def cut(self, block: Block, values: np.ndarray) -> np.ndarray:
        """Set the values outside the mask to 0."""
        if self._mask is not None:
            values[~self._mask.fill(*self._place(block))] = 0
        return values

    def _read(self, tile: Tile) -> np.ndarray | None:
        shape, info = (tile.height, tile.width), self._slide.info
        if self._tissue is not None and not self._tissue.touches(
            tile.y, tile.x, *shape, (info.height, info.width)
        ):
            return None
        return read_reflected(self._slide, tile.y, tile.x, *shape, self._channels)

    def _place(self, block: Block) -> tuple[int, int, int, int]:
        region = self._tiling.region
        return region.y + block.y, region.x + block.x, block.height, block.width


class TimedNetwork:
    """A session, the time spent in it, and its output for an empty tile."""

    def __init__(self, session: Session, maker: BlockMaker) -> None:
        self._session, self._maker = session, maker
        self._empty: np.ndarray | None = None
        self.seconds = 0.0

    def __call__(self, pixels: np.ndarray | None) -> np.ndarray:
        """(h, w, outputs) float32 output; that for an empty tile if ``pixels`` is None."""
        if pixels is not None:
            return self._run(pixels)
        if self._empty is None:
            self._empty = self._maker.empty_output(self._run(self._maker.empty_input()))
        return self._empty

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        before = time.perf_counter()
        answer: np.ndarray = self._session(pixels[None])[0]
        self.seconds += time.perf_counter() - before
        return answer


def check_values(values: np.ndarray, block: Block, name: str) -> None:
    """Refuse values that are not finite.

    Raises:
        NonFinitePredictionError: a value is NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise NonFinitePredictionError(
            f"{name}: the network gives NaN or infinite values in the block at row {block.y}, "
            f"column {block.x}; check the run's training history, or fit again in float32"
        )


def to_grey_levels(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert values to a slide's dtype: integers are rounded and clipped to its range."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    limits: Any = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
