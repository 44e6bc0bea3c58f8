"""Permeability of vessels: log-normal, zero for most, partly told by the vessel's look.

Each vessel has a standard normal score ``z = sqrt(v) s + sqrt(1 - v) e``: ``s`` is a weighted sum
of the scores of its look, ``e`` is hidden, ``v`` is ``visible_share``. The vessels with the highest
scores leak; among them the permeability rises with the score so that its distribution is
log-normal.
"""

import numpy as np
from scipy.special import ndtr, ndtri

from hrpn_tf.config.simulation import PermeabilityConfig

DECADES_TO_SIGMA = np.log(10) / (2 * 1.959964)  # 95 % of a normal lies within +-1.96 sigma


def visible_score(look: np.ndarray, config: PermeabilityConfig) -> np.ndarray:
    """What the look tells.

    Args:
        look: (vessels, 3) float64, standard normal scores of stain, radius, tortuosity.
        config: their weights.

    Returns:
        (vessels,) float64, standard normal.
    """
    weights = np.array([config.stain_weight, config.radius_weight, config.tortuosity_weight])
    score: np.ndarray = look @ (weights / np.linalg.norm(weights))
    return score


def draw_permeability(
    look: np.ndarray, config: PermeabilityConfig, rng: np.random.Generator
) -> np.ndarray:
    """Draw the permeability of each vessel given its look; (vessels,) float64, um/s."""
    visible = visible_score(look, config)
    hidden = rng.standard_normal(len(look))
    score = np.sqrt(config.visible_share) * visible + np.sqrt(1 - config.visible_share) * hidden
    return permeability(score, config)


def permeability(score: np.ndarray, config: PermeabilityConfig) -> np.ndarray:
    """Permeability (um/s) of standard normal scores: zero below the leaky share's quantile."""
    # ndtr(-score) keeps its precision in the far tail, where 1 - ndtr(score) would not
    above = ndtr(-score) / config.leaky_share
    leaks = above < 1
    sigma = DECADES_TO_SIGMA * config.spread_decades
    value = np.zeros_like(score, dtype=np.float64)
    value[leaks] = config.median_cm_per_s * 1e4 * np.exp(-sigma * ndtri(above[leaks]))
    return value
