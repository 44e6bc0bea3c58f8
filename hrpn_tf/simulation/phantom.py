"""One phantom slide: vessels, nuclei, transport, optics, and its truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.simulation import optics, truth
from hrpn_tf.simulation.anatomy import Anatomy, grow_anatomy
from hrpn_tf.simulation.floor import Hidden, blood, concentration, draw_group, redraw
from hrpn_tf.simulation.permeability import draw_permeability
from hrpn_tf.simulation.staining import fluorescence
from hrpn_tf.simulation.tissue import grid_factor, tissue_grid
from hrpn_tf.simulation.transport import Grid, Solver, to_pixels
from hrpn_tf.simulation.variation import drawn_values, of_slide

FLOOR_COARSER = 2  # the redraws of the error floor use a grid this much coarser
STREAMS = ("tissue", "vessels", "section", "nuclei", "hidden", "stain", "noise", "floor")
STAGES = ("anatomy", "transport", "optics", "error floor")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Phantom:
    """One slide and its truth.

    Attributes:
        image: (height, width, 3) uint8 or uint16: vessels, nuclei, target; grey levels.
        concentration: (height, width) float32, share of the nominal plasma concentration.
        vessels: (height, width) uint8, 255 where a lumen or its wall is.
        permeability: (height, width) float32, cm/s, on vessels; 0 elsewhere.
        table: one row per vessel in the section.
        report: error floor, mass balance, and the parameters drawn.
    """

    image: np.ndarray
    concentration: np.ndarray
    vessels: np.ndarray
    permeability: np.ndarray
    table: list[dict[str, float]]
    report: dict[str, Any]


def make_phantom(
    config: SimulationConfig, slide: int, group: int, progress: Progress = lambda stage: None
) -> Phantom:
    """Simulate slide number ``slide`` of animal number ``group``; both count from 0.

    The same configuration and numbers give the same arrays. ``progress`` is called with the name
    of each of ``STAGES`` when it begins.
    """
    varied = drawn_values(config, slide)
    config = of_slide(config, slide)
    rng = _streams(config, slide)
    drawn = _draw(config, rng, group, progress)
    progress("optics")
    image, lamp, background = _expose(drawn.anatomy, drawn.tracer, config, rng)

    progress("error floor")
    anatomy, grid, hidden = drawn.anatomy, drawn.grid, drawn.hidden
    coarse = tissue_grid(anatomy, FLOOR_COARSER * grid.factor, config)
    draws = redraw(coarse, anatomy.network.look, hidden, config, rng["floor"])
    report = {
        "errors": truth.error_floor(
            image[..., 2], anatomy, lamp, background, coarse, draws, config
        ),
        "mass_balance": truth.mass_balance(grid, drawn.cells, drawn.in_tissue, hidden, config),
        "parameters": truth.parameters(anatomy, hidden, config),
    }
    if varied:
        report["varied"] = varied
    return Phantom(
        image=image,
        concentration=drawn.tracer,
        vessels=np.where(anatomy.visible_vessels(config), np.uint8(255), np.uint8(0)),
        permeability=truth.permeability_map(anatomy, hidden.permeability, config),
        table=truth.vessel_table(anatomy, hidden.permeability, config),
        report=report,
    )


def make_image(config: SimulationConfig, slide: int, group: int) -> np.ndarray:
    """The image of :func:`make_phantom` alone, without the truth and the error floor.

    These take almost half of the time of a phantom, and a training does not need them.

    Returns:
        (height, width, 3) uint8 or uint16: vessels, nuclei, target; grey levels.
    """
    config = of_slide(config, slide)
    rng = _streams(config, slide)
    drawn = _draw(config, rng, group, lambda stage: None)
    return _expose(drawn.anatomy, drawn.tracer, config, rng)[0]


@dataclass(frozen=True)
class _Drawn:
    """What lies before the microscope.

    Attributes:
        anatomy: the slide.
        hidden: what the inputs do not show.
        grid: finite volumes of the tissue.
        cells: (n,) float64, concentration in each grid cell.
        in_tissue: (height, width) float32, the same in pixels.
        tracer: with what is left in the lumens.
    """

    anatomy: Anatomy
    hidden: Hidden
    grid: Grid
    cells: np.ndarray
    in_tissue: np.ndarray
    tracer: np.ndarray


def _streams(config: SimulationConfig, slide: int) -> dict[str, np.random.Generator]:
    """A random stream for each part of a slide, by name."""
    seeds = np.random.SeedSequence([config.seed, 1, slide]).spawn(len(STREAMS))
    return {name: np.random.default_rng(seed) for name, seed in zip(STREAMS, seeds, strict=True)}


def _draw(
    config: SimulationConfig,
    rng: Mapping[str, np.random.Generator],
    group: int,
    progress: Progress,
) -> _Drawn:
    """Grow a slide of an animal, and let the tracer spread."""
    progress("anatomy")
    anatomy = grow_anatomy(config, rng)
    permeability = draw_permeability(anatomy.network.look, config.permeability, rng["hidden"])
    animal = draw_group(config, np.random.default_rng([config.seed, 0, group]))
    hidden = Hidden(permeability, *animal)

    progress("transport")
    grid = tissue_grid(anatomy, grid_factor(config), config)
    cells = concentration(Solver(grid, config.transport.uptake_per_s), hidden, config)
    in_tissue = to_pixels(grid, cells) * anatomy.open_share
    tracer = in_tissue + np.float32(blood(hidden.dose, config)) * anatomy.lumen_share
    return _Drawn(anatomy, hidden, grid, cells, in_tissue, tracer)


def _expose(
    anatomy: Anatomy,
    tracer: np.ndarray,
    config: SimulationConfig,
    rng: Mapping[str, np.random.Generator],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The recorded image, the uneven light, and the target's light without tracer."""
    levels, pixel = config.optics, config.pixel_size_um
    lamp = optics.light(tracer.shape, pixel, levels)
    image = np.empty((*tracer.shape, 3), np.uint8 if levels.bits == 8 else np.uint16)
    for channel, signal in enumerate(fluorescence(anatomy, tracer, config, rng["stain"])):
        light = optics.point_spread(signal, pixel, levels) * lamp
        image[..., channel] = optics.record(light, levels, rng["noise"])
    traced = np.float32(levels.target_level) * tracer
    return image, lamp, light - optics.point_spread(traced, pixel, levels) * lamp
