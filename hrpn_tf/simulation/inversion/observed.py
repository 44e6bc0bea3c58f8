"""What is seen of the tracer on a part of a slide: finite volumes, and the image in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hrpn_tf.simulation.inversion.pieces import cut_vessels
from hrpn_tf.simulation.transport import Grid, block_mean, make_grid

MARGIN_UM = 1.0  # tissue beside a vessel whose light is blurred with that of the vessel
LEAST_SHARE = 0.2  # of a cell that is seen; other cells are not compared
REACH_PX = 8.0  # wall pixels lie within this distance of their vessel


@dataclass(frozen=True)
class Observed:
    """A part of a slide on n cells that hold tissue.

    Attributes:
        grid: finite volumes with a diffusion coefficient of 1; its vessels are pieces.
        vessel: (pieces,) int64, number of the vessel that a piece belongs to, from 1.
        image: (n,) float64, mean measured target of the pixels of a cell that are compared, grey
            levels.
        pixels: (n,) float64, number of these pixels; 0 where a cell is not compared.
        nuisance: (n, m) float64, what the image may hold beside the tracer, each times a factor
            of at least 0: a constant, and the mean of each input.
    """

    grid: Grid
    vessel: np.ndarray
    image: np.ndarray
    pixels: np.ndarray
    nuisance: np.ndarray

    @property
    def compared(self) -> np.ndarray:
        """(n,) bool, the cells that are compared."""
        return self.pixels > 0


def observe(
    target: np.ndarray,
    inputs: Sequence[np.ndarray],
    tissue: np.ndarray,
    labels: np.ndarray,
    pixel_size_um: float,
    factor: int,
    piece_um: float,
    within: np.ndarray | None = None,
) -> Observed:
    """Set up the finite volumes of a window and average the image over them.

    Vessels, walls included, are holes that the tracer enters the tissue from. Their pixels are not
    compared, so that tracer in the blood or at the wall does not count.

    Args:
        target: (height, width), measured target, grey levels.
        inputs: (height, width) each; light of them that reaches the target is allowed for.
        tissue: (height, width) bool.
        labels: (height, width) integer, number of the vessel of each pixel, from 1; 0: none.
        pixel_size_um: um per pixel.
        factor: px per side of a cell.
        piece_um: distance of the middles of the pieces that long vessels are cut into.
        within: (height, width) bool, pixels that may be compared; None for all.

    Returns:
        Cells in the order of rows; a window without tissue gives n = 0.
    """
    pieces = cut_vessels(labels, piece_um / pixel_size_um)
    owner = np.where(pieces.distance_px <= REACH_PX, pieces.owner, -1)
    seen = (tissue & (pieces.distance_px > MARGIN_UM / pixel_size_um)).astype(np.float32)
    if within is not None:
        seen *= within
    rows, columns = -(-labels.shape[0] // factor), -(-labels.shape[1] // factor)
    one = np.ones((rows, columns))
    inside = (labels > 0).astype(np.float32)
    outline = tissue.astype(np.float32)
    grid = make_grid(outline, inside, owner, len(pieces.vessel), one, pixel_size_um, factor)
    used = grid.index >= 0
    share = block_mean(seen, factor)[used].astype(np.float64)
    share[share < LEAST_SHARE] = 0
    per_pixel = np.divide(1, share, out=np.zeros_like(share), where=share > 0)

    def mean(image: np.ndarray) -> np.ndarray:
        return block_mean(seen * image, factor)[used].astype(np.float64) * per_pixel

    background = [np.ones(len(share)), *map(mean, inputs)]
    return Observed(
        grid, pieces.vessel, mean(target), share * factor**2, np.stack(background, axis=1)
    )
