"""The baselines of an evaluation: their fit, and their predictions for a slide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hrpn_tf.evaluation.baselines.trees import Features, Trees, TreesPlane, fit_trees
from hrpn_tf.evaluation.baselines.vessel_distance import (
    DistancePlane,
    Scale,
    VesselDistance,
    VesselDistanceBaseline,
    fit_profile,
    vessel_distance,
)
from hrpn_tf.evaluation.measured import MeasuredSlide
from hrpn_tf.evaluation.planes import ConstantPlane, Plane

MODEL = "model"
WITHOUT_ANCHOR = "model without its anchor"
MEAN = "mean of training slides"
DISTANCE = "vessel distance alone"
TREES = "gradient-boosted trees"


@dataclass(frozen=True)
class Baselines:
    """Baselines fitted on the training slides.

    Attributes:
        profile: mean of the target, and mean by distance to the nearest vessel.
        trees: boosted trees, or None if they were not fitted.
    """

    profile: VesselDistanceBaseline
    trees: Trees | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        trees = None if self.trees is None else self.trees.to_json()
        return {**self.profile.to_json(), "trees": trees}


def fit_baselines(training: Sequence[MeasuredSlide], trees: bool = False) -> Baselines:
    """Fit the baselines on the training slides.

    Without a vessel channel there is no fit to the distance. With one, vessels are segmented on the
    linear or the logarithmic scale of intensities, whichever gives the smaller error on the
    training slides.

    Args:
        training: the slides that the network was trained on; at least one.
        trees: whether to fit the trees, too.
    """
    profile = _fit_profile(training)
    if not trees:
        return Baselines(profile)
    pairs = [(_features(slide, profile), slide.target) for slide in training]
    return Baselines(profile, fit_trees(pairs))


def baseline_planes(slide: MeasuredSlide, baselines: Baselines) -> dict[str, Plane]:
    """The prediction of each baseline for a slide, by name of the baseline."""
    target, profile = slide.target, baselines.profile
    planes: dict[str, Plane] = {MEAN: ConstantPlane(target.height, target.width, profile.mean)}
    if slide.vessel_role and profile.intensity is not None:
        planes[DISTANCE] = DistancePlane(_distance(slide, profile.scale), profile.intensity)
    if baselines.trees is not None:
        planes[TREES] = TreesPlane(baselines.trees, _features(slide, profile))
    return planes


def _fit_profile(training: Sequence[MeasuredSlide]) -> VesselDistanceBaseline:
    scales: tuple[Scale, Scale] = ("linear", "logarithmic")
    if not all(slide.vessel_role for slide in training):
        return fit_profile([(None, slide.target) for slide in training])
    fits = (
        fit_profile([(_distance(slide, scale), slide.target) for slide in training], scale)
        for scale in scales
    )
    return min(fits, key=lambda profile: profile.mse)


def _features(slide: MeasuredSlide, profile: VesselDistanceBaseline) -> Features:
    distance = _distance(slide, profile.scale) if profile.intensity is not None else None
    return Features(tuple(slide.inputs.values()), distance, slide.pixel_size_um)


def _distance(slide: MeasuredSlide, scale: Scale) -> VesselDistance:
    assert slide.vessel_role is not None
    return vessel_distance(slide.inputs[slide.vessel_role], slide.pixel_size_um, scale)
