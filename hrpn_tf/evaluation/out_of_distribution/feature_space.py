"""Distance of slides in the space of a network's pooled features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np


@dataclass(frozen=True)
class FeatureSpace:
    """The training slides in the space of pooled features.

    Attributes:
        mean: (D,) mean of the slides.
        whitening: (D, D); the squared length of a difference times it is its squared Mahalanobis
            distance divided by D.
    """

    mean: np.ndarray
    whitening: np.ndarray

    def knows(self, features: np.ndarray | None) -> TypeGuard[np.ndarray]:
        """Whether features are there, and are as many as those of the network of the training."""
        return features is not None and features.shape[1] == len(self.mean)

    def distance(self, features: np.ndarray) -> float:
        """Of a slide: of the mean of its windows' features (W, D); 1 is what windows scatter by."""
        return float(np.linalg.norm((features.mean(axis=0) - self.mean) @ self.whitening))


def fit_feature_space(slides: Sequence[np.ndarray]) -> FeatureSpace:
    """Fit the scatter of windows within a slide, and the mean of the slides.

    The covariance is that of windows around the mean of their slide, since slides are too few to
    have one, shrunk as Ledoit and Wolf (2004) do, since windows may be fewer than features. The
    distance is Mahalanobis' (Lee et al., *A simple unified framework for detecting
    out-of-distribution samples*, 2018), of one class.

    Args:
        slides: (W, D) features of the windows of each, at least one.
    """
    from sklearn.covariance import LedoitWolf

    around = np.concatenate([windows - windows.mean(axis=0) for windows in slides])
    # Features that never vary would make any difference infinite.
    scale = np.maximum(around.std(axis=0), 1e-6 * max(float(np.abs(around).max()), 1e-12))
    covariance = np.zeros((around.shape[1], around.shape[1]))
    if len(around) > 1:  # of a single window scikit-learn warns, and nothing scatters
        covariance = LedoitWolf(assume_centered=True).fit(around / scale).covariance_
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, max(1e-6 * values[-1], 1e-12))
    whitening = (vectors / np.sqrt(values * len(values))) / scale[:, None]
    return FeatureSpace(np.mean([windows.mean(axis=0) for windows in slides], axis=0), whitening)
