"""Everything that is measured and drawn of one predicted slide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.errors import SlideMismatchError
from hrpn_tf.evaluation.baselines import (
    DistancePlane,
    Profile,
    Scale,
    VesselDistance,
    fit_profile,
    vessel_distance,
)
from hrpn_tf.evaluation.compare import CompareSettings, Progress, compare
from hrpn_tf.evaluation.evaluation import DISTANCE, MEAN, MODEL, Compared, SlideFigures
from hrpn_tf.evaluation.figures import Picture, draw
from hrpn_tf.evaluation.metrics import figures
from hrpn_tf.evaluation.planes import ConstantPlane, Plane


@dataclass(frozen=True)
class MeasuredSlide:
    """A slide whose target was measured, as planes.

    Attributes:
        name, group, subset: see ``SlideFigures``.
        inputs: role: plane, in the run's order.
        target_role: what the target is called.
        target: the measured target.
        vessel_role: the input that shows vessels, or None if there is none.
        pixel_size_um: um per pixel.
    """

    name: str
    group: str
    subset: str
    inputs: Mapping[str, Plane]
    target_role: str
    target: Plane
    vessel_role: str | None
    pixel_size_um: float


def evaluate_slide(
    measured: MeasuredSlide,
    predicted: Plane,
    tissue: Plane | None,
    settings: CompareSettings,
    *,
    profile: Profile | None = None,
    picture: Path | None = None,
    progress: Progress | None = None,
) -> SlideFigures:
    """Compare one slide, and draw it.

    Args:
        measured: the slide.
        predicted: the prediction of its target.
        tissue: mask, or None to evaluate the whole slide only.
        settings: how planes are compared.
        profile: of the training slides, to compare with baselines too.
        picture: PNG to write.
        progress: is told about every finished window of the comparison with the prediction.

    Raises:
        SlideMismatchError: predicted and measured slide differ in size.
        NonFinitePixelsError: the prediction holds NaN or infinite pixels.
    """
    try:
        sums = compare(predicted, measured.target, tissue, settings, progress)
    except SlideMismatchError as error:
        raise SlideMismatchError(f"{measured.name}: {error}") from None
    predictors: dict[str, Compared] = {MODEL: sums}
    if profile is not None:
        predictors |= _baselines(measured, profile, tissue)
    if picture is not None:
        drawn = Picture(
            title=f"{measured.name} ({measured.subset})",
            inputs=measured.inputs,
            target=measured.target_role,
            measured=measured.target,
            predicted=predicted,
            figures=figures(sums["float", "whole"], settings.peak),
            pixel_size_um=measured.pixel_size_um,
        )
        draw(drawn, picture)
    return SlideFigures(measured.name, measured.group, measured.subset, predictors)


def fit_baselines(training: Sequence[MeasuredSlide]) -> Profile:
    """What the baselines may know: the targets of the training slides.

    Without a vessel channel only their mean is of use. With one, vessels are told from the rest
    on the scale that serves the fit better.
    """
    scales: tuple[Scale, Scale] = ("linear", "logarithmic")
    if not all(slide.vessel_role for slide in training):
        return fit_profile([(None, slide.target) for slide in training])
    fits = (
        fit_profile([(_vessel_distance(slide, scale), slide.target) for slide in training], scale)
        for scale in scales
    )
    return min(fits, key=lambda profile: profile.mse)


def common_peak(types: Mapping[str, np.dtype], peak: float | None) -> float | None:
    """The peak of all slides: as given, or the largest grey level of their integer type.

    Args:
        types: name of each measured slide: its type.
        peak: as given, or None.

    Raises:
        SlideMismatchError: slides of different types, whose grey levels cannot be pooled.
    """
    if len(set(types.values())) > 1:
        listed = ", ".join(f"{name} ({dtype})" for name, dtype in types.items())
        raise SlideMismatchError(
            f"the measured slides are of different types: {listed}; evaluate them separately"
        )
    dtype = next(iter(types.values()))
    return float(np.iinfo(dtype).max) if peak is None and dtype.kind == "u" else peak


def _baselines(
    measured: MeasuredSlide, profile: Profile, tissue: Plane | None
) -> dict[str, Compared]:
    target, settings = measured.target, CompareSettings(peak=None, rounded=False, ssim=False)
    planes: dict[str, Plane] = {MEAN: ConstantPlane(target.height, target.width, profile.mean)}
    if measured.vessel_role and profile.intensity is not None:
        distance = _vessel_distance(measured, profile.scale)
        planes[DISTANCE] = DistancePlane(distance, profile.intensity)
    return {name: compare(plane, target, tissue, settings) for name, plane in planes.items()}


def _vessel_distance(slide: MeasuredSlide, scale: Scale) -> VesselDistance:
    assert slide.vessel_role is not None
    return vessel_distance(slide.inputs[slide.vessel_role], slide.pixel_size_um, scale)
