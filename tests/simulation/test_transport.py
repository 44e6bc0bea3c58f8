"""The solver against closed forms, and the balance of mass."""

import numpy as np
import pytest
from scipy.special import k0, k1

from hrpn_tf.config import SimulationConfig
from hrpn_tf.simulation.tissue import grid_factor
from hrpn_tf.simulation.transport import Grid, Solver, make_grid, to_pixels

SIDE = 640
PIXEL_UM = 0.5
D = 0.6
UPTAKE = 1e-3
LENGTH_UM = float(np.sqrt(D / UPTAKE))


def one_vessel(radius_um: float, offset_px: tuple[float, float]) -> tuple[Grid, np.ndarray]:
    """A straight vessel across an empty section: the grid, and the distance from its axis, um."""
    y, x = ((np.arange(SIDE) + 0.5 - SIDE / 2 + shift) * PIXEL_UM for shift in offset_px)
    distance = np.hypot(y[:, None], x[None, :]).astype(np.float32)
    lumen = np.clip(0.5 - (distance - radius_um) / PIXEL_UM, 0, 1).astype(np.float32)
    factor = grid_factor(SimulationConfig())
    cells = -(-SIDE // factor)
    grid = make_grid(
        tissue=np.ones((SIDE, SIDE), np.float32),
        lumen=lumen,
        vessel=np.zeros((SIDE, SIDE), int),
        vessels=1,
        diffusivity=np.full((cells, cells), D),
        pixel_size_um=PIXEL_UM,
        factor=factor,
    )
    return grid, distance


def closed_form(distance_um: np.ndarray, radius_um: float, permeability: float) -> np.ndarray:
    """C = A K0(r / lambda) with -D dC/dr = P (1 - C) at the wall."""
    wall = radius_um / LENGTH_UM
    amplitude = permeability / (permeability * k0(wall) + D / LENGTH_UM * k1(wall))
    return amplitude * k0(distance_um / LENGTH_UM)


@pytest.mark.parametrize("permeability", [1e-4, 1.2e-3, 1e-2])  # um/s
@pytest.mark.parametrize("offset_px", [(0.0, 0.0), (0.3, 2.7), (1.5, 3.1)])
def test_one_straight_vessel_agrees_with_the_bessel_function(
    permeability: float, offset_px: tuple[float, float]
) -> None:
    radius = 9.5
    grid, distance = one_vessel(radius, offset_px)
    concentration = to_pixels(grid, Solver(grid, UPTAKE).solve(np.array([permeability]), UPTAKE))
    expected = closed_form(distance, radius, permeability)
    error = concentration / expected - 1
    seen = (distance > radius + grid.cell_um) & (distance < radius + 3 * LENGTH_UM)
    assert np.abs(error[seen]).max() < 0.02
    for near in np.arange(radius, radius + 3 * LENGTH_UM):  # up to the wall, mean of each ring
        ring = (distance >= near) & (distance < near + 1)
        assert abs(concentration[ring].mean() / expected[ring].mean() - 1) < 0.02


@pytest.mark.parametrize("radius_um", [4.0, 9.5, 20.0])
def test_wall_length_is_the_circumference(radius_um: float) -> None:
    grid, _ = one_vessel(radius_um, (0.2, 0.7))
    assert grid.wall.sum() == pytest.approx(2 * np.pi * radius_um, rel=0.01)


def test_what_enters_through_the_wall_is_taken_up() -> None:
    grid, distance = one_vessel(9.5, (0.3, 0.7))
    permeability = 5e-3
    cells = Solver(grid, UPTAKE).solve(np.array([permeability]), UPTAKE)
    inflow = float((grid.wall @ [permeability] * (1 - cells)).sum())
    open_share = np.clip(0.5 + (distance - 9.5) / PIXEL_UM, 0, 1)
    uptake = UPTAKE * float((to_pixels(grid, cells) * open_share).sum()) * PIXEL_UM**2
    assert uptake == pytest.approx(inflow, rel=0.01)


def test_uniform_inflow_through_a_straight_wall_decays_exponentially() -> None:
    """A slit-shaped lumen along one side: C falls as exp(-x / lambda), whatever the rows do."""
    height, width, edge, factor = 32, 480, 20.0, 4
    lumen = np.zeros((height, width), np.float32)
    lumen[:, : int(edge)] = 1
    grid = make_grid(
        np.ones_like(lumen),
        lumen,
        np.zeros(lumen.shape, int),
        1,
        np.full((height // factor, width // factor), D),
        PIXEL_UM,
        factor,
    )
    permeability = 1e-3
    image = to_pixels(grid, Solver(grid, UPTAKE).solve(np.array([permeability]), UPTAKE))
    x = (np.arange(width) + 0.5 - edge) * PIXEL_UM
    expected = permeability / (permeability + D / LENGTH_UM) * np.exp(-x / LENGTH_UM)
    inside = (x > 0) & (x < 3 * LENGTH_UM)
    np.testing.assert_allclose(image[height // 2, inside], expected[inside], rtol=0.02)


def test_no_leaky_vessel_gives_no_tracer() -> None:
    grid, _ = one_vessel(9.5, (0.0, 0.0))
    assert not Solver(grid, UPTAKE).solve(np.zeros(1), UPTAKE).any()


def test_two_factors_scale_as_the_equation_says() -> None:
    """Dividing D, k and P by the same number leaves the steady state as it is."""
    grid, _ = one_vessel(9.5, (0.0, 0.0))
    solver = Solver(grid, UPTAKE)
    one = solver.solve(np.array([3e-3]), UPTAKE)
    other = solver.solve(np.array([1e-3]), UPTAKE / 3, diffusivity_factor=1 / 3)
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-9)
