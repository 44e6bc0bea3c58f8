"""The vessel network and its section against the densities of the literature."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree
from skimage import measure

from hrpn_tf.config import SimulationConfig
from hrpn_tf.config.simulation import VesselConfig
from hrpn_tf.simulation.network import DEPTH_UM, VesselNetwork, grow_network
from hrpn_tf.simulation.section import cut_section

SIDE_UM = 700


@pytest.fixture(scope="module")
def network() -> VesselNetwork:
    return grow_network(SIDE_UM, SIDE_UM, VesselConfig(), np.random.default_rng(1))


def test_length_density_is_what_was_asked_for(network: VesselNetwork) -> None:
    length = np.linalg.norm(network.end - network.start, axis=1).sum()
    density = length / (SIDE_UM * SIDE_UM * DEPTH_UM) * 1e6
    assert density == pytest.approx(VesselConfig().length_density, rel=0.03)


def test_crossings_of_the_plane_are_half_the_length_density(network: VesselNetwork) -> None:
    """The stereological law Q_A = L_V / 2 holds if the directions are isotropic."""
    crossings = (network.start[:, 0] < 0) != (network.end[:, 0] < 0)
    per_mm2 = crossings.sum() / (SIDE_UM * 1e-3) ** 2
    assert per_mm2 == pytest.approx(VesselConfig().length_density / 2, rel=0.15)


def test_sections_have_the_published_densities(network: VesselNetwork) -> None:
    profiles, surface = [], []
    area_mm2 = (SIDE_UM * 1e-3) ** 2
    for depth in (-40.0, 0.0, 40.0):
        moved = replace(
            network, start=network.start - [depth, 0, 0], end=network.end - [depth, 0, 0]
        )
        rng = np.random.default_rng(0)
        section = cut_section(moved, (SIDE_UM, SIDE_UM), 1.0, VesselConfig(), rng)
        lumen = section.lumen > 0.5
        profiles.append(measure.label(lumen).max() / area_mm2)
        outline_mm = measure.perimeter_crofton(lumen, directions=4) * 1e-3
        surface.append(4 / np.pi * outline_mm / area_mm2)  # S_V = (4 / pi) B_A
        assert set(np.unique(section.vessel[lumen])) <= set(range(len(network.radius_um)))
    assert 110 < np.mean(profiles) < 320
    assert 34 < np.mean(surface) < 45


def test_a_straight_tube_across_the_plane_shows_as_a_disc() -> None:
    tube = VesselNetwork(
        start=np.array([[-40.0, 50.0, 60.0]]),
        end=np.array([[40.0, 50.0, 60.0]]),
        vessel=np.zeros(1, int),
        radius_um=np.array([10.0]),
        look=np.zeros((1, 3)),
    )
    smooth = VesselConfig(roughness=0)
    section = cut_section(tube, (200, 240), 0.5, smooth, np.random.default_rng(0))
    assert section.lumen.sum() * 0.25 == pytest.approx(np.pi * 100, rel=0.01)
    y, x = measure.centroid(section.lumen)
    assert (y + 0.5) * 0.5 == pytest.approx(50, abs=0.05)
    assert (x + 0.5) * 0.5 == pytest.approx(60, abs=0.05)


def test_a_tilted_tube_shows_as_an_ellipse_with_the_exact_axes() -> None:
    slope = np.deg2rad(60)  # between the axis and the normal of the plane
    half = 200 * np.array([np.cos(slope), 0, np.sin(slope)])
    centre = np.array([0.0, 60.0, 100.0])
    tube = VesselNetwork(
        start=(centre - half)[None],
        end=(centre + half)[None],
        vessel=np.zeros(1, int),
        radius_um=np.array([10.0]),
        look=np.zeros((1, 3)),
    )
    smooth = VesselConfig(roughness=0)
    section = cut_section(tube, (240, 400), 0.5, smooth, np.random.default_rng(0))
    (profile,) = measure.regionprops((section.lumen > 0.5).astype(int))
    assert profile.axis_minor_length * 0.5 == pytest.approx(20, rel=0.02)
    assert profile.axis_major_length * 0.5 == pytest.approx(20 / np.cos(slope), rel=0.02)


def test_vessels_keep_apart_unless_they_join(network: VesselNetwork) -> None:
    """Away from their ends, where they join, vessels do not run into each other."""
    first = np.flatnonzero(np.diff(network.vessel, prepend=-1))
    count = np.diff(np.append(first, len(network.vessel)))
    place = np.arange(len(network.vessel)) - np.repeat(first, count)
    inner = (place >= 12) & (place < np.repeat(count, count) - 12)
    middle = (network.start + network.end)[inner] / 2
    owner = network.vessel[inner]
    pairs = cKDTree(middle).query_pairs(2 * network.radius_um.max(), output_type="ndarray")
    pairs = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]]
    apart = np.linalg.norm(middle[pairs[:, 0]] - middle[pairs[:, 1]], axis=1)
    assert (apart > network.radius_um[owner[pairs]].sum(1)).mean() > 0.99


def test_more_than_fits_still_ends() -> None:
    crowded = VesselConfig(length_density=1500, radius_um=30)
    network = grow_network(100, 100, crowded, np.random.default_rng(0))
    length = np.linalg.norm(network.end - network.start, axis=1).sum()
    assert 0 < length < 0.9e-6 * crowded.length_density * 100 * 100 * DEPTH_UM, "no more fits"


def test_default_radius_has_the_published_median() -> None:
    network = grow_network(300, 300, SimulationConfig().vessels, np.random.default_rng(1))
    assert 7.5 < np.median(network.radius_um) < 10.5
