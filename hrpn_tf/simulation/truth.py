"""What is written beside a slide: its truth, its error floor, and the parameters drawn."""

from typing import Any

import numpy as np

from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.simulation import optics
from hrpn_tf.simulation.anatomy import Anatomy
from hrpn_tf.simulation.floor import Hidden, Redraws
from hrpn_tf.simulation.tissue import diffusion_length_um
from hrpn_tf.simulation.transport import Grid, to_pixels


def permeability_map(
    anatomy: Anatomy, permeability: np.ndarray, config: SimulationConfig
) -> np.ndarray:
    """Permeability on lumens and walls, 0 elsewhere; (height, width) float32, cm/s."""
    values = np.append(permeability * 1e-4, 0).astype(np.float32)  # um/s to cm/s; -1: none
    image: np.ndarray = values[anatomy.section.vessel] * anatomy.visible_vessels(config)
    return image


def vessel_table(
    anatomy: Anatomy, permeability: np.ndarray, config: SimulationConfig
) -> list[dict[str, float]]:
    """One row per vessel seen in the section: where it is, how it looks, how leaky it is."""
    visible = anatomy.visible_vessels(config)
    row, column = np.nonzero(visible)
    number = anatomy.section.vessel[row, column]
    area = np.bincount(number, minlength=len(permeability))
    rows = []
    y = np.bincount(number, row, len(permeability))
    x = np.bincount(number, column, len(permeability))
    network = anatomy.network
    for i in np.flatnonzero(area):
        stain, _, tortuosity = network.look[i]
        rows.append(
            {
                "vessel": int(i),
                "y_px": round(float(y[i] / area[i]), 2),
                "x_px": round(float(x[i] / area[i]), 2),
                "area_um2": round(float(area[i]) * config.pixel_size_um**2, 3),
                "radius_um": round(float(network.radius_um[i]), 4),
                "stain": round(float(np.exp(config.vessels.stain_spread * stain)), 5),
                "tortuosity": round(
                    float(np.exp(config.vessels.tortuosity_spread * tortuosity)), 5
                ),
                "permeability_cm_per_s": float(f"{permeability[i] * 1e-4:.6g}"),
            }
        )
    return rows


def error_floor(
    target: np.ndarray,
    anatomy: Anatomy,
    lamp: np.ndarray,
    background: np.ndarray,
    grid: Grid,
    draws: Redraws,
    config: SimulationConfig,
) -> dict[str, Any]:
    """Error floor and variance of the target, grey levels^2, on the slide and on its tissue.

    Args:
        target: (height, width), the recorded target.
        anatomy: the slide.
        lamp: (height, width) float32, uneven light.
        background: (height, width) float32, light on the detector without tracer, grey levels.
        grid: the finite volumes that ``draws`` belong to.
        draws: concentration over redraws of what is hidden.
        config: levels and noise.
    """
    level = np.float32(config.optics.target_level) * lamp
    pixel = config.pixel_size_um
    gain = level * optics.point_spread(anatomy.open_share, pixel, config.optics)
    in_lumens = level * optics.point_spread(anatomy.lumen_share, pixel, config.optics)
    mean, variance, realised = (np.float32(value) for value in draws.blood)
    light = background + gain * to_pixels(grid, draws.mean) + in_lumens * mean
    noise = optics.noise_variance(light, config.optics)
    to_written = np.float32(optics.full_scale(config.optics) / 255)
    gain, in_lumens = (to_written * gain) ** 2, (to_written * in_lumens) ** 2
    # Lumens and tissue share pixels at the walls only: what they have in common there is left out.
    spread = to_pixels(grid, draws.variance)
    # Apart, since the difference is negative in places, and what is interpolated never is.
    error = to_pixels(grid, draws.square) - spread / draws.count
    expected = gain * spread + in_lumens * variance + noise
    here = gain * error + in_lumens * realised + noise
    tissue = anatomy.tissue > 0.5
    return {
        "slide": _summary(target, expected, here, noise),
        "tissue": _summary(target[tissue], expected[tissue], here[tissue], noise[tissue]),
    }


def _summary(
    target: np.ndarray, expected: np.ndarray, here: np.ndarray, noise: np.ndarray
) -> dict[str, float]:
    floor = float(expected.mean(dtype=np.float64))
    realised = float(here.mean(dtype=np.float64))
    mean, variance = float(target.mean(dtype=np.float64)), float(target.var(dtype=np.float64))
    return {
        "error_floor": floor,
        "error_floor_noise": float(noise.mean(dtype=np.float64)),
        "error_of_best_predictor_here": realised,
        "target_mean": mean,
        "target_variance": variance,
        "explainable_r2": 1 - floor / variance if variance else 0.0,
        "explainable_r2_here": 1 - realised / variance if variance else 0.0,
    }


def mass_balance(
    grid: Grid, cells: np.ndarray, tracer: np.ndarray, hidden: Hidden, config: SimulationConfig
) -> dict[str, float]:
    """Inflow through the walls against uptake in the image of the concentration; um2/s."""
    share = cells / hidden.dose
    exchange = grid.exchange(hidden.permeability, hidden.diffusivity)
    inflow = float((exchange * (1 - share)).sum()) * hidden.dose
    uptake = config.transport.uptake_per_s * hidden.uptake
    loss = uptake * float(tracer.sum(dtype=np.float64)) * config.pixel_size_um**2
    error = round(loss / inflow - 1, 9) if inflow else 0.0
    return {"inflow": inflow, "uptake": loss, "relative_error": error}


def parameters(anatomy: Anatomy, hidden: Hidden, config: SimulationConfig) -> dict[str, Any]:
    """The parameters that were drawn for this slide, and what they make."""
    pixels = config.height * config.width
    area_mm2 = float(anatomy.tissue.mean(dtype=np.float64)) * pixels * config.pixel_size_um**2 / 1e6
    shown = np.unique(anatomy.section.vessel[anatomy.visible_vessels(config)])
    return {
        "dose": hidden.dose,
        "diffusivity_um2_per_s": config.transport.diffusivity_um2_per_s * hidden.diffusivity,
        "uptake_per_s": config.transport.uptake_per_s * hidden.uptake,
        "diffusion_length_um": diffusion_length_um(config.transport)
        * float(np.sqrt(hidden.diffusivity / hidden.uptake)),
        "tissue_mm2": area_mm2,
        "vessels": len(shown),
        "leaky_vessels": int((hidden.permeability[shown] > 0).sum()),
        "nuclei": len(anatomy.nuclei.radius_um),
    }
