"""A section with a few round vessels whose leakage is known."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hrpn_tf.simulation.inversion.columns import Diffusion
from hrpn_tf.simulation.inversion.observed import Observed, observe
from hrpn_tf.simulation.transport import to_pixels

SIDE, PIXEL_UM, FACTOR, LENGTH_UM = 400, 1.0, 4, 20.0
CENTRES = ((60, 60), (60, 200), (70, 330), (200, 90), (200, 300), (330, 60), (340, 200), (330, 335))
FLOWS = (1.0, 0.0, 0.3, 3.0, 0.0, 0.1, 0.6, 2.0)  # grey levels per um
BACKGROUND = 2.0


@dataclass(frozen=True)
class LeakySection:
    """Images of the section, (SIDE, SIDE), and what they hold.

    Attributes:
        labels: number of the vessel of each pixel, from 1.
        target: grey levels, with noise.
        observed: the same on cells, without noise.
    """

    labels: np.ndarray
    target: np.ndarray
    observed: Observed


def leaky_section(seed: int = 0) -> LeakySection:
    """Eight vessels far apart, solved on a grid twice as fine as the fit's."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    inside = np.zeros((SIDE, SIDE), bool)
    for row, column in CENTRES:
        inside |= np.hypot(y - row, x - column) < 10
    labels, count = ndimage.label(inside)
    tissue, nothing = np.ones(inside.shape, bool), np.zeros(inside.shape)
    fine = observe(nothing, [], tissue, labels, PIXEL_UM, FACTOR // 2, 1e3)
    assert count == len(FLOWS)
    grid = fine.grid
    image = to_pixels(grid, Diffusion(grid, LENGTH_UM).tracer(np.array(FLOWS)))
    rng = np.random.default_rng(seed)
    target = BACKGROUND + np.where(inside, 0, image)
    clean = observe(target, [], tissue, labels, PIXEL_UM, FACTOR, 1e3)
    return LeakySection(labels, target + 0.3 * rng.standard_normal(target.shape), clean)


def stain(labels: np.ndarray) -> np.ndarray:
    """A vessel channel of these vessels: bright walls and empty lumens, as uint8."""
    distance = ndimage.distance_transform_edt(labels > 0)
    wall = (labels > 0) & (distance < 4)
    grey = np.where(wall, 90, np.where(labels > 0, 1, 12))
    return grey.astype(np.uint8)
