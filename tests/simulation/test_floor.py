"""The error floor against cases whose conditional variance is known, and against brute force."""

from collections.abc import Callable

import numpy as np
import pytest

from hrpn_tf.config import SimulationConfig
from hrpn_tf.simulation import optics
from hrpn_tf.simulation.anatomy import Anatomy, grow_anatomy
from hrpn_tf.simulation.floor import (
    Hidden,
    Redraws,
    blood,
    concentration,
    draw_group,
    draw_hidden,
    redraw,
)
from hrpn_tf.simulation.permeability import DECADES_TO_SIGMA, visible_score
from hrpn_tf.simulation.phantom import STREAMS, make_phantom
from hrpn_tf.simulation.staining import fluorescence
from hrpn_tf.simulation.tissue import grid_factor, tissue_grid
from hrpn_tf.simulation.transport import Solver, to_pixels
from hrpn_tf.simulation.truth import error_floor

Make = Callable[..., SimulationConfig]


def anatomy_of(config: SimulationConfig) -> Anatomy:
    rngs = {name: np.random.default_rng(i) for i, name in enumerate(STREAMS)}
    return grow_anatomy(config, rngs)


def test_variance_given_the_look_is_that_of_the_log_normal(small: Make) -> None:
    """One leaky vessel far below saturation: C is proportional to P, whose variance is known."""
    config = small(
        "permeability.leaky_share=1",
        "permeability.median_cm_per_s=1e-12",
        "permeability.spread_decades=1.0",
        "permeability.visible_share=0.6",
        "transport.group_spread=0",
        "floor_draws=600",
        "vessels.length_density=250",
    )
    anatomy = anatomy_of(config)
    grid = tissue_grid(anatomy, 2 * grid_factor(config), config)
    solver = Solver(grid, config.transport.uptake_per_s)
    look, rng = anatomy.network.look, np.random.default_rng(1)
    draws = redraw(grid, look, draw_hidden(look, config, rng), config, rng)

    sigma = DECADES_TO_SIGMA * config.permeability.spread_decades
    visible = sigma * np.sqrt(0.6) * visible_score(look, config.permeability)
    spread = sigma**2 * 0.4  # variance of log P given the look
    variance = (1e-8 * np.exp(visible + spread / 2)) ** 2 * np.expm1(spread)  # (um/s)^2
    expected = np.zeros(len(grid.volume))
    for vessel in np.flatnonzero(np.asarray(grid.wall.sum(0)).ravel()):
        alone = np.zeros(len(look))
        alone[vessel] = 1e-8
        response = concentration(solver, Hidden(alone, 1, 1, 1), config) / 1e-8
        expected += response**2 * variance[vessel]  # vessels are independent
    assert draws.variance @ grid.volume == pytest.approx(expected @ grid.volume, rel=0.12)


def test_with_everything_visible_only_the_noise_is_left(small: Make) -> None:
    config = small("permeability.visible_share=1", "transport.group_spread=0")
    errors = make_phantom(config, 0, 0).report["errors"]["slide"]
    assert errors["error_floor"] == pytest.approx(errors["error_floor_noise"], rel=1e-3)
    assert errors["error_of_best_predictor_here"] == pytest.approx(
        errors["error_floor_noise"], rel=1e-3
    )


def test_unknown_dose_alone_gives_its_own_variance(
    small: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small("permeability.visible_share=1", "transport.group_spread=0.2", "floor_draws=400")
    monkeypatch.setattr(
        "hrpn_tf.simulation.floor.draw_group",
        lambda config, rng: (draw_group(config, rng)[0], 1.0, 1.0),
    )
    anatomy = anatomy_of(config)
    grid = tissue_grid(anatomy, 2 * grid_factor(config), config)
    look, rng = anatomy.network.look, np.random.default_rng(0)
    hidden = draw_hidden(look, config, rng)
    draws = redraw(grid, look, hidden, config, rng)
    actual = concentration(Solver(grid, config.transport.uptake_per_s), hidden, config)
    relative = np.exp(0.2**2) * np.expm1(0.2**2)  # variance of a log-normal of median 1
    expected = relative * ((actual / hidden.dose) ** 2) @ grid.volume
    assert draws.variance @ grid.volume == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("blood_share", [0, 0.3])
def test_floor_in_grey_levels_agrees_with_recording_every_redraw(
    small: Make, bits: int, blood_share: float
) -> None:
    """Brute force: record the target for each redraw, noise and rounding included."""
    config = small(
        "floor_draws=40",
        f"optics.bits={bits}",
        "permeability.leaky_share=0.6",
        f"transport.blood_share={blood_share}",
    )
    anatomy = anatomy_of(config)
    grid = tissue_grid(anatomy, grid_factor(config), config)
    solver = Solver(grid, config.transport.uptake_per_s)
    look = anatomy.network.look
    lamp = optics.light(anatomy.tissue.shape, 1.0, config.optics)

    def lit(tracer: np.ndarray) -> np.ndarray:
        *_, target = fluorescence(anatomy, tracer, config, np.random.default_rng(5))
        return optics.point_spread(target, 1.0, config.optics) * lamp

    rng, noise = np.random.default_rng(2), np.random.default_rng(3)
    recorded = []
    for _ in range(config.floor_draws):
        hidden = draw_hidden(look, config, rng)
        tracer = to_pixels(grid, concentration(solver, hidden, config)) * anatomy.open_share
        tracer += np.float32(blood(hidden.dose, config)) * anatomy.lumen_share
        recorded.append(optics.record(lit(tracer), config.optics, noise))
    brute = np.var(np.stack(recorded).astype(np.float64), axis=0, ddof=1).mean()

    again = np.random.default_rng(2)  # the same redraws
    draws = redraw(grid, look, Hidden(np.zeros(len(look)), 1, 1, 1), config, again)
    background = lit(np.zeros_like(lamp))
    errors = error_floor(recorded[0], anatomy, lamp, background, grid, draws, config)
    assert errors["slide"]["error_floor"] == pytest.approx(brute, rel=0.04)


@pytest.mark.parametrize("count", [2, 16])
def test_cells_that_happen_to_lie_at_the_mean_lower_the_realised_error(
    small: Make, count: int
) -> None:
    """Half of the slides lie there; the others err by so much that the mean is the floor."""
    config = small()
    anatomy = anatomy_of(config)
    grid = tissue_grid(anatomy, 2 * grid_factor(config), config)
    lamp = optics.light(anatomy.tissue.shape, 1.0, config.optics)
    variance = np.random.default_rng(0).gamma(0.3, 1e-4, len(grid.volume))
    none = np.zeros_like(variance)
    found = []
    for square in (none, 2 * (1 + 1 / count) * variance):
        draws = Redraws(none, variance, square, count, (0.0, 0.0, 0.0))
        image = np.zeros(anatomy.tissue.shape)
        found.append(error_floor(image, anatomy, lamp, lamp, grid, draws, config)["slide"])
    floor, noise = (found[0][name] for name in ("error_floor", "error_floor_noise"))
    assert floor > 1.5 * noise
    low, high = (each["error_of_best_predictor_here"] - noise for each in found)
    assert low < 0
    assert (low + high) / 2 == pytest.approx(floor - noise, rel=1e-4)


def test_realised_error_agrees_with_the_floor_on_average(small: Make) -> None:
    """The truth is one more draw, so over slides both figures have the same expectation."""
    config = small("floor_draws=4", "permeability.leaky_share=1", "permeability.visible_share=0.5")
    anatomy = anatomy_of(config)
    grid = tissue_grid(anatomy, 2 * grid_factor(config), config)
    look, rng = anatomy.network.look, np.random.default_rng(0)
    expected, realised = [], []
    for _ in range(50):
        draws = redraw(grid, look, draw_hidden(look, config, rng), config, rng)
        expected.append(draws.variance @ grid.volume)
        realised.append(draws.here @ grid.volume)
    difference = np.array(realised) - np.array(expected)
    standard_error = difference.std(ddof=1) / np.sqrt(len(difference))
    assert abs(difference.mean()) < 3.5 * standard_error
    assert difference.std(ddof=1) / np.mean(expected) / np.sqrt(len(difference)) < 0.3
