"""The tracer around each vessel alone, for one diffusion length."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import LinearOperator, cg
from scipy.spatial import cKDTree

from hrpn_tf.simulation.transport import Grid

REACH = 4.0  # diffusion lengths from a vessel, beyond which its own tracer is left out of columns
TOLERANCE = 1e-6  # relative residual


class Diffusion:
    """The solver of a grid for one diffusion length.

        -div(grad C) + C / L^2 = 0,   -dC/dn = q at the wall of a vessel,

    which is the simulator's equation divided by D, with the flow through the wall in place of
    ``P (Cp - C) / D``. It is linear in q. The matrix is symmetric, so that it is its own adjoint.

    Args:
        grid: finite volumes with a diffusion coefficient of 1.
        length_um: L = sqrt(D / k), um.
    """

    def __init__(self, grid: Grid, length_um: float) -> None:
        import pyamg

        self.grid, self.length_um = grid, length_um
        self._matrix = (grid.diffusion + sparse.diags(grid.volume / length_um**2)).tocsr()
        hierarchy = pyamg.ruge_stuben_solver(self._matrix, max_coarse=500, coarse_solver="splu")
        self._preconditioner: LinearOperator = hierarchy.aspreconditioner(cycle="V")

    def solve(self, source: np.ndarray) -> np.ndarray:
        """Apply the inverse: (n,) to (n,) float64.

        Raises:
            RuntimeError: no convergence.
        """
        if not source.any():
            return np.zeros(len(source))
        found, failed = cg(self._matrix, source, rtol=TOLERANCE, M=self._preconditioner)
        if failed:
            raise RuntimeError(f"conjugate gradients did not converge in {failed} steps")
        result: np.ndarray = found
        return result

    def tracer(self, flow: np.ndarray) -> np.ndarray:
        """Tracer of each cell, (n,), grey levels.

        Args:
            flow: (vessels,) through the wall, grey levels per um.
        """
        return self.solve(self.grid.wall @ flow)

    def gradient(self, cells: np.ndarray) -> np.ndarray:
        """The adjoint of :meth:`tracer`: (n,) per cell to (vessels,) per vessel."""
        result: np.ndarray = self.grid.wall.T @ self.solve(cells)
        return result

    def by_length(self, tracer: np.ndarray) -> np.ndarray:
        """Derivative of the tracer by the logarithm of L, (n,)."""
        return self.solve(2 / self.length_um**2 * self.grid.volume * tracer)


@dataclass(frozen=True)
class Colours:
    """Vessels so far apart that one solution holds the tracer of all of them.

    Attributes:
        vessels: numbers of the vessels of each colour.
        owner: for each colour (n,) int64, the vessel that a cell is near to, -1 for none.
    """

    vessels: list[np.ndarray]
    owner: list[np.ndarray]


def colour_vessels(grid: Grid, length_um: float) -> Colours:
    """Share out the vessels to as few solutions as a greedy search finds.

    Vessels of a colour lie at least two reaches apart; a cell belongs to the nearest of them, if
    that is within reach. What is left out is below exp(-REACH) of the tracer at the wall.
    """
    reach = REACH * length_um / grid.cell_um
    place = np.argwhere(grid.index >= 0)
    wall = grid.wall.tocsc()
    walled = np.flatnonzero(np.diff(wall.indptr))
    spots = [place[wall.indices[wall.indptr[v] : wall.indptr[v + 1]]] for v in walled]
    centre = np.array([(s.min(0) + s.max(0)) / 2 for s in spots]).reshape(-1, 2)
    radius = np.array([np.hypot(*(s.max(0) - s.min(0))) / 2 for s in spots])
    tree = cKDTree(centre) if len(centre) else None
    colour = np.full(len(walled), -1)
    for i in range(len(walled)):
        assert tree is not None
        near = np.array(tree.query_ball_point(centre[i], radius[i] + radius.max() + 2 * reach))
        apart = np.hypot(*(centre[near] - centre[i]).T) - radius[near] - radius[i]
        taken = set(colour[near[apart < 2 * reach]])
        colour[i] = next(c for c in range(len(walled)) if c not in taken)
    vessels = [walled[colour == c] for c in range(int(colour.max(initial=-1)) + 1)]
    return Colours(vessels, [_owner(grid, wall, own, place, reach) for own in vessels])


def _owner(
    grid: Grid, wall: sparse.csc_matrix, vessels: np.ndarray, place: np.ndarray, reach: float
) -> np.ndarray:
    """The nearest of some vessels, for each cell; -1 beyond reach."""
    image = np.full(grid.index.shape, -1)
    for vessel in vessels:
        cells = place[wall.indices[wall.indptr[vessel] : wall.indptr[vessel + 1]]]
        image[cells[:, 0], cells[:, 1]] = vessel
    distance, index = ndimage.distance_transform_edt(image < 0, return_indices=True)
    nearest = image[index[0], index[1]]
    nearest[distance > reach] = -1
    owner: np.ndarray = nearest[place[:, 0], place[:, 1]]
    return owner


def vessel_columns(diffusion: Diffusion, colours: Colours) -> sparse.csc_matrix:
    """Tracer around each vessel for a flow of 1 through its wall, (n, vessels), um."""
    count, vessels = len(diffusion.grid.volume), diffusion.grid.wall.shape[1]
    rows, columns, values = [], [], []
    for own, owner in zip(colours.vessels, colours.owner, strict=True):
        flow = np.zeros(vessels)
        flow[own] = 1
        cell = np.flatnonzero(owner >= 0)
        rows.append(cell)
        columns.append(owner[cell])
        values.append(diffusion.tracer(flow)[cell])
    if not rows:
        return sparse.csc_matrix((count, vessels))
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.coo_matrix(entries, (count, vessels)).tocsc()
