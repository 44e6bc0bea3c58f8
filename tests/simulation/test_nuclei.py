"""Nuclei: density, room, and what they do to diffusion."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hrpn_tf.config import SimulationConfig
from hrpn_tf.config.simulation import NucleiConfig
from hrpn_tf.simulation.nuclei import OVERLAP, SimulatedNuclei, draw_nuclei, place_nuclei
from hrpn_tf.simulation.tissue import diffusivity

PIXEL_UM = 1.0
SHAPE = (400, 500)


def one_lumen(radius_um: float = 40) -> np.ndarray:
    """Distance to a lumen in the middle, as far as 8 um, like a section has it."""
    y, x = np.indices(SHAPE) + 0.5
    away = np.hypot(y - SHAPE[0] / 2, x - SHAPE[1] / 2) - radius_um
    return np.minimum(away, 8).astype(np.float32)


@pytest.mark.parametrize("density", [3000.0, 3900.0, 8000.0])
def test_density_size_and_room(density: float) -> None:
    config = NucleiConfig(density_per_mm2=density)
    tissue = np.ones(SHAPE, np.float32)
    distance = one_lumen()
    nuclei = place_nuclei(distance, tissue, 1.5, PIXEL_UM, config, np.random.default_rng(0))
    area_mm2 = tissue.size * 1e-6
    assert len(nuclei.radius_um) / area_mm2 == pytest.approx(density, rel=0.02)
    assert 2 * nuclei.radius_um.mean() == pytest.approx(8.5, rel=0.05)
    row, column = nuclei.centre_um.astype(int).T
    assert (distance[row, column] > nuclei.radius_um).all()  # none in, or over, the lumen
    apart, other = cKDTree(nuclei.centre_um).query(nuclei.centre_um, k=2)
    assert (apart[:, 1] >= OVERLAP * 0.6 * nuclei.radius_um).all()
    pairs = cKDTree(nuclei.centre_um).query_pairs(20, output_type="ndarray")
    gap = np.linalg.norm(nuclei.centre_um[pairs[:, 0]] - nuclei.centre_um[pairs[:, 1]], axis=1)
    assert (gap >= OVERLAP * nuclei.radius_um[pairs].sum(1) - 1e-9).all()
    assert other.shape == (len(nuclei.radius_um), 2)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_a_share_of_the_nuclei_lies_over_vessels(share: float, expected: float) -> None:
    config = NucleiConfig(density_per_mm2=3000, crowding=0, over_vessels=share)
    tissue, distance = np.ones(SHAPE, np.float32), one_lumen(150)
    nuclei = place_nuclei(distance, tissue, 1.5, PIXEL_UM, config, np.random.default_rng(0))
    row, column = nuclei.centre_um.astype(int).T
    inside = distance < 0
    within = (distance[row, column] < 0).sum() / inside.sum()
    beside = (distance[row, column] == 8).sum() / (distance == 8).sum()
    assert within / beside == pytest.approx(expected, abs=0.2)


def test_none_outside_the_tissue() -> None:
    tissue = np.zeros(SHAPE, np.float32)
    tissue[:200] = 1
    nuclei = place_nuclei(
        np.full(SHAPE, np.float32(8)),
        tissue,
        1.5,
        PIXEL_UM,
        NucleiConfig(),
        np.random.default_rng(0),
    )
    assert nuclei.centre_um[:, 0].max() < 200


def test_drawn_area_is_that_of_the_nuclei() -> None:
    nuclei = SimulatedNuclei(np.array([[50.0, 60.0], [50.0, 140.0]]), np.array([10.0, 15.0]))
    image = draw_nuclei(nuclei, SHAPE, PIXEL_UM, np.random.default_rng(0))
    expected = np.pi * (10**2 + 15**2)
    assert (image > 0.2).sum() == pytest.approx(expected, rel=0.05)
    assert image[200:].max() == 0


def lattice(step_um: float, width_um: float) -> np.ndarray:
    """Centres on a square lattice, in the middle of grid cells of 4 um; a band 480 um high."""
    y, x = (np.arange(step_um / 2 + 2, length, step_um) for length in (480, width_um))
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)


def test_diffusivity_is_nominal_at_the_nominal_density() -> None:
    config = SimulationConfig(nuclei=NucleiConfig(density_per_mm2=1e6 / 16**2))
    field = diffusivity(lattice(16, 480), np.ones((120, 120)), 4.0, config)
    inner = field[15:-15, 15:-15]  # the lattice is cut at the border
    np.testing.assert_allclose(inner, config.transport.diffusivity_um2_per_s, rtol=0.1)


def test_diffusivity_is_lower_where_cells_crowd_and_counts_lumens_as_no_room() -> None:
    config = SimulationConfig(nuclei=NucleiConfig(density_per_mm2=1e6 / 20**2))
    crowded_left = lattice(16, 240)
    field = diffusivity(crowded_left, np.ones((120, 120)), 4.0, config)
    crowded, empty = field[:, 10:40].mean(), field[:, 80:].mean()
    assert crowded < config.transport.diffusivity_um2_per_s < empty
    open_share = np.ones((120, 120))
    open_share[:, 60:] = 0  # nothing but lumen on the right: the cells fill what tissue there is
    field = diffusivity(crowded_left, open_share, 4.0, config)
    assert field[15:-15, 50:60].max() < 1.1 * crowded
