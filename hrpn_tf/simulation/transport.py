"""Steady diffusion and uptake in the section plane, fed through the vessel walls.

    div(D grad C) - k C = 0 in the tissue,    -D dC/dn = P (Cp - C) at a lumen's surface,
    no flux through the outline of the tissue,

with C as a share of the plasma concentration Cp. Finite volumes on square cells of several pixels:
a cell has the share of its area that is tissue, each face the share of its length that is open,
and each vessel the length of its wall in the cell (cut cells), so that a lumen need not follow the
grid. The linear system is symmetric and positive definite; it is solved by conjugate gradients,
preconditioned by algebraic multigrid.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import LinearOperator, cg

SMALLEST = 1e-3  # cells with a smaller share of tissue are left out
EDGE_BLUR_PX = 1.0
INTO_CELL = 0.35  # share of a cell between a wall in it and where its value applies; see tests
WHOLE = 0.9  # cells with a larger share of tissue count as whole
FARTHEST = 3  # cells over which values are extrapolated into lumens
TOLERANCE = 1e-6  # relative residual


@dataclass(frozen=True)
class Grid:
    """The tissue as finite volumes; n cells hold tissue.

    Attributes:
        factor: px per cell side.
        cell_um: side of a cell, um.
        shape: height, width of the slide, px.
        index: (rows, columns) int64, number of each cell; -1 without tissue.
        volume: (n,) float64, tissue area of each cell, um2.
        diffusion: (n, n) sparse, minus div(D grad .) integrated over each cell, um2/s.
        wall: (n, vessels) sparse, length of each vessel's wall in each cell, um.
        diffusivity: (n,) float64, D of each cell, um2/s.
    """

    factor: int
    cell_um: float
    shape: tuple[int, int]
    index: np.ndarray
    volume: np.ndarray
    diffusion: sparse.csr_matrix
    wall: sparse.csr_matrix
    diffusivity: np.ndarray

    def exchange(self, permeability: np.ndarray, diffusivity_factor: float = 1.0) -> np.ndarray:
        """Flow into each cell per difference of its concentration from the plasma's, um2/s.

        The tracer crosses the wall, then the tissue between the wall and the middle of what the
        cell has of it: two resistances in series.

        Args:
            permeability: (vessels,) float64, um/s.
            diffusivity_factor: multiplies D everywhere.

        Returns:
            (n,) float64.
        """
        through_wall = permeability[self.wall.indices]
        cell = np.repeat(np.arange(len(self.volume)), np.diff(self.wall.indptr))
        to_middle = INTO_CELL * self.cell_um / (diffusivity_factor * self.diffusivity[cell])
        flow = self.wall.data * through_wall / (1 + through_wall * to_middle)
        return np.bincount(cell, flow, len(self.volume))


def make_grid(
    tissue: np.ndarray,
    lumen: np.ndarray,
    vessel: np.ndarray,
    vessels: int,
    diffusivity: np.ndarray,
    pixel_size_um: float,
    factor: int,
) -> Grid:
    """Set up the finite volumes.

    Args:
        tissue: (height, width) float32, share of each pixel inside the tissue's outline.
        lumen: (height, width) float32, share of each pixel that is lumen.
        vessel: (height, width) integer, number of the nearest vessel, -1 for none.
        vessels: number of vessels.
        diffusivity: (rows, columns) float, D of each cell, um2/s.
        pixel_size_um: um per pixel.
        factor: px per side of a cell.
    """
    open_share = tissue * (1 - lumen)
    share = block_mean(open_share, factor)
    index = np.full(share.shape, -1)
    used = share > SMALLEST
    index[used] = np.arange(int(used.sum()))
    cell_um = factor * pixel_size_um
    return Grid(
        factor=factor,
        cell_um=cell_um,
        shape=(tissue.shape[0], tissue.shape[1]),
        index=index,
        volume=share[used].astype(np.float64) * cell_um**2,
        diffusion=_diffusion(_pad(open_share, factor), index, diffusivity, factor),
        wall=_wall(tissue, lumen, vessel, vessels, index, pixel_size_um, factor),
        diffusivity=diffusivity[used].astype(np.float64),
    )


def block_mean(image: np.ndarray, factor: int) -> np.ndarray:
    """Mean over each cell of ``factor`` x ``factor`` px; beyond the slide there is 0."""
    padded = _pad(image, factor)
    rows, columns = padded.shape[0] // factor, padded.shape[1] // factor
    blocks: np.ndarray = padded.reshape(rows, factor, columns, factor).mean((1, 3))
    return blocks


def _pad(image: np.ndarray, factor: int) -> np.ndarray:
    height, width = image.shape
    return np.pad(image, ((0, -height % factor), (0, -width % factor)))


def _diffusion(
    open_share: np.ndarray, index: np.ndarray, diffusivity: np.ndarray, factor: int
) -> sparse.csr_matrix:
    """The five-point operator: conductance = open share of the face x harmonic mean of D."""
    down = open_share[factor - 1 : -1 : factor] + open_share[factor::factor]
    down = down.reshape(index.shape[0] - 1, index.shape[1], factor).mean(2) / 2
    right = open_share[:, factor - 1 : -1 : factor] + open_share[:, factor::factor]
    right = right.reshape(index.shape[0], factor, index.shape[1] - 1).mean(1) / 2
    count = int(index.max()) + 1
    pairs = [
        (index[:-1], index[1:], down, diffusivity[:-1], diffusivity[1:]),
        (index[:, :-1], index[:, 1:], right, diffusivity[:, :-1], diffusivity[:, 1:]),
    ]
    rows, columns, values = [], [], []
    for one, other, face, d_one, d_other in pairs:
        both = (one >= 0) & (other >= 0)
        rows.append(one[both])
        columns.append(other[both])
        values.append((face * 2 * d_one * d_other / (d_one + d_other))[both].astype(np.float64))
    i, j, c = np.concatenate(rows), np.concatenate(columns), np.concatenate(values)
    off = sparse.coo_matrix((c, (i, j)), (count, count)).tocsr()
    off = off + off.T
    return sparse.diags(np.asarray(off.sum(1)).ravel(), format="csr") - off


def _wall(
    tissue: np.ndarray,
    lumen: np.ndarray,
    vessel: np.ndarray,
    vessels: int,
    index: np.ndarray,
    pixel_size_um: float,
    factor: int,
) -> sparse.csr_matrix:
    """Length of each vessel's wall in each cell, um.

    The length of an outline is the integral of the gradient's magnitude over the image of its
    inside (coarea formula). The image is smoothed a little, so that the gradient of a pixelated
    edge is right; what that moves inside the lumen is moved back along the gradient, and if it
    still falls into a cell without tissue, into the nearest one with tissue.
    """
    import cv2

    dy, dx = np.gradient(cv2.GaussianBlur(lumen, (0, 0), EDGE_BLUR_PX))
    gradient = np.hypot(dy, dx) * tissue
    row, column = np.nonzero((gradient > 1e-6) & (vessel >= 0))
    size = gradient[row, column]
    below = np.rint(row - dy[row, column] / size).astype(int).clip(0, lumen.shape[0] - 1)
    beside = np.rint(column - dx[row, column] / size).astype(int).clip(0, lumen.shape[1] - 1)
    near_row, near_column = _nearest(index >= 0)
    cell = index[near_row, near_column][below // factor, beside // factor]
    length = size.astype(np.float64) * pixel_size_um
    shape = (int(index.max()) + 1, vessels)
    return sparse.coo_matrix((length, (cell, vessel[row, column])), shape).tocsr()


def _nearest(known: np.ndarray) -> np.ndarray:
    """For each cell the row and column of the nearest known one, (2, rows, columns)."""
    nearest: np.ndarray = ndimage.distance_transform_edt(
        ~known, return_distances=False, return_indices=True
    )
    return nearest


class Solver:
    """Solves one grid for many permeabilities, with one multigrid preconditioner.

    Args:
        grid: the finite volumes.
        uptake_per_s: the uptake that the preconditioner is made for.
    """

    def __init__(self, grid: Grid, uptake_per_s: float) -> None:
        import pyamg

        self.grid = grid
        matrix = grid.diffusion + sparse.diags(uptake_per_s * grid.volume)
        # The default of the coarsest level is a dense pseudoinverse, which took most of the time.
        hierarchy = pyamg.ruge_stuben_solver(matrix.tocsr(), max_coarse=500, coarse_solver="splu")
        self._preconditioner: LinearOperator = hierarchy.aspreconditioner(cycle="V")

    def solve(
        self,
        permeability: np.ndarray,
        uptake_per_s: float,
        diffusivity_factor: float = 1.0,
    ) -> np.ndarray:
        """Concentration in each cell, (n,) float64, share of the plasma concentration.

        Args:
            permeability: (vessels,) of each vessel, um/s.
            uptake_per_s: first-order loss, 1/s.
            diffusivity_factor: multiplies D everywhere.
        """
        exchange = self.grid.exchange(permeability, diffusivity_factor)
        diagonal = uptake_per_s * self.grid.volume + exchange
        matrix = diffusivity_factor * self.grid.diffusion + sparse.diags(diagonal)
        if not exchange.any():
            return np.zeros(len(diagonal))
        solution, failed = cg(matrix.tocsr(), exchange, rtol=TOLERANCE, M=self._preconditioner)
        if failed:
            raise RuntimeError(f"conjugate gradients did not converge in {failed} steps")
        concentration: np.ndarray = solution
        return concentration


def to_pixels(grid: Grid, values: np.ndarray) -> np.ndarray:
    """Interpolate cell values (n,) to pixels, (height, width) float32.

    The value of a cell that a wall cuts does not belong to the cell's middle, and lumens have
    none: both are extrapolated from the whole cells next to them.
    """
    import cv2

    used = grid.index >= 0
    cells = np.zeros(grid.index.shape, np.float32)
    cells[used] = values
    whole = np.zeros(used.shape, bool)
    whole[used] = grid.volume > WHOLE * grid.cell_um**2
    cells = _extrapolate(cells, whole if whole.any() else used)
    rows, columns = used.shape
    size = (columns * grid.factor, rows * grid.factor)
    image = cv2.resize(cells, size, interpolation=cv2.INTER_CUBIC)
    return np.maximum(image[: grid.shape[0], : grid.shape[1]], 0)


def _extrapolate(cells: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill unknown cells with a parabola through the nearest known one and two beyond it."""
    nearest = _nearest(known)
    step = nearest - np.indices(known.shape)
    limit = np.array(known.shape).reshape(2, 1, 1) - 1

    def beyond(steps: int) -> tuple[np.ndarray, np.ndarray]:
        row, column = np.clip(nearest + steps * step, 0, limit)
        return cells[row, column], known[row, column]

    (edge, _), (second, second_known), (third, third_known) = (beyond(i) for i in range(3))
    filled = np.where(second_known, 2 * edge - second, edge)
    filled = np.where(second_known & third_known, 3 * edge - 3 * second + third, filled)
    filled = np.where((step**2).sum(0) > FARTHEST**2, edge, np.clip(filled, 0, 2 * edge))
    return np.where(known, cells, filled).astype(np.float32)
