"""Cell nuclei: where they lie, and what their stain looks like."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hrpn_tf.config.simulation import NucleiConfig
from hrpn_tf.simulation.fields import smooth_field

ROUNDS = 30
OVERLAP = 0.9  # nuclei are kept this share of the sum of their radii apart


@dataclass(frozen=True)
class SimulatedNuclei:
    """Nuclei in the section.

    Attributes:
        centre_um: (nuclei, 2) float64, (y, x), um.
        radius_um: (nuclei,) float64.
    """

    centre_um: np.ndarray
    radius_um: np.ndarray


def place_nuclei(
    distance_um: np.ndarray,
    tissue: np.ndarray,
    wall_um: float,
    pixel_size_um: float,
    config: NucleiConfig,
    rng: np.random.Generator,
) -> SimulatedNuclei:
    """Random sequential placement, denser where a random field is high.

    Args:
        distance_um: (height, width) float32, distance to the nearest lumen.
        tissue: (height, width) float32, share of each pixel that is tissue.
        wall_um: thickness of the vessel walls, um; nuclei stay outside, but for those above
            or below a vessel (``over_vessels``).
        pixel_size_um: um per pixel.
        config: density, size, and how many lie over vessels.
        rng: source of the places.

    Returns:
        Nuclei that hardly touch each other, and no lumen unless they lie over it. Their number is
        what ``density_per_mm2`` asks for, or what finds room.
    """
    shape = distance_um.shape
    crowd = smooth_field(shape, config.crowding_um / pixel_size_um, rng)
    chance = tissue * np.exp(config.crowding * crowd)
    ceiling = float(np.exp(config.crowding * 2.5))
    area_mm2 = float(tissue.mean()) * tissue.size * (pixel_size_um * 1e-3) ** 2
    wanted = round(config.density_per_mm2 * area_mm2)
    centre, radius = np.empty((0, 2)), np.empty(0)
    for _ in range(ROUNDS):
        missing = wanted - len(centre)
        if missing <= 0:
            break
        pixel, size = _draw(3 * missing + 10, shape, config, rng)
        row, column = pixel.astype(int).T
        keep = rng.random(len(pixel)) * ceiling < chance[row, column]
        outside = distance_um[row, column] > np.minimum(size + wall_um, distance_um.max() - 1e-3)
        if config.over_vessels:  # without it there are the same nuclei as before there was the key
            outside |= rng.random(len(pixel)) < config.over_vessels
        keep &= outside
        centre, radius = _add(centre, radius, pixel[keep] * pixel_size_um, size[keep])
    return SimulatedNuclei(centre[:wanted], radius[:wanted])


def _draw(
    count: int,
    shape: tuple[int, int],
    config: NucleiConfig,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    pixel = rng.random((count, 2)) * shape
    diameter = config.diameter_um * (1 + config.diameter_spread * rng.standard_normal(count))
    return pixel, np.maximum(diameter / 2, 0.25 * config.diameter_um)


def _add(
    centre: np.ndarray, radius: np.ndarray, new: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Append the new nuclei that touch none that came before them."""
    centre, radius = np.concatenate([centre, new]), np.concatenate([radius, size])
    old = len(centre) - len(new)
    if not len(new):
        return centre, radius
    pairs = cKDTree(centre).query_pairs(2 * OVERLAP * float(radius.max()), output_type="ndarray")
    apart = np.linalg.norm(centre[pairs[:, 0]] - centre[pairs[:, 1]], axis=1)
    pairs = pairs[apart < OVERLAP * radius[pairs].sum(1)]
    pairs = pairs[(pairs[:, 1] >= old)]
    keep = np.ones(len(centre), bool)
    for first, second in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]:
        if keep[first]:
            keep[second] = False
    return centre[keep], radius[keep]


def draw_nuclei(
    nuclei: SimulatedNuclei, shape: tuple[int, int], pixel_size_um: float, rng: np.random.Generator
) -> np.ndarray:
    """Stain of the nuclei, (height, width) float32; 1 is the mean level inside a nucleus.

    Ellipses of different brightness with a coarse chromatin texture.
    """
    count = len(nuclei.radius_um)
    stretch = np.exp(0.15 * rng.standard_normal(count))
    angle = rng.uniform(0, np.pi, count)
    level = np.exp(0.25 * rng.standard_normal(count) - 0.03).astype(np.float32)
    image = np.zeros(shape, np.float32)
    for i in range(count):
        y, x = nuclei.centre_um[i] / pixel_size_um
        radius = nuclei.radius_um[i] / pixel_size_um
        _draw_ellipse(image, y, x, radius, stretch[i], angle[i], level[i])
    image *= 1 + np.float32(0.2) * smooth_field(shape, 0.8 / pixel_size_um, rng)
    return np.maximum(image, 0)


def _draw_ellipse(
    image: np.ndarray,
    y: float,
    x: float,
    radius: float,
    stretch: float,
    angle: float,
    level: float,
) -> None:
    """Add one soft-edged ellipse of the given mean radius, px, by maximum."""
    reach = radius * max(stretch, 1 / stretch) + 2
    top, left = max(int(y - reach), 0), max(int(x - reach), 0)
    part = image[top : int(y + reach) + 1, left : int(x + reach) + 1]
    dy = np.arange(top, top + part.shape[0], dtype=np.float32)[:, None] + 0.5 - y
    dx = np.arange(left, left + part.shape[1], dtype=np.float32)[None, :] + 0.5 - x
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = (dx * cos + dy * sin) / stretch, (dy * cos - dx * sin) * stretch
    edge = np.clip(radius - np.sqrt(u * u + v * v) + 0.5, 0, 1)
    np.maximum(part, (level * edge).astype(np.float32), out=part)
