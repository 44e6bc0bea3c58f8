"""The diffusion length of a slide, from windows of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hrpn_tf.simulation.inversion.fit import Fit, fit_flows
from hrpn_tf.simulation.inversion.misfit import Misfit, blocks_of, estimate_misfit, first_misfit
from hrpn_tf.simulation.inversion.observed import Observed
from hrpn_tf.simulation.inversion.strengths import NORMAL

STEPS, LARGEST_STEP, CLOSE = 8, 0.5, 5e-3
BLOCKS = 4.0  # side of the blocks that are taken as independent, diffusion lengths
SHORTEST_CELLS = 1.5  # a shorter length cannot be told on the grid


@dataclass(frozen=True)
class Length:
    """A fitted diffusion length.

    Attributes:
        um: the length, um.
        lower_um, upper_um: 95 % interval, from residuals by blocks; None if it was given.
        converged: whether the last step was small, and the length within what the grid can tell.
        misfit: of the windows at this length.
    """

    um: float
    lower_um: float | None
    upper_um: float | None
    converged: bool
    misfit: Misfit


def fit_length(
    windows: list[Observed],
    start_um: float,
    given: bool,
    longest_um: float,
    progress: Callable[[], object] = lambda: None,
) -> Length:
    """Fit the diffusion length by Gauss-Newton, flows and misfit being refitted at each step.

    Args:
        windows: parts of a slide.
        start_um: where to begin; with ``given`` it stays, and the misfit alone is estimated.
        given: whether the length is known.
        longest_um: the longest that the windows can tell.
        progress: called once a step.
    """
    misfit, length = first_misfit(windows), start_um
    shortest = SHORTEST_CELLS * windows[0].grid.cell_um
    tracers: list[np.ndarray] = [np.maximum(each.image, 0) for each in windows]
    step, fits = np.inf, list[Fit]()
    for number in range(STEPS):
        fits = [
            fit_flows(each, length, misfit.weight(tracer, each.compared))
            for each, tracer in zip(windows, tracers, strict=True)
        ]
        progress()
        tracers = [fit.tracer for fit in fits]
        misfit = estimate_misfit(windows, fits, misfit)
        precision = sum(fit.length_precision for fit in fits)
        pull = sum(float(fit.length_scores.sum()) for fit in fits)
        step = pull / precision if precision > 0 else 0.0
        if (abs(step) < CLOSE and number > 1) or (given and number > 1):
            break
        if not given:
            step = float(np.clip(step, -LARGEST_STEP, LARGEST_STEP))
            length = float(np.clip(length * np.exp(step), shortest, longest_um))
    inside = shortest * 1.01 < length < longest_um * 0.99
    if given or not precision > 0:
        return Length(length, None, None, given, misfit)
    squares = sum(
        float((np.bincount(blocks_of(each, BLOCKS * length), fit.length_scores) ** 2).sum())
        for each, fit in zip(windows, fits, strict=True)
    )
    width = float(np.exp(NORMAL * np.sqrt(squares) / precision))
    return Length(length, length / width, length * width, abs(step) < 5 * CLOSE and inside, misfit)
