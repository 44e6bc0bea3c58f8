"""The section plane through the network: lumens, walls, and which vessel each pixel belongs to."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.config.simulation import VesselConfig
from hrpn_tf.simulation.fields import smooth_field
from hrpn_tf.simulation.network import VesselNetwork

REACH_UM = 8.0  # how far outside the lumen the distance is known
ROUGHNESS_UM = 4.0  # correlation length of the irregular outline


@dataclass(frozen=True)
class TissueSection:
    """The plane z = 0; arrays are (height, width).

    Attributes:
        distance_um: float32, distance to the lumen's surface, negative inside; at most REACH_UM.
        vessel: int32, number of the nearest vessel; -1 where none is within REACH_UM.
        lumen: float32, share of the pixel that is lumen.
    """

    distance_um: np.ndarray
    vessel: np.ndarray
    lumen: np.ndarray


def cut_section(
    network: VesselNetwork,
    shape: tuple[int, int],
    pixel_size_um: float,
    config: VesselConfig,
    rng: np.random.Generator,
) -> TissueSection:
    """Cut the network with the plane z = 0.

    The outline is made irregular by a random field whose amplitude grows with the vessel's
    tortuosity, so that tortuosity shows in a cross-section too.
    """
    rough = smooth_field(shape, ROUGHNESS_UM / pixel_size_um, rng)
    distance = np.full(shape, np.float32(REACH_UM))
    vessel = np.full(shape, np.int32(-1))
    tortuosity = np.exp(config.tortuosity_spread * network.look[:, 2])
    amplitude = np.minimum(config.roughness * tortuosity, 0.4) * network.radius_um
    near = np.minimum(np.abs(network.start[:, 0]), np.abs(network.end[:, 0]))
    near[network.start[:, 0] * network.end[:, 0] < 0] = 0
    reach = network.radius_um + 3 * amplitude + REACH_UM
    for piece in np.flatnonzero(near < reach[network.vessel]):
        number = network.vessel[piece]
        ends = np.stack([network.start[piece], network.end[piece]]) / pixel_size_um
        window = _window(ends, reach[number] / pixel_size_um, shape)
        if window is None:
            continue
        away = _distance(ends, window) * np.float32(pixel_size_um) - np.float32(
            network.radius_um[number]
        )
        away += np.float32(amplitude[number]) * rough[window]
        closer = away < distance[window]
        distance[window][closer] = away[closer]
        vessel[window][closer] = number
    lumen = np.clip(0.5 - distance / np.float32(pixel_size_um), 0, 1)
    return TissueSection(distance, vessel, lumen)


def _window(ends: np.ndarray, reach: float, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """The part of the plane within ``reach`` of a piece, in px; None if it lies outside."""
    low = np.floor(ends[:, 1:].min(0) - reach).astype(int).clip(0)
    high = np.ceil(ends[:, 1:].max(0) + reach).astype(int)
    rows, columns = slice(low[0], min(high[0], shape[0])), slice(low[1], min(high[1], shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    return rows, columns


def _distance(ends: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    """Distance of the pixel centres in a window from the straight piece, px; float32."""
    first, along = ends[0].astype(np.float32), (ends[1] - ends[0]).astype(np.float32)
    y = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] + 0.5 - first[1]
    x = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] + 0.5 - first[2]
    t = (y * along[1] + x * along[2] - first[0] * along[0]) / max(float(along @ along), 1e-6)
    t = np.clip(t, 0, 1)
    square = (first[0] + t * along[0]) ** 2 + (t * along[1] - y) ** 2 + (t * along[2] - x) ** 2
    return np.asarray(np.sqrt(square), np.float32)
