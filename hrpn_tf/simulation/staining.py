"""Fluorescence of the three channels, before the microscope."""

from collections.abc import Iterator

import numpy as np

from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.simulation.anatomy import Anatomy
from hrpn_tf.simulation.fields import smooth_field
from hrpn_tf.simulation.nuclei import draw_nuclei

AUTOFLUORESCENCE_UM = 100.0  # over which autofluorescence changes
GRAIN_UM = 1.0  # of the vessel stain


def fluorescence(
    anatomy: Anatomy, tracer: np.ndarray, config: SimulationConfig, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """The signal of vessels, nuclei and target, in this order.

    Light leaks only towards longer wavelengths (nuclei, vessels, target), so the inputs hold
    nothing of the target. Autofluorescence has the same pattern in all channels.

    Args:
        anatomy: the slide.
        tracer: (height, width) float32, concentration, share of the plasma's.
        config: levels.
        rng: source of textures.

    Yields:
        (height, width) float32, 8-bit grey levels.
    """
    levels, shape = config.optics, tracer.shape
    glow = smooth_field(shape, AUTOFLUORESCENCE_UM / config.pixel_size_um, rng)
    glow *= np.float32(levels.autofluorescence_spread)
    glow = np.maximum(1 + glow, 0) * anatomy.open_share
    nuclei = draw_nuclei(anatomy.nuclei, shape, config.pixel_size_um, rng)
    nuclei *= np.float32(levels.nucleus_level)
    vessels = _wall_stain(anatomy, config, rng)
    own, to_vessels, to_target = levels.autofluorescence, *_bleed(config)
    yield vessels + to_vessels * nuclei + np.float32(own[0]) * glow
    yield nuclei + np.float32(own[1]) * glow
    target = np.float32(levels.target_level) * tracer
    target += to_target * nuclei
    target += np.float32(levels.bleed_vessels_target) * vessels
    yield target + np.float32(own[2]) * glow


def _bleed(config: SimulationConfig) -> tuple[np.float32, np.float32]:
    levels = config.optics
    return np.float32(levels.bleed_nuclei_vessels), np.float32(levels.bleed_nuclei_target)


def _wall_stain(anatomy: Anatomy, config: SimulationConfig, rng: np.random.Generator) -> np.ndarray:
    """A grainy shell around each lumen, as bright as its vessel's look says, and what fills it."""
    section, wall = anatomy.section, config.vessels.wall_um
    level = config.optics.vessel_level * np.exp(
        config.vessels.stain_spread * anatomy.network.look[:, 0]
    )
    level = np.append(level, 0).astype(np.float32)  # vessel -1: none
    from_middle = (section.distance_um - np.float32(wall / 2)) / np.float32(wall / 2)
    shell = np.exp(-(from_middle**2))
    shell[from_middle < 0] = np.maximum(shell[from_middle < 0], config.vessels.lumen_stain)
    shell *= level[section.vessel]
    shell *= 1 + np.float32(0.15) * smooth_field(shell.shape, GRAIN_UM / config.pixel_size_um, rng)
    return np.maximum(shell, 0) * anatomy.tissue
