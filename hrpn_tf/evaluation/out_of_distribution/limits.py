"""Limits on the distance of a similar slide from the training slides, by leave-one-out."""

import numpy as np

# Slides of one cohort differ; fewer than this say nothing about by how much.
FEWEST = 3


def upper_limit(distances: np.ndarray, alarms: float, least: float) -> float | None:
    """The distance that one more slide of the same kind exceeds with a small probability.

    This is the one-sided prediction limit of a normal distribution,
    mean + t(1 - alarms; n - 1) * sd * sqrt(1 + 1 / n) (Hahn and Meeker, *Statistical Intervals*,
    1991, section 4.8). With few slides t is large, and so is the limit: little is known then. The
    largest of n distances could not do this: one slide in n + 1 exceeds it by chance.

    Args:
        distances: (n,) of each training slide from the others, at least 0.
        alarms: share of slides of the same kind that may exceed the limit.
        least: the limit is at least this: smaller differences do not matter.

    Returns:
        The limit, in the unit of the distances; None for fewer than ``FEWEST`` slides.

    >>> upper_limit(np.array([0.1, 0.1, 0.1]), 0.01, 0.05)
    0.1
    >>> upper_limit(np.array([0.1, 0.1]), 0.01, 0.05) is None
    True
    """
    if len(distances) < FEWEST:
        return None
    from scipy.special import stdtrit  # for trainings alone: a prediction need not wait for it

    n = len(distances)
    margin = stdtrit(n - 1, 1 - alarms) * distances.std(ddof=1) * np.sqrt(1 + 1 / n)
    return float(np.round(max(distances.mean() + margin, least), 12))
