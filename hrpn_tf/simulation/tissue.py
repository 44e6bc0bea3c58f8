"""The transport problem of a section: grid step, crowding, diffusivity."""

import numpy as np
from scipy import ndimage

from hrpn_tf.config.simulation import SimulationConfig, TransportConfig
from hrpn_tf.simulation.anatomy import Anatomy
from hrpn_tf.simulation.transport import Grid, block_mean, make_grid

CROWDED = 0.85  # largest share of the area that cells are taken to fill
CROWD_UM = 12.0  # cells are counted over about this distance


def diffusion_length_um(config: TransportConfig) -> float:
    """sqrt(D / k), um: the distance over which the concentration falls away from a vessel."""
    return float(np.sqrt(config.diffusivity_um2_per_s / config.uptake_per_s))


def grid_factor(config: SimulationConfig) -> int:
    """Pixels per grid cell: as coarse as the diffusion length and the vessels allow."""
    step = min(
        config.transport.grid_share * diffusion_length_um(config.transport),
        config.vessels.radius_um / 4,
    )
    return max(1, int(step / config.pixel_size_um))


def tissue_grid(anatomy: Anatomy, factor: int, config: SimulationConfig) -> Grid:
    """The finite volumes of one slide, ``factor`` px per side of a cell."""
    cell_um = factor * config.pixel_size_um
    share = block_mean(anatomy.open_share, factor)
    return make_grid(
        anatomy.tissue,
        anatomy.section.lumen,
        anatomy.section.vessel,
        len(anatomy.network.radius_um),
        diffusivity(anatomy.nuclei.centre_um, share, cell_um, config),
        config.pixel_size_um,
        factor,
    )


def diffusivity(
    centre_um: np.ndarray, open_share: np.ndarray, cell_um: float, config: SimulationConfig
) -> np.ndarray:
    """D of each grid cell, lowered where cells crowd; (rows, columns) float64, um2/s.

    Cells are discs that the particle goes around: D is proportional to (1 - f) / (1 + f), f the
    share of the area that they fill (Maxwell's formula for parallel cylinders, Rayleigh 1892).

    Args:
        centre_um: (nuclei, 2) float64, (y, x), um.
        open_share: (rows, columns), share of each grid cell that is tissue outside lumens.
        cell_um: side of a grid cell, um.
        config: nominal D and density, cell radius.
    """
    rows, columns = open_share.shape
    index = np.minimum((centre_um / cell_um).astype(int), [rows - 1, columns - 1])
    count = np.bincount(index[:, 0] * columns + index[:, 1], minlength=rows * columns)
    sigma = CROWD_UM / cell_um
    number = ndimage.gaussian_filter(count.reshape(rows, columns).astype(np.float64), sigma)
    area = ndimage.gaussian_filter(open_share.astype(np.float64), sigma) * cell_um**2
    density = number / np.maximum(area, 0.05 * cell_um**2)
    nominal = config.nuclei.density_per_mm2 * 1e-6
    relative = _obstruction(density, config) / _obstruction(np.array(nominal), config)
    field: np.ndarray = config.transport.diffusivity_um2_per_s * relative
    return field


def _obstruction(density: np.ndarray, config: SimulationConfig) -> np.ndarray:
    filled = np.minimum(density * np.pi * config.nuclei.cell_radius_um**2, CROWDED)
    slowed: np.ndarray = (1 - filled) / (1 + filled)
    return slowed
