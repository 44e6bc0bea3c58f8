"""Bounds of the irreducible error of measured slides, grey levels^2.

The best predictor answers E[target | inputs]; its mean squared error is the floor. Two things are
known of it without a simulation. It is at least the noise of the target (:mod:`.noise`). And it is
at most the error of any predictor on animals that did not train it: of a network, and of a
regression on what surrounds each pixel (:mod:`.surroundings`), which is fitted here without the
animal that it is asked about.

Between them lies what permeability and dose hide, which nothing in a cohort tells apart from what a
predictor has not learnt yet. ``docs/results/error-floor.md`` says how wide the gap is on simulated
cohorts, and which estimates within it were tried.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.errors import UsageError

FOLDS, FEWEST = 4, 2  # of animals
FILE = "error-floor.json"  # of an evaluation, with the values of ``ErrorFloor.to_json``
SETTINGS = {
    "max_iter": 150,
    "learning_rate": 0.08,
    "max_leaf_nodes": 12,
    "min_samples_leaf": 60,
    "early_stopping": False,
    "random_state": 0,
}


@dataclass(frozen=True)
class Sample:
    """Pixels of a slide, drawn at random.

    Attributes:
        group: the animal.
        features: (pixels, features), see :func:`~.surroundings.surroundings`.
        target: (pixels,) grey levels.
        evaluated: whether the floor of this slide is asked for; others only train.
        weight: pixels of the slide that each of these stands for.
    """

    group: str
    features: np.ndarray
    target: np.ndarray
    evaluated: bool = True
    weight: float = 1.0


@dataclass(frozen=True)
class ErrorFloor:
    """Bounds of the mean squared error of the best predictor, grey levels^2.

    Attributes:
        noise: of the target; no predictor has a smaller error.
        regression: error of the regression on animals that did not train it.
        network: error of the network; None if there is none.
        variance: of the target.
        animals: that were evaluated or trained the regression.
    """

    noise: float
    regression: float
    network: float | None
    variance: float
    animals: int

    @property
    def upper(self) -> float:
        """The floor is at most this."""
        known = [self.regression, self.variance]
        return min([*known, self.network] if self.network is not None else known)

    @property
    def lower(self) -> float:
        """The floor is at least this."""
        return min(self.noise, self.upper)

    def explained(self, mse: float) -> list[float | None]:
        """R2 of a predictor as a share of what can be explained: the least and the largest.

        The least is the share if noise were all that cannot be explained.

        Args:
            mse: of the predictor, grey levels^2.

        Example:
            >>> ErrorFloor(1.0, 5.0, 4.0, 10.0, 6).explained(4.0)
            [0.6666666666666666, 1.0]
        """
        return [
            (self.variance - mse) / (self.variance - floor) if self.variance > floor else None
            for floor in (self.lower, self.upper)
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "unit": "grey levels^2",
            "at_least": self.lower,
            "at_most": self.upper,
            "noise": self.noise,
            "regression": self.regression,
            "network": self.network,
            "target_variance": self.variance,
            "explainable_r2": [
                1 - each / self.variance if self.variance > 0 else None
                for each in (self.upper, self.lower)
            ],
            "network_share_of_explainable": (
                None if self.network is None else self.explained(self.network)
            ),
            "animals": self.animals,
        }


def estimate_floor(
    samples: Sequence[Sample],
    noise: float,
    network: float | None = None,
    variance: float | None = None,
) -> ErrorFloor:
    """Bounds of the irreducible error of the evaluated slides, each pixel of which counts the same.

    Args:
        samples: pixels of slides of at least two animals.
        noise: mean variance of the noise of the target over the pixels of the evaluated slides.
        network: mean squared error of a network on them, which they did not train.
        variance: of the target over them; None for an estimate from the samples.

    Raises:
        UsageError: there is one animal, or nothing is evaluated.
    """
    groups = sorted({sample.group for sample in samples})
    asked = [sample for sample in samples if sample.evaluated]
    if len(groups) < FEWEST or not asked:
        raise UsageError(
            f"--error-floor: takes slides of {FEWEST} animals with a measured target; "
            f"{len(groups)} is there"
        )
    weights = np.concatenate([np.full(len(sample.target), sample.weight) for sample in asked])
    errors = np.concatenate([own for own in cross_fitted(samples) if own is not None])
    regression = float(np.average(errors**2, weights=weights))
    if variance is None:
        target = np.concatenate([sample.target for sample in asked])
        mean = np.average(target, weights=weights)
        variance = float(np.average((target - mean) ** 2, weights=weights))
    return ErrorFloor(noise, regression, network, variance, len(groups))


def cross_fitted(samples: Sequence[Sample]) -> list[np.ndarray | None]:
    """Target minus prediction of each evaluated slide by a regression without its animal.

    Returns:
        One array per sample, None for those that are not evaluated.
    """
    groups = sorted({sample.group for sample in samples})
    order = np.random.default_rng(0).permutation(groups)
    fold = {group: i % min(FOLDS, len(groups)) for i, group in enumerate(order)}
    found: list[np.ndarray | None] = [None] * len(samples)
    for number in sorted(set(fold.values())):
        asked = [i for i, s in enumerate(samples) if s.evaluated and fold[s.group] == number]
        if not asked:
            continue
        model = fit([s for s in samples if fold[s.group] != number])
        for i in asked:
            with one_thread():
                found[i] = samples[i].target - model.predict(samples[i].features)
    return found


def fit(samples: Sequence[Sample]) -> Any:
    """Gradient-boosted trees on these slides."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    table = np.concatenate([sample.features for sample in samples])
    target = np.concatenate([sample.target for sample in samples])
    with one_thread():
        return HistGradientBoostingRegressor(**SETTINGS).fit(table, target)


def one_thread() -> AbstractContextManager[Any]:
    """The same sums on every machine, and no threads that wait for each other."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="openmp")
    return limits


def explained(shares: Sequence[float]) -> str:
    """The share of what can be explained, between its bounds, in words.

    Example:
        >>> explained([0.934, 0.81])
        'explains 81 to 93 % of what can be explained'
        >>> explained([-0.014, -0.128])  # worse than the mean of the slides
        'explains nothing of what can be explained'
    """
    least, most = sorted(100 * share for share in shares)
    share = "nothing" if least < 0 else f"{least:.0f} to {most:.0f} %"
    return f"explains {share} of what can be explained"


def to_markdown(values: Mapping[str, Any]) -> str:
    """The section of a page.

    Args:
        values: of :meth:`ErrorFloor.to_json`.
    """
    network, shares = values["network"], values["network_share_of_explainable"] or [None]
    predictors = f"regression {values['regression']:.4g}"
    predictors += "" if network is None else f", network {network:.4g}"
    text = [
        f"The mean squared error of the best predictor of these slides lies between "
        f"{values['at_least']:.4g} (noise of the target alone) and {values['at_most']:.4g} grey "
        f"levels² (the least error of a predictor on animals that did not train it: {predictors})."
    ]
    if None not in values["explainable_r2"]:
        low, high = values["explainable_r2"]
        text.append(
            f"The largest R² that anyone could reach lies between {low:.3f} and {high:.3f}."
        )
    if None not in shares:
        text.append(f"The network {explained(shares)}.")
    return f"## How good could anyone be?\n\n{' '.join(text)}\n"
