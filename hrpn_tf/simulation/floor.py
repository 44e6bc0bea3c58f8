"""The error floor: the mean squared error of the best predictor that sees only the inputs.

That predictor answers E[target | inputs], and its error is E[Var(target | inputs)]. What the inputs
hide (permeability given the look; dose, diffusivity and uptake of the animal) is drawn anew several
times with the same vessels and nuclei, and the variance between draws is taken, pixel by pixel,
with one less than the number of draws in the denominator: its expectation is then the variance that
is wanted. The noise of the target channel comes on top.
"""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.simulation.permeability import draw_permeability
from hrpn_tf.simulation.transport import Grid, Solver


@dataclass(frozen=True)
class Hidden:
    """Quantities that the inputs do not show.

    Attributes:
        permeability: (vessels,) float64, um/s.
        dose, diffusivity, uptake: factors on the nominal values, shared by a group.
    """

    permeability: np.ndarray
    dose: float
    diffusivity: float
    uptake: float


def draw_group(config: SimulationConfig, rng: np.random.Generator) -> tuple[float, float, float]:
    """Factors on dose, diffusivity and uptake of one animal."""
    dose, diffusivity, uptake = np.exp(config.transport.group_spread * rng.standard_normal(3))
    return float(dose), float(diffusivity), float(uptake)


def draw_hidden(look: np.ndarray, config: SimulationConfig, rng: np.random.Generator) -> Hidden:
    """Draw everything hidden, given the look (vessels, 3) of the vessels."""
    return Hidden(draw_permeability(look, config.permeability, rng), *draw_group(config, rng))


def concentration(solver: Solver, hidden: Hidden, config: SimulationConfig) -> np.ndarray:
    """Concentration in each grid cell, (n,) float64, share of the nominal plasma concentration."""
    uptake = config.transport.uptake_per_s * hidden.uptake
    share = solver.solve(hidden.permeability, uptake, hidden.diffusivity)
    scaled: np.ndarray = hidden.dose * share
    return scaled


def blood(dose: float, config: SimulationConfig) -> float:
    """Concentration left in the lumens, share of the nominal plasma concentration."""
    return config.transport.blood_share * dose


@dataclass(frozen=True)
class Redraws:
    """Concentration over redraws of what is hidden; per grid cell, (n,) float64.

    Attributes:
        mean: over the draws.
        variance: unbiased, over the draws.
        square: squared difference of this slide from the mean.
        count: of draws.
        blood: mean, variance and squared error ``here`` of the concentration left in the lumens.
    """

    mean: np.ndarray
    variance: np.ndarray
    square: np.ndarray
    count: int
    blood: tuple[float, float, float]

    @property
    def here(self) -> np.ndarray:
        """Squared error of the best predictor on this slide, (n,) float64.

        Unbiased, so that single cells may be negative.
        """
        return self.square - self.variance / self.count


def redraw(
    grid: Grid,
    look: np.ndarray,
    truth: Hidden,
    config: SimulationConfig,
    rng: np.random.Generator,
) -> Redraws:
    """Draw what is hidden ``floor_draws`` times and solve for the concentration each time."""
    solver = Solver(grid, config.transport.uptake_per_s)

    def everywhere(hidden: Hidden) -> np.ndarray:
        """In each grid cell and, last, in the lumens."""
        return np.append(concentration(solver, hidden, config), blood(hidden.dose, config))

    actual = everywhere(truth)
    mean = np.zeros_like(actual)
    squares = np.zeros_like(actual)
    for number in range(1, config.floor_draws + 1):
        drawn = everywhere(draw_hidden(look, config, rng))
        difference = drawn - mean
        mean += difference / number
        squares += difference * (drawn - mean)  # Welford's update
    variance = squares / (config.floor_draws - 1)
    square = (actual - mean) ** 2
    here = square[-1] - variance[-1] / config.floor_draws
    lumens = (float(mean[-1]), float(variance[-1]), float(here))
    return Redraws(mean[:-1], variance[:-1], square[:-1], config.floor_draws, lumens)
