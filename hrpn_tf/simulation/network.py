"""A branching network of vessels in three dimensions.

Vessels sprout from vessels, wander, and end where they meet another one, which they join. The box
around the section is periodic, so that density and direction are the same everywhere.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hrpn_tf.config.simulation import VesselConfig

STEP_UM = 4.0  # distance of successive points along a vessel
DEPTH_UM = 160.0  # thickness of the box; more than most vessels reach in depth
LONGEST_UM = 400.0
TYPICAL_UM = 150.0
SHORTEST_UM = 24.0
GAP_UM = 5.0  # tissue that is left between two vessels
TRUNK_SHARE = 0.15  # share of the length that does not sprout from another vessel
BATCH_SHARE = 0.04  # vessels tried at once, share of the length still wanted at the start
ROUNDS = 300


@dataclass(frozen=True)
class VesselNetwork:
    """Vessels as chains of short straight pieces; coordinates are (z, y, x), um; section z = 0.

    Attributes:
        start, end: (pieces, 3) float64, the ends of each piece, um.
        vessel: (pieces,) int64, number of the vessel that the piece belongs to.
        radius_um: (vessels,) float64, lumen radius.
        look: (vessels, 3) float64, independent standard normal scores of stain intensity, radius
            and tortuosity.
    """

    start: np.ndarray
    end: np.ndarray
    vessel: np.ndarray
    radius_um: np.ndarray
    look: np.ndarray


@dataclass(frozen=True)
class _Paths:
    """Vessels on trial: ``points`` (n, steps, 3), ``radius`` (n,), ``look`` (n, 3)."""

    points: np.ndarray
    radius: np.ndarray
    look: np.ndarray
    sprouted: bool


def grow_network(
    height_um: float, width_um: float, config: VesselConfig, rng: np.random.Generator
) -> VesselNetwork:
    """Grow vessels until the box holds the length density asked for.

    A box too full for that (``length_density`` and ``radius_um`` both large) gets what fits.
    """
    box = np.array([DEPTH_UM, height_um, width_um])
    wanted = config.length_density * 1e-6 * box.prod()
    chains: list[np.ndarray] = []
    looks: list[np.ndarray] = []
    points, radii, length = np.empty((0, 3)), np.empty(0), 0.0
    batch = max(1, round(BATCH_SHARE * wanted / TYPICAL_UM))
    for _ in range(ROUNDS):
        if length >= wanted:
            break
        count = max(1, min(batch, round((wanted - length) / TYPICAL_UM)))
        paths = _propose(count, chains, length < TRUNK_SHARE * wanted, box, config, rng)
        for chain, look in _accept(paths, points, radii, box):
            if length >= wanted:
                break
            chains.append(chain)
            looks.append(look)
            length += float(np.linalg.norm(np.diff(chain, axis=0), axis=1).sum())
        points = np.concatenate(chains) if chains else points
        radius = _radius(np.array(looks).reshape(-1, 3), config)
        radii = np.repeat(radius, [len(chain) for chain in chains])
    return _assemble(chains, np.array(looks).reshape(-1, 3), box, config)


def _radius(look: np.ndarray, config: VesselConfig) -> np.ndarray:
    radius: np.ndarray = config.radius_um * np.exp(config.radius_spread * look[:, 1])
    return radius


def _propose(
    count: int,
    chains: list[np.ndarray],
    trunks: bool,
    box: np.ndarray,
    config: VesselConfig,
    rng: np.random.Generator,
) -> _Paths:
    """Random walks with persistent direction, from anywhere or from a point of a vessel."""
    look = rng.standard_normal((count, 3))
    direction = _unit(rng.standard_normal((count, 3)))
    if trunks or not chains:
        origin = rng.random((count, 3)) * box
    else:
        everything = np.concatenate(chains)
        last = np.cumsum([len(chain) for chain in chains]) - 1  # nothing follows these
        chosen = rng.choice(np.delete(np.arange(len(everything)), last), size=count)
        origin = everything[chosen]
        parent = _unit(everything[chosen + 1] - origin)
        direction -= (direction * parent).sum(1, keepdims=True) * parent  # at right angles
        direction = _unit(_unit(direction) + 0.5 * parent)  # then leaning: about 63 degrees
    steps = int(LONGEST_UM / STEP_UM)
    bending = np.sqrt(STEP_UM / config.persistence_um)
    bending = bending * np.exp(config.tortuosity_spread * look[:, 2:])
    points = np.empty((count, steps + 1, 3))
    points[:, 0] = origin
    for step in range(steps):
        points[:, step + 1] = points[:, step] + STEP_UM * direction
        direction = _unit(direction + bending * rng.standard_normal((count, 3)))
    return _Paths(points, _radius(look, config), look, not trunks)


def _accept(
    paths: _Paths, points: np.ndarray, radii: np.ndarray, box: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut each path where it meets a vessel; keep those that are long enough."""
    count, steps, _ = paths.points.shape
    hit = np.zeros((count, steps), bool)
    nearest = np.zeros((count, steps), np.int64)
    if len(points):
        tree = cKDTree(_wrap(points, box), boxsize=box)
        distance, nearest = tree.query(_wrap(paths.points, box))
        hit = distance < paths.radius[:, None] + radii[nearest] + GAP_UM
    clear = np.argmin(hit, axis=1) if paths.sprouted and len(points) else np.zeros(count, int)
    along = np.arange(steps)
    meets = hit & (along >= clear[:, None])
    end = np.where(meets.any(1), meets.argmax(1), steps - 1)
    joins = meets.any(1)
    cut = _conflicts(paths, end, box)
    joins &= cut >= end
    end = np.minimum(end, cut)
    kept = []
    for i in np.flatnonzero(((end - clear) * STEP_UM >= SHORTEST_UM) & (clear * STEP_UM < 60)):
        chain = paths.points[i, : end[i] + 1]
        if joins[i]:
            gap = points[nearest[i, end[i]]] - chain[-1]
            gap -= box * np.round(gap / box)
            chain = np.concatenate([chain, [chain[-1] + gap]])
        kept.append((chain, paths.look[i]))
    return kept


def _conflicts(paths: _Paths, end: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Step at which each path must stop so as not to meet an earlier one of the same batch."""
    count, steps, _ = paths.points.shape
    path, step = np.nonzero(np.arange(steps) <= end[:, None])
    tree = cKDTree(_wrap(paths.points[path, step], box), boxsize=box)
    reach = 2 * float(paths.radius.max()) + GAP_UM
    pairs = tree.query_pairs(reach, output_type="ndarray")
    first, second = path[pairs[:, 0]], path[pairs[:, 1]]  # `path` rises, so first <= second
    between = first < second
    stop = np.full(count, steps)
    np.minimum.at(stop, second[between], step[pairs[between, 1]] - 1)
    return stop


def _assemble(
    chains: list[np.ndarray], look: np.ndarray, box: np.ndarray, config: VesselConfig
) -> VesselNetwork:
    """Pieces of all chains, each moved to where its middle lies in the box; z around 0."""
    start = np.concatenate([np.empty((0, 3)), *(chain[:-1] for chain in chains)])
    end = np.concatenate([np.empty((0, 3)), *(chain[1:] for chain in chains)])
    vessel = np.repeat(np.arange(len(chains)), [len(chain) - 1 for chain in chains])
    middle = (start + end) / 2
    shift = _wrap(middle, box) - middle
    shift[:, 0] -= DEPTH_UM / 2
    return VesselNetwork(start + shift, end + shift, vessel, _radius(look, config), look)


def _wrap(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    wrapped: np.ndarray = np.mod(points, box)
    wrapped[wrapped >= box] = 0.0  # mod of a tiny negative number is the box itself
    return wrapped


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
